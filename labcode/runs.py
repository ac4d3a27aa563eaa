"""Runs: an experiment trained to its record; many of them side by side, each kept as soon as it is finished."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import joblib
import torch
from tqdm import tqdm

from labcode import fetch, weights
from labcode.convnet import ConvNet
from labcode.data import Mnist, load
from labcode.experiments import Experiment
from labcode.records import RECORDS, Record, path_of, provenance, read, save
from labcode.seeds import stream
from labcode.training import ErrorCurve, count_errors, one_thread, predict, train

ENGINE = "hand"
"""What trains the recorded runs: the backward pass of Part I's formulas."""

UNFINISHED = ".unfinished"
"""Folder, within that of the records, where runs keep their checkpoints until they are recorded."""


WEIGHTS = ".weights"
"""Folder, within that of the records, where runs at full scale leave their trained networks."""


def run(
    experiment: Experiment, progress: bool = True, checkpoint: Path | None = None, keep: Path | None = None
) -> Record:
    """Train ``experiment`` and return its record: from nothing, or from where ``checkpoint`` says it was killed.

    Parameters
    ----------
    experiment : what to run.
    progress : whether to show a progress bar.
    checkpoint : see `labcode.training.train`.
    keep : file that the trained network is written to.

    >>> small = Experiment(seed=0).vary(width=1, epochs=1)
    >>> run(small, progress=False).test.images  # doctest: +SKIP
    10000
    """
    mnist = _load(experiment.scale, experiment.seed)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    history = train(
        net, mnist, experiment.recipe, experiment.seed, progress=progress, engine=ENGINE, checkpoint=checkpoint
    )
    record = Record(experiment, history, None, provenance(ENGINE))
    with one_thread():
        if not experiment.chooses:
            record = _tested(record, net, mnist)
    if keep:
        weights.save(keep, weights.TrainedNet(net, mnist.mean, mnist.deviation))
    return record


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


def missing(experiments: Iterable[Experiment], folder: Path = RECORDS) -> list[Experiment]:
    """Return those experiments that ``folder`` has no record of, each once, longest first.

    Raises
    ------
    RecordError : a record that is there is unsound. It is not replaced unasked: somebody's hours may be in it.
    """
    absent = []
    for experiment in dict.fromkeys(experiments):
        if path_of(experiment, folder).exists():
            read(experiment, folder)
        else:
            absent.append(experiment)
    # Longest first: the last runs to finish are then short, and no core waits long for another.
    return sorted(absent, key=lambda e: -e.multiply_adds)


def run_missing(experiments: Iterable[Experiment], folder: Path, workers: int) -> Iterator[Record]:
    """Train what ``folder`` lacks, ``workers`` runs side by side, and yield each record as it is finished.

    Each run is one single-threaded process, which writes its record itself: whatever happens to the others, a
    finished run is kept, and an unfinished one goes on, the next time, from its checkpoint. The bar counts
    multiply-adds, so that its estimate of the time left is fair to long runs.

    Raises
    ------
    labcode.records.RecordError : a record that is there is unsound.
    labcode.fetch.MnistUnavailableError : a run needs the full set, and it was not fetched. Nothing was trained then.
    """
    todo = missing(experiments, folder)
    if any(experiment.scale == "full" for experiment in todo):
        fetch.require(fetch.cache_root())
    folder.mkdir(parents=True, exist_ok=True)  # a place that cannot be written to is found out before any training
    jobs = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch=workers)
    with tqdm(total=sum(e.multiply_adds for e in todo), unit="MAC", unit_scale=True, desc="training") as bar:
        for record in jobs(joblib.delayed(_run_and_save)(experiment, folder) for experiment in todo):
            bar.update(record.experiment.multiply_adds)
            yield record


def _run_and_save(experiment: Experiment, folder: Path) -> Record:
    checkpoint = folder / UNFINISHED / f"{experiment.name}.safetensors"
    keep = folder / WEIGHTS / f"{experiment.name}.safetensors" if experiment.scale == "full" else None
    record = run(experiment, progress=False, checkpoint=checkpoint, keep=keep)
    save(record, folder)
    checkpoint.unlink(missing_ok=True)
    return record
