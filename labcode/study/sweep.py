"""A sweep: many runs side by side, on this machine's cores or on a cluster's, each kept as soon as it is finished."""

import hashlib
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import joblib
from safetensors import SafetensorError
from tqdm import tqdm

from labcode.data import download as fetch
from labcode.data.mnist import TENTH_FILE
from labcode.network import weights
from labcode.study.experiment import Experiment
from labcode.study.records import RECORDS, Record, path_of, read, save
from labcode.study.run import Run, run
from labcode.training.numerics import NUMERICS

UNFINISHED = ".unfinished"
"""Folder, within that of the records, where runs on this machine keep their checkpoints until they are recorded."""

WEIGHTS = ".weights"
"""Folder, within that of the records, where the trained networks of runs at full scale are kept."""


KILLED = "A worker was killed, perhaps for want of memory."
GOES_ON = "Finished runs are kept, and the same command goes on where this one stopped."

SideBySide = Callable[[Callable[[Experiment], Run], Iterable[Experiment]], Iterator[Run]]


class SweepError(RuntimeError):
    """Workers cannot be used: they died, the cluster does not answer, or a worker would not give the same results."""


def missing(experiments: Iterable[Experiment], folder: Path = RECORDS) -> list[Experiment]:
    """Return those experiments that ``folder`` has no record of, each once, longest first.

    Raises
    ------
    labcode.study.records.RecordError : a record that is there is unsound. It is not replaced unasked: somebody's hours may be
        in it.

    >>> wanted = [Experiment(seed=0), Experiment(seed=0).vary(width=128)]
    >>> [experiment.name for experiment in missing(wanted, Path("empty"))], missing(wanted)
    (['width=128_seed=0', 'baseline_seed=0'], [])
    """
    absent = []
    for experiment in dict.fromkeys(experiments):
        if path_of(experiment, folder).exists():
            read(experiment, folder)
        else:
            absent.append(experiment)
    # Longest first: the last runs to finish are then short, and no core waits long for another.
    return sorted(absent, key=lambda e: -e.multiply_adds)


def run_missing(
    experiments: Iterable[Experiment], folder: Path, workers: int, cluster: str | None = None
) -> Iterator[Record]:
    """Train what ``folder`` lacks and yield each record once it is written there.

    A run is one thread's work. Here, ``workers`` processes run side by side, and each keeps a checkpoint whenever it
    has measured its errors: whatever is killed, finished runs are kept, and unfinished ones go on the next time. On a
    cluster, a run whose worker died starts again on another; workers need nothing but the package, and for runs at
    full scale the full MNIST set, and the records come back here.

    The bar counts multiply-adds, so that its estimate of the time left is fair to long runs.

    Parameters
    ----------
    experiments : what is wanted; each is run once, and only if ``folder`` has no record of it.
    folder : of the records.
    workers : processes on this machine.
    cluster : address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; its workers are then used in place of this
        machine's.

    Raises
    ------
    labcode.study.records.RecordError : a record that is there is unsound.
    labcode.data.download.MnistUnavailableError : a run needs the full set, and it was not fetched. Nothing was trained then.
    OSError : the folder cannot be made, or takes no file. Nothing was trained then.
    labcode.network.weights.WeightsError : a trained network cannot be written. What was finished by then is kept.
    SweepError : a worker on this machine died, or cannot write its checkpoint; or the cluster does not answer or gave
        a run up, or a worker of it has other code or other data. What was finished by then is kept.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(read(Experiment(seed=0)), Path(folder))
    ...     list(run_missing([Experiment(seed=0)], Path(folder), workers=1))  # what is recorded is not trained again
    []
    """
    todo = missing(experiments, folder)
    if any(experiment.scale == "full" for experiment in todo):
        fetch.require(fetch.cache_root())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass  # a place that cannot be written to is found out before any training
    checkpoints = None if cluster else folder / UNFINISHED
    expected = fingerprint()
    with (
        _processes(workers) if cluster is None else _cluster(cluster) as side_by_side,
        tqdm(total=sum(e.multiply_adds for e in todo), unit="MAC", unit_scale=True, desc="training") as bar,
    ):
        for done in side_by_side(partial(_work, checkpoints=checkpoints, expected=expected), todo):
            _keep(done, folder)
            bar.update(done.record.experiment.multiply_adds)
            yield done.record


def _work(experiment: Experiment, checkpoints: Path | None, expected: dict[str, str]) -> Run:
    """Run ``experiment`` in a worker, wherever that is."""
    _require_same(expected, fingerprint(), f"A worker on {socket.gethostname()}")
    try:
        return run(experiment, progress=False, checkpoint=checkpoints and _checkpoint(experiment, checkpoints))
    except SafetensorError as error:
        raise SweepError(f"The checkpoint of {experiment.name} cannot be written: {error}. {GOES_ON}") from error


def _keep(done: Run, folder: Path) -> None:
    """Write the record, and at full scale the network before it; then the checkpoint has had its day."""
    experiment = done.record.experiment
    if experiment.scale == "full":
        weights.save(folder / WEIGHTS / f"{experiment.name}.safetensors", done.trained)
    save(done.record, folder)
    _checkpoint(experiment, folder / UNFINISHED).unlink(missing_ok=True)


def _checkpoint(experiment: Experiment, folder: Path) -> Path:
    # Never resume the checkpoint of another numerics version: the record would claim all of it for this one.
    return folder / f"{experiment.name}.numerics-{NUMERICS}.safetensors"


def fingerprint() -> dict[str, str]:
    """Return what two machines must share to give the same results: numerics, versions, data.

    >>> sorted(fingerprint())
    ['data', 'labcode', 'numerics', 'torch']
    """
    return {
        "labcode": version("labcode"),
        "numerics": str(NUMERICS),
        "torch": version("torch"),
        "data": hashlib.sha256(TENTH_FILE.read_bytes()).hexdigest()[:16],
    }


def _require_same(expected: dict[str, str], found: dict[str, str], who: str) -> None:
    if differing := [name for name in expected if found.get(name) != expected[name]]:
        listed = ", ".join(f"{name} {found.get(name)} in place of {expected[name]}" for name in differing)
        raise SweepError(f"{who} would not give the same results: it has {listed}.")


@contextmanager
def _processes(workers: int) -> Iterator[SideBySide]:
    """Yield what runs a function on each experiment in processes here, and yields the results as they come."""

    def side_by_side(function: Callable[[Experiment], Run], experiments: Iterable[Experiment]) -> Iterator[Run]:
        parallel = joblib.Parallel(n_jobs=workers, pre_dispatch=workers, return_as="generator_unordered")
        try:
            yield from parallel(joblib.delayed(function)(experiment) for experiment in experiments)
        except BrokenExecutor as error:
            raise SweepError(f"{KILLED} {GOES_ON}") from error

    yield side_by_side


@contextmanager
def _cluster(address: str) -> Iterator[SideBySide]:
    """Yield the same for the workers of a cluster."""
    with _connect(address) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        def side_by_side(function: Callable[[Experiment], Run], experiments: Iterable[Experiment]) -> Iterator[Run]:
            try:
                for future in as_completed(client.map(function, list(experiments), pure=False)):
                    yield future.result()
            except KilledWorker as error:
                raise SweepError(f"The cluster gave a run up, since its workers died of it. {GOES_ON}") from error
            except CancelledError as error:
                raise SweepError(f"The scheduler at {address} does not answer any more. {GOES_ON}") from error

        yield side_by_side


@contextmanager
def _connect(address: str) -> Iterator:
    try:
        from distributed import Client
    except ImportError:
        raise SweepError("A cluster needs Dask: pip install 'labcode[cluster]'.") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SweepError(f"There is no scheduler at {address} ({error}).") from None
    with client:
        if not (threads := client.nthreads()):
            raise SweepError(f"The scheduler at {address} has no workers.")
        if several := [worker for worker, count in threads.items() if count != 1]:
            raise SweepError(
                f"The worker {several[0]} has {threads[several[0]]} threads, and a run takes one: start it with "
                "--nthreads 1."
            )
        try:
            fingerprints = client.run(fingerprint)
        except Exception as error:  # of whatever kind: Dask hands on what happened on the worker as text
            raise SweepError(f"A worker cannot say what it has ({error}); it needs this package.") from error
        for worker, found in fingerprints.items():
            _require_same(fingerprint(), found, f"The worker {worker}")
        yield client
