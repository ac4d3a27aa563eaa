"""What the whole study costs: one seed of every ablation, and what it would cost by an idiomatic loop.

Printed by ``python -m labcode bench --suite``, which times a sample of every run's steps. How many steps a run takes,
conjugate gradient's evaluations included, is known from its record.
"""

import heapq
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
from tqdm import tqdm

from labcode import peers
from labcode.ablations import Ablation
from labcode.bench import machine, take_turns
from labcode.convnet import ConvNet
from labcode.data import load
from labcode.experiments import Experiment
from labcode.records import RECORDS, Record, read
from labcode.seeds import stream
from labcode.training import one_thread, train


@dataclass(frozen=True)
class Suite:
    """One seed of every ablation, side by side, and the same by an idiomatic loop, one run after the other.

    Attributes
    ----------
    runs, levels : different runs; levels asked for by the ablations, which share some.
    workers : processes side by side.
    seconds : until the last run ends, the longest first.
    core_seconds : of all runs, added up.
    idiomatic_seconds : of the idiomatic loop for every level; measuring the errors is counted at what it costs here.
    engine, sharing, cores : the factors whose product is ``times``.
    """

    runs: int
    levels: int
    workers: int
    seconds: float
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
    images: int = 600,
    seconds_a_turn: float = 2.0,
    folder: Path = RECORDS,
) -> Suite:
    """Time a sample of every run of ``ablations``, ``workers`` at a time, and of the idiomatic loop, alone.

    Parameters
    ----------
    ablations : whose levels are counted, each run once however many of them ask for it.
    workers : processes side by side.
    images : on which a run is sampled, one epoch of them.
    seconds_a_turn : for which the idiomatic loop is timed on each setting.
    folder : of the records, which say how many gradients each run takes.

    Raises
    ------
    labcode.records.RecordError : a record is missing or unsound.

    >>> from labcode.ablations import THE_LABS
    >>> print(describe(measure_suite(THE_LABS, workers=2)))  # doctest: +SKIP
    20 runs for 27 levels in 38 minutes on 2 workers; the idiomatic loop, one after the other: 124 minutes.
    3.2 times = engine 1.56 x sharing 1.19 x cores 1.75
    """
    wanted = [experiment for ablation in ablations for experiment in ablation.experiments([0])]
    records = {experiment: read(experiment, folder) for experiment in dict.fromkeys(wanted)}
    longest_first = sorted(records, key=lambda experiment: -records[experiment].history.gradients[-1])
    # As in a sweep, the other workers are busy meanwhile: they share the processor's cache and its memory.
    side_by_side = joblib.Parallel(n_jobs=workers, return_as="generator")
    sampled = side_by_side(joblib.delayed(_sample)(experiment, images) for experiment in longest_first)
    costs = dict(zip(longest_first, tqdm(sampled, desc="our loop", total=len(records)), strict=True))
    own = [run_seconds(records[experiment], *cost) for experiment, cost in costs.items()]
    idiomatic = {
        experiment: run_seconds(records[experiment], _idiomatic_step_ms(experiment, seconds_a_turn), measuring_ms)
        for experiment, (_, measuring_ms) in tqdm(costs.items(), desc="idiomatic loop")
    }
    core_seconds, seconds = sum(own), last_end(own, workers)
    shared, unshared = sum(idiomatic.values()), sum(idiomatic[experiment] for experiment in wanted)
    return Suite(
        runs=len(records),
        levels=len(wanted),
        workers=workers,
        seconds=seconds,
        core_seconds=core_seconds,
        idiomatic_seconds=unshared,
        engine=shared / core_seconds,
        sharing=unshared / shared,
        cores=core_seconds / seconds,
    )


def run_seconds(record: Record, gradient_ms: float, measuring_ms: float) -> float:
    """Return what a recorded run takes when a minibatch gradient, and measuring an image's error, take so long.

    Conjugate gradient's evaluations are counted as gradients.

    >>> run_seconds(read(Experiment(seed=0)), gradient_ms=1.0, measuring_ms=0.5)  # 84 000 and 72 000 times
    120.0
    """
    history = record.history
    measured = len(history.train.errors) * (history.train.images + history.validation.images)
    return (history.gradients[-1] * gradient_ms + measured * measuring_ms) / 1e3


def _sample(experiment: Experiment, images: int) -> tuple[float, float]:
    """Train for an epoch of ``images``; return the milliseconds of a gradient, and of measuring an image's error."""
    mnist = load("tenth", experiment.seed).first(images, images)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    recipe = replace(experiment.recipe, epochs=1, measured_every=1)
    history = train(net, mnist, recipe, experiment.seed, progress=False)
    measuring = history.total_seconds - history.seconds[-1]
    measured = len(mnist.train) + len(mnist.validation)
    return 1e3 * history.seconds[-1] / history.gradients[-1], 1e3 * measuring / measured


def _idiomatic_step_ms(experiment: Experiment, seconds: float) -> float:
    net, images = ConvNet(experiment.network, stream(0, "initial weights")), load("tenth", experiment.seed).train
    with one_thread():
        loop = peers.idiomatic(net, images, experiment.recipe.batch_size, 1e-3)
        (times,) = take_turns({"idiomatic": loop}, 1, seconds).values()
    return times[0]


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
    """Say the estimate in words.

    >>> print(describe(Suite(20, 25, 2, 1800.0, 3420.0, 9000.0, 2.0, 1.316, 1.9)))
    20 runs for 25 levels in 30 minutes on 2 workers; the idiomatic loop, one after the other: 150 minutes.
    5.0 times = engine 2.00 x sharing 1.32 x cores 1.90
    """
    return (
        f"{suite.runs} runs for {suite.levels} levels in {suite.seconds / 60:.0f} minutes on {suite.workers} workers; "
        f"the idiomatic loop, one after the other: {suite.idiomatic_seconds / 60:.0f} minutes.\n"
        f"{suite.times:.1f} times = engine {suite.engine:.2f} x sharing {suite.sharing:.2f} x cores {suite.cores:.2f}"
    )


def as_json(suite: Suite) -> dict:
    """Return the measurement as JSON can hold it, with ``times`` and the machine.

    >>> measured = as_json(Suite(20, 25, 2, 1800.0, 3420.0, 9000.0, 2.0, 1.316, 1.9))
    >>> measured["times"], measured["machine"]["threads"]
    (5.0, 1)
    """
    numbers = asdict(suite) | {"times": suite.times}
    return {"machine": machine()} | {name: round(value, 3) for name, value in numbers.items()}
