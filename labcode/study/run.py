"""A run: an experiment trained to its record, alone or in lockstep with others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor

from labcode.data.mnist import Images, Mnist, UnseenImages, load, load_unseen
from labcode.machine import require_device
from labcode.network.convnet import ConvNet
from labcode.network.weights import TrainedNet
from labcode.seeds import stream
from labcode.study.experiment import Experiment
from labcode.study.records import Record, provenance
from labcode.training.evaluation import predict
from labcode.training.fleet import predict_fleet, train_fleet
from labcode.training.fleet_memory import largest_fleet
from labcode.training.fleet_network import shared
from labcode.training.history import ErrorCurve
from labcode.training.loop import train

ENGINE = "hand"
"""What trains a run alone: the backward pass of Part I's formulas."""

IMAGES = {"tenth": 16_000, "own": 16_000, "full": 70_000}
"""Those that a run keeps in memory: training, validation and test."""

Parts = Sequence[Images | UnseenImages]
"""The images of each run of a group."""


@dataclass(frozen=True)
class Run:
    """An experiment that was run.

    Attributes
    ----------
    record : what it measured.
    trained : the network that it ended with.
    """

    record: Record
    trained: TrainedNet


def run(experiment: Experiment, progress: bool = True, checkpoint: Path | None = None) -> Run:
    """Train ``experiment`` and measure it: from nothing, or from where ``checkpoint`` says it was killed.

    >>> small = Experiment(seed=0).vary(width=1, epochs=1)
    >>> run(small, progress=False).record.test.images  # doctest: +SKIP
    10000
    """
    (done,) = run_group([experiment], progress=progress, checkpoint=checkpoint)
    return done


def run_group(
    experiments: Sequence[Experiment],
    device: str | None = None,
    progress: bool = True,
    checkpoint: Path | None = None,
) -> list[Run]:
    """Train and measure a group of `groups`: one run by hand, or a fleet on ``device``.

    >>> small = [Experiment(seed).vary(width=1, epochs=1) for seed in range(2)]
    >>> [done.record.provenance["engine"] for done in run_group(small, "cpu", progress=False)]  # doctest: +SKIP
    ['fleet', 'fleet']
    """
    mnists = [_load(e.scale, e.seed) for e in experiments]
    nets = [ConvNet(e.network, stream(e.seed, "initial weights")) for e in experiments]
    runs = nets, mnists, [e.recipe for e in experiments], [e.seed for e in experiments]
    predicted: Callable[[Parts], Iterable[Tensor]]
    if device:
        histories = train_fleet(*runs, device, progress, checkpoint)
        made_by = provenance("fleet", device) | {"runs": str(len(experiments))}
        predicted = partial(predict_fleet, nets, device=device)
    else:
        (single,) = zip(*runs, strict=True)
        histories = [train(*single, progress, ENGINE, checkpoint)]
        made_by = provenance(ENGINE)
        predicted = partial(map, predict, nets)
    records = [Record(e, history, None, made_by) for e, history in zip(experiments, histories, strict=True)]
    if not experiments[0].chooses:
        records = _tested(records, mnists, predicted, device or "cpu")
    trained = [TrainedNet(net, mnist.mean, mnist.deviation) for net, mnist in zip(nets, mnists, strict=True)]
    return list(map(Run, records, trained))


def _tested(
    records: Sequence[Record],
    mnists: Sequence[Mnist],
    predicted: Callable[[Parts], Iterable[Tensor]],
    device: str,
) -> list[Record]:
    """Add what the finished networks do on the test images; on others, as the scale asks.

    At full scale these are all the training images, at scale own those outside of the run's own tenth.
    """
    scale = records[0].experiment.scale
    found = []
    for record, mnist, digits in zip(records, mnists, predicted([mnist.test for mnist in mnists]), strict=True):
        wrong = torch.nonzero(digits != mnist.test.labels).flatten().tolist()
        missed = None if scale == "tenth" else tuple((place, int(digits[place])) for place in wrong)
        found.append(replace(record, test=ErrorCurve((len(wrong),), len(mnist.test)), missed=missed))
    if scale == "full":
        fitted = _count(predicted, [mnist.train for mnist in mnists])
        found = [replace(record, fitted=curve) for record, curve in zip(found, fitted, strict=True)]
    if scale == "own":
        unseen = _count(predicted, load_unseen([record.experiment.seed for record in records], mnists, device))
        found = [replace(record, unseen=curve) for record, curve in zip(found, unseen, strict=True)]
    return found


def _count(predicted: Callable[[Parts], Iterable[Tensor]], parts: Parts) -> list[ErrorCurve]:
    wrong = [int((digits != part.labels).sum()) for digits, part in zip(predicted(parts), parts, strict=True)]
    return [ErrorCurve((count,), len(part)) for count, part in zip(wrong, parts, strict=True)]


def groups(experiments: Iterable[Experiment], device: str | None = None) -> list[tuple[Experiment, ...]]:
    """Return which runs are trained together: none; on a ``device``, fleets of runs of one shape.

    A fleet has no more runs than the memory holds. The groups are in the order of their first runs.

    Raises
    ------
    ValueError : there is no such device.

    >>> runs = [Experiment(seed).vary(width=width) for seed in range(3) for width in (16, 128)]
    >>> [len(group) for group in groups(runs)], [len(group) for group in groups(runs, "cpu")]
    ([1, 1, 1, 1, 1, 1], [3, 3])
    """
    if device is None:
        return [(experiment,) for experiment in experiments]
    require_device(device)
    alike: dict[tuple, list[Experiment]] = {}
    for each in experiments:
        # Runs that choose settings see no test images.
        alike.setdefault((each.scale, each.chooses, shared(each.network), shared(each.recipe)), []).append(each)
    found = []
    for (scale, _, network, recipe), runs in alike.items():
        fleets = -(-len(runs) // largest_fleet(network, recipe.batch_size, IMAGES[scale], device))
        found += [tuple(runs[number::fleets]) for number in range(fleets)]
    return found


@lru_cache(maxsize=1)
def _load(scale: str, seed: int) -> Mnist:
    """Load once for successive runs on the same split."""
    return load(scale, seed)
