"""A run: an experiment trained to its record."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from labcode.data.mnist import Mnist, load
from labcode.network.convnet import ConvNet
from labcode.network.weights import TrainedNet
from labcode.seeds import stream
from labcode.study.experiment import Experiment
from labcode.study.records import Record, provenance
from labcode.training.evaluation import count_errors, predict
from labcode.training.history import ErrorCurve
from labcode.training.loop import train

ENGINE = "hand"
"""What trains the recorded runs: the backward pass of Part I's formulas."""


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
    mnist = _load(experiment.scale, experiment.seed)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    history = train(
        net, mnist, experiment.recipe, experiment.seed, progress=progress, engine=ENGINE, checkpoint=checkpoint
    )
    record = Record(experiment, history, None, provenance(ENGINE))
    if not experiment.chooses:
        record = _tested(record, net, mnist)
    return Run(record, TrainedNet(net, mnist.mean, mnist.deviation))


def _tested(record: Record, net: ConvNet, mnist: Mnist) -> Record:
    """Add to ``record`` what the finished network does on the test images, and at full scale what it did not learn."""
    predicted = predict(net, mnist.test)
    missed = torch.nonzero(predicted != mnist.test.labels).flatten().tolist()
    record = replace(record, test=ErrorCurve((len(missed),), len(mnist.test)))
    if record.experiment.scale == "tenth":
        return record
    return replace(
        record,
        fitted=ErrorCurve((count_errors(net, mnist.train),), len(mnist.train)),
        missed=tuple((place, int(predicted[place])) for place in missed),
    )


@lru_cache(maxsize=1)
def _load(scale: str, seed: int) -> Mnist:
    """Load once for successive runs on the same split."""
    return load(scale, seed)
