"""What the whole study costs: one seed of every ablation, and what it would cost with an idiomatic loop.

Printed by ``python -m labcode bench --suite``, which times a sample of the steps of every run; how many steps a run
takes, including conjugate gradient's evaluations, is known from its record. ``--suite trained`` trains all of them and
reads the clock.
"""

import heapq
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, dataclass, replace
from itertools import combinations, product
from pathlib import Path
from statistics import median
from typing import Any

import joblib
from tqdm import tqdm

from labcode.bench.idiomatic import idiomatic
from labcode.bench.timing import Steps, machine, take_turns
from labcode.checks import one_of
from labcode.data.mnist import load
from labcode.machine import fixed_settings
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.study.ablation import Ablation
from labcode.study.experiment import Experiment
from labcode.study.lab import THE_LABS
from labcode.study.records import RECORDS, Record, read
from labcode.study.sweep import KILLED, SweepError, run_missing
from labcode.training.history import History
from labcode.training.loop import train

HOW = ("sampled", "trained")
"""How the time is measured: from samples, in minutes, or by training everything."""

ROUNDS = 5
"""How often the idiomatic loop is timed on every setting."""


@dataclass(frozen=True)
class StudyCost:
    """The cost of one seed of every ablation, trained side by side, and of an idiomatic loop, one run after another.

    Attributes
    ----------
    how : one of ``HOW``.
    runs, levels : different runs, and levels of the ablations, some of which share a run.
    workers : processes side by side.
    seconds : until the last run ends, the longest first: by the clock if all were trained, else computed.
    longest_seconds, core_seconds : processor time of the longest run, and of all runs.
    idiomatic_seconds : of the idiomatic loop for every level; measuring the errors is counted at our own cost.
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
        """How many times as fast as the idiomatic loop, which trains every level, one after another."""
        return self.idiomatic_seconds / self.seconds

    def __str__(self) -> str:
        minutes, least, theirs = (s / 60 for s in (self.seconds, self.longest_seconds, self.idiomatic_seconds))
        return (
            f"{self.runs} runs for {self.levels} levels, {self.how}: {minutes:.0f} minutes on {self.workers} workers, "
            f"and at least {least:.0f} on any number of workers.\n"
            f"The idiomatic loop, one run after another: {theirs:.0f} minutes.\n"
            f"{self.times:.1f} times = engine {self.engine:.2f} x sharing {self.sharing:.2f} x cores {self.cores:.2f}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the measurement as JSON can hold it, with ``times`` and the machine."""
        numbers = asdict(self) | {"times": self.times}
        how = numbers.pop("how")
        return {"machine": machine(), "how": how} | {name: round(value, 3) for name, value in numbers.items()}


def study_cost(
    ablations: Iterable[Ablation],
    workers: int,
    how: str = "sampled",
    images: int = 600,
    seconds_per_turn: float = 0.5,
    folder: Path = RECORDS,
) -> StudyCost:
    """Time every run of ``ablations``, ``workers`` at a time, and a sample of the idiomatic loop, alone.

    Parameters
    ----------
    ablations : whose levels are counted; a run that several of them share is trained once.
    workers : processes side by side.
    how : "sampled" trains each run for an epoch of a few images; "trained" trains all of it, from nothing, and starts
        over if it is interrupted.
    images : training images of a sample.
    seconds_per_turn : for which the idiomatic loop is timed on each setting, in each of ``ROUNDS``.
    folder : of the records, which say how many gradients the whole of a sampled run takes.

    Raises
    ------
    ValueError : ``how`` is not one of ``HOW``.
    labcode.study.records.RecordError : a record is missing or unsound.
    labcode.study.sweep.SweepError : a worker died.

    >>> print(study_cost(THE_LABS, workers=2))  # doctest: +SKIP
    20 runs for 27 levels, sampled: 68 minutes on 2 workers, and at least 68 on any number of workers.
    The idiomatic loop, one run after another: 265 minutes.
    3.9 times = engine 1.95 x sharing 1.20 x cores 1.67
    """
    one_of("how", how, HOW)
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
    step_ms = _idiomatic_step_ms(experiments, seconds_per_turn)
    theirs = {
        experiment: run_seconds(records[experiment], step_ms[experiment], measuring_ms)
        for experiment, (_, measuring_ms) in costs.items()
    }
    shared, unshared = sum(theirs.values()), sum(theirs[experiment] for experiment in wanted)
    return StudyCost(
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
    """Return the seconds of a recorded run, given the milliseconds per gradient and per image whose error is measured.

    Conjugate gradient's evaluations count as gradients.

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
    # Side by side as in a sweep: the workers share the processor's cache and its memory.
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
    """Return the milliseconds per gradient, and per image whose error is measured."""
    # Both numbers are rounded, so the difference of a very short sample can be negative.
    measuring = max(0.0, history.total_seconds - history.seconds[-1])
    return 1e3 * history.seconds[-1] / history.gradients[-1], 1e3 * measuring / _measured(history)


def _measured(history: History) -> int:
    """Return how many images' errors were measured, over all measurements."""
    return len(history.train.errors) * (history.train.images + history.validation.images)


def _idiomatic_step_ms(experiments: Iterable[Experiment], seconds: float) -> dict[Experiment, float]:
    """Return the milliseconds per step of the idiomatic loop, the median over rounds in which the settings take turns.

    A busy moment of the machine then spoils one round of several.
    """
    with fixed_settings():
        loops = {experiment: _idiomatic_loop(experiment) for experiment in experiments}
        rounds = [take_turns(loops, 1, seconds) for _ in tqdm(range(ROUNDS), desc="idiomatic loop")]
    return {experiment: median(times[experiment][0] for times in rounds) for experiment in loops}


def _idiomatic_loop(experiment: Experiment) -> Steps:
    net, images = ConvNet(experiment.network, stream(0, "initial weights")), load("tenth", experiment.seed).train
    return idiomatic(net, images, experiment.recipe.batch_size, 1e-3)


def last_end(durations: Iterable[float], workers: int) -> float:
    """Return when the last run ends if every free worker takes the longest run that is left.

    >>> last_end([1.0, 5.0, 1.0], workers=2)
    5.0
    """
    ends = [0.0] * workers
    for seconds in sorted(durations, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def pair_seconds(
    ablations: Iterable[Ablation], seconds: Mapping[Experiment, float], times_the_images: int = 10
) -> tuple[dict[Experiment, float], int]:
    """Estimate the runs that vary two factors at a time, on all images: every pair of levels of every two ablations.

    A pair is taken to multiply the baseline's time by what its two levels multiply it by alone, and a run on
    ``times_the_images`` to take that many times as long.

    Parameters
    ----------
    ablations : the factors.
    seconds : of every run of seed 0, on a tenth of the images.
    times_the_images : how many times as many images.

    Returns the seconds of every different run, and the number of pairs that no network can have, such as one stage with
    dropout in two.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> from labcode.study.lab.pooling import POOLING
    >>> both = [HIDDEN_UNITS, POOLING]
    >>> seconds = {run: 60.0 for ablation in both for run in ablation.experiments([0])}
    >>> runs, impossible = pair_seconds(both, seconds)
    >>> len(runs) == len(HIDDEN_UNITS.levels) * len(POOLING.levels), set(runs.values()), impossible
    (True, {600.0}, 0)
    """
    baseline = Experiment(seed=0)
    runs, impossible = {}, 0
    for one, other in combinations(ablations, 2):
        for (a, first), (b, second) in product(one.levels.items(), other.levels.items()):
            try:
                pair = baseline.vary(scale="full", **{**first, **second})
            except ValueError:
                impossible += 1
                continue
            alone = seconds[one.experiment(a, 0)] * seconds[other.experiment(b, 0)]
            runs[pair] = times_the_images * alone / seconds[baseline]
    return runs, impossible


def main(workers: int, how: str, as_json: bool) -> None:
    """Measure the cost of the lab's ablations and print it, in words or as JSON."""
    measured = study_cost(THE_LABS, workers, how)
    print(json.dumps(measured.as_json(), indent=1) if as_json else measured)
