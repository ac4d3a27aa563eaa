"""What the whole study costs: one seed of every ablation, and what it would cost by an idiomatic loop.

Printed by ``python -m labcode bench --suite``, which times a sample of every run's steps: how many steps a run takes,
conjugate gradient's evaluations included, is known from its record. ``--suite trained`` trains them all and looks at
the clock.
"""

import heapq
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import joblib
from tqdm import tqdm

from labcode.bench import peers
from labcode.bench.steps import machine, take_turns
from labcode.data.mnist import load
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.study.ablation import Ablation
from labcode.study.experiment import Experiment
from labcode.study.records import RECORDS, Record, read
from labcode.study.sweep import KILLED, SweepError, run_missing
from labcode.training.evaluation import one_thread
from labcode.training.history import History
from labcode.training.loop import train

HOW = ("sampled", "trained")
"""How the study's time is measured: in minutes, or by doing all of it."""

ROUNDS = 5
"""In which the idiomatic loop is timed on every setting."""


@dataclass(frozen=True)
class Suite:
    """One seed of every ablation, side by side, and the same by an idiomatic loop, one run after the other.

    Attributes
    ----------
    how : one of ``HOW``.
    runs, levels : different runs; levels asked for by the ablations, which share some.
    workers : processes side by side.
    seconds : until the last run ends, the longest first: by the clock if all were trained, else on paper.
    longest_seconds, core_seconds : of the longest run, and of all added up: processor time.
    idiomatic_seconds : of the idiomatic loop for every level; measuring the errors is counted at what it costs here.
    engine, sharing, cores : the factors whose product is ``times``.
    """

    how: str
    runs: int
    levels: int
    workers: int
    seconds: float
    longest_seconds: float
    core_seconds: float
    idiomatic_seconds: float
    engine: float
    sharing: float
    cores: float

    @property
    def times(self) -> float:
        """How many times as fast as the idiomatic loop, one run after the other, without sharing."""
        return self.idiomatic_seconds / self.seconds


def measure_suite(
    ablations: Iterable[Ablation],
    workers: int,
    how: str = "sampled",
    images: int = 600,
    seconds_a_turn: float = 0.5,
    folder: Path = RECORDS,
) -> Suite:
    """Time every run of ``ablations``, ``workers`` at a time, and a sample of the idiomatic loop, alone.

    Parameters
    ----------
    ablations : whose levels are counted, each run once however many of them ask for it.
    workers : processes side by side.
    how : "sampled" for an epoch of a few images of each run, "trained" for all of it, from nothing. The clock cannot be
        stopped: what is interrupted then starts over.
    images : on which a run is sampled.
    seconds_a_turn : for which the idiomatic loop is timed on each setting, in each of ``ROUNDS``.
    folder : of the records, which say how many gradients a run takes of which only a sample is trained.

    Raises
    ------
    ValueError : ``how`` is not one of ``HOW``.
    labcode.study.records.RecordError : a record is missing or unsound.
    labcode.study.sweep.SweepError : a worker died.

    >>> from labcode.study.ablation import THE_LABS
    >>> print(describe(measure_suite(THE_LABS, workers=2)))  # doctest: +SKIP
    20 runs for 27 levels, sampled: 68 minutes on 2 workers, and 68 at the least on any number of them.
    The idiomatic loop, one run after the other: 265 minutes.
    3.9 times = engine 1.95 x sharing 1.20 x cores 1.67
    """
    if how not in HOW:
        raise ValueError(f"The suite is {' or '.join(HOW)}, not {how!r}.")
    wanted = [experiment for ablation in ablations for experiment in ablation.experiments([0])]
    experiments = list(dict.fromkeys(wanted))
    if how == "trained":
        clock, records = _train_all(experiments, workers)
        costs = {experiment: _milliseconds(record.history) for experiment, record in records.items()}
    else:
        records = {experiment: read(experiment, folder) for experiment in experiments}
        costs = _sample_all(records, workers, images)
    own = [run_seconds(records[experiment], *cost) for experiment, cost in costs.items()]
    seconds = clock if how == "trained" else last_end(own, workers)
    step_ms = _idiomatic_step_ms(experiments, seconds_a_turn)
    idiomatic = {
        experiment: run_seconds(records[experiment], step_ms[experiment], measuring_ms)
        for experiment, (_, measuring_ms) in costs.items()
    }
    shared, unshared = sum(idiomatic.values()), sum(idiomatic[experiment] for experiment in wanted)
    return Suite(
        how=how,
        runs=len(records),
        levels=len(wanted),
        workers=workers,
        seconds=seconds,
        longest_seconds=max(own),
        core_seconds=sum(own),
        idiomatic_seconds=unshared,
        engine=shared / sum(own),
        sharing=unshared / shared,
        cores=sum(own) / seconds,
    )


def run_seconds(record: Record, gradient_ms: float, measuring_ms: float) -> float:
    """Return what a recorded run takes when a minibatch gradient, and measuring an image's error, take so long.

    Conjugate gradient's evaluations are counted as gradients.

    >>> run_seconds(read(Experiment(seed=0)), gradient_ms=1.0, measuring_ms=0.5)  # 84 000 and 72 000 times
    120.0
    """
    history = record.history
    return (history.gradients[-1] * gradient_ms + _measured(history) * measuring_ms) / 1e3


def _train_all(experiments: list[Experiment], workers: int) -> tuple[float, dict[Experiment, Record]]:
    """Train every run from nothing, as a sweep does; return the seconds by the clock, and the records."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        records = {record.experiment: record for record in run_missing(experiments, Path(folder), workers)}
    return time.perf_counter() - began, records


def _sample_all(records: dict[Experiment, Record], workers: int, images: int) -> dict[Experiment, tuple[float, float]]:
    """Train a sample of every recorded run, the longest first; return ``_milliseconds`` of each."""
    longest_first = sorted(records, key=lambda experiment: -records[experiment].history.gradients[-1])
    # As in a sweep, the other workers are busy meanwhile: they share the processor's cache and its memory.
    side_by_side = joblib.Parallel(n_jobs=workers, return_as="generator")
    sampled = side_by_side(joblib.delayed(_sample)(experiment, images) for experiment in longest_first)
    histories = tqdm(sampled, desc="our loop", total=len(records))
    try:
        return {run: _milliseconds(history) for run, history in zip(longest_first, histories, strict=True)}
    except BrokenExecutor as error:
        raise SweepError(KILLED) from error


def _sample(experiment: Experiment, images: int) -> History:
    """Train for an epoch of ``images``."""
    mnist = load("tenth", experiment.seed).first(images, images)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    recipe = replace(experiment.recipe, epochs=1, measured_every=1)
    return train(net, mnist, recipe, experiment.seed, progress=False)


def _milliseconds(history: History) -> tuple[float, float]:
    """Return the milliseconds of a gradient, and of measuring an image's error."""
    # Both are rounded, so that a very short sample would leave less than nothing.
    measuring = max(0.0, history.total_seconds - history.seconds[-1])
    return 1e3 * history.seconds[-1] / history.gradients[-1], 1e3 * measuring / _measured(history)


def _measured(history: History) -> int:
    """Return how often an image's error was measured."""
    return len(history.train.errors) * (history.train.images + history.validation.images)


def _idiomatic_step_ms(experiments: Iterable[Experiment], seconds: float) -> dict[Experiment, float]:
    """Return the milliseconds of a step of the idiomatic loop: the median over rounds in which the settings take turns.

    So a busy moment of the machine meets one round of several, whichever setting it falls on.
    """
    by_name = {experiment.name: experiment for experiment in experiments}
    with one_thread():
        loops = {name: _idiomatic_loop(experiment) for name, experiment in by_name.items()}
        rounds = [take_turns(loops, 1, seconds) for _ in tqdm(range(ROUNDS), desc="idiomatic loop")]
    return {experiment: median(times[name][0] for times in rounds) for name, experiment in by_name.items()}


def _idiomatic_loop(experiment: Experiment) -> Iterator[float]:
    net, images = ConvNet(experiment.network, stream(0, "initial weights")), load("tenth", experiment.seed).train
    return peers.idiomatic(net, images, experiment.recipe.batch_size, 1e-3)


def last_end(durations: Iterable[float], workers: int) -> float:
    """Return when the last run ends if each worker that is free takes the longest that is left.

    >>> last_end([1.0, 5.0, 1.0], workers=2)
    5.0
    """
    ends = [0.0] * workers
    for seconds in sorted(durations, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def describe(suite: Suite) -> str:
    """Say it in words.

    >>> print(describe(Suite("sampled", 20, 25, 2, 1800.0, 1500.0, 3420.0, 9000.0, 2.0, 1.316, 1.9)))
    20 runs for 25 levels, sampled: 30 minutes on 2 workers, and 25 at the least on any number of them.
    The idiomatic loop, one run after the other: 150 minutes.
    5.0 times = engine 2.00 x sharing 1.32 x cores 1.90
    """
    minutes, least, idiomatic = (s / 60 for s in (suite.seconds, suite.longest_seconds, suite.idiomatic_seconds))
    return (
        f"{suite.runs} runs for {suite.levels} levels, {suite.how}: {minutes:.0f} minutes on {suite.workers} workers, "
        f"and {least:.0f} at the least on any number of them.\n"
        f"The idiomatic loop, one run after the other: {idiomatic:.0f} minutes.\n"
        f"{suite.times:.1f} times = engine {suite.engine:.2f} x sharing {suite.sharing:.2f} x cores {suite.cores:.2f}"
    )


def as_json(suite: Suite) -> dict:
    """Return the measurement as JSON can hold it, with ``times`` and the machine.

    >>> measured = as_json(Suite("sampled", 20, 25, 2, 1800.0, 1500.0, 3420.0, 9000.0, 2.0, 1.316, 1.9))
    >>> measured["times"], measured["machine"]["threads"]
    (5.0, 1)
    """
    numbers = asdict(suite) | {"times": suite.times}
    how = numbers.pop("how")
    return {"machine": machine(), "how": how} | {name: round(value, 3) for name, value in numbers.items()}
