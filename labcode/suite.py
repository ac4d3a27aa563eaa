"""What the whole study costs: one seed of every ablation, and what it would have cost by an idiomatic loop.

Printed by ``python -m labcode bench --suite``, which trains for half an hour on two cores.
"""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from labcode import peers
from labcode.ablations import Ablation
from labcode.bench import take_turns
from labcode.convnet import ConvNet, ConvNetConfig
from labcode.data import Images, load
from labcode.records import Record
from labcode.seeds import stream
from labcode.sweep import run_missing
from labcode.training import one_thread


@dataclass(frozen=True)
class Suite:
    """One seed of every ablation, measured, beside the same by an idiomatic loop, one run after the other.

    Attributes
    ----------
    runs, levels : trained here; asked for by the ablations, which share some.
    workers : processes side by side.
    seconds : by the clock, everything from nothing.
    core_seconds : processor time of all runs, added up.
    idiomatic_seconds : of the idiomatic loop for every level, estimated from its steps; measuring the errors is counted
        at what it costs here.
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


def measure_suite(ablations: Iterable[Ablation], workers: int, seed: int = 0, seconds_a_turn: float = 2.0) -> Suite:
    """Train one seed of ``ablations`` from nothing, then time the idiomatic loop on the same settings.

    Parameters
    ----------
    ablations : whose levels are trained, each run once however many of them ask for it.
    workers : processes side by side.
    seed : of the runs.
    seconds_a_turn : for which the idiomatic loop is timed on each setting.
    """
    wanted = [experiment for ablation in ablations for experiment in ablation.experiments([seed])]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        records = {record.experiment: record for record in run_missing(wanted, Path(folder), workers)}
        seconds = time.perf_counter() - start
    images = load("tenth", seed).train
    idiomatic = {
        experiment: idiomatic_seconds(record, images, seconds_a_turn)
        for experiment, record in tqdm(records.items(), desc="idiomatic loop", unit="run")
    }
    core_seconds = sum(record.history.total_seconds for record in records.values())
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


def idiomatic_seconds(record: Record, images: Images, seconds_a_turn: float) -> float:
    """Estimate what the idiomatic loop would take for a recorded run: its gradients at their cost in that loop.

    Conjugate gradient's evaluations are counted as steps.
    """
    experiment, history = record.experiment, record.history
    step_ms = _step_ms(experiment.network, experiment.recipe.batch_size, images, seconds_a_turn)
    measuring = history.total_seconds - history.seconds[-1]
    return history.gradients[-1] * step_ms / 1e3 + measuring


def _step_ms(config: ConvNetConfig, batch_size: int, images: Images, seconds: float) -> float:
    net = ConvNet(config, stream(0, "initial weights"))
    with one_thread():
        (times,) = take_turns({"idiomatic": peers.idiomatic(net, images, batch_size, 1e-3)}, 1, seconds).values()
    return times[0]


def describe(suite: Suite) -> str:
    """Say the measurement in words.

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
    """Return the measurement as JSON can hold it, with ``times``."""
    return {name: round(value, 3) for name, value in (asdict(suite) | {"times": suite.times}).items()}
