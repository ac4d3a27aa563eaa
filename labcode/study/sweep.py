"""A sweep: many runs side by side, on this machine's cores or on a cluster's, each recorded as soon as it ends."""

import hashlib
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import joblib
from tqdm import tqdm

from labcode.data.download import cache_root, require
from labcode.data.mnist import TENTH_FILE
from labcode.errors import LabcodeError
from labcode.files import require_writable
from labcode.network import weights
from labcode.study.experiment import Experiment
from labcode.study.records import RECORDS, Record, find, save
from labcode.study.run import Run, groups, run_group
from labcode.training.numerics import NUMERICS

UNFINISHED = ".unfinished"
"""Folder below the records' folder where runs on this machine keep their checkpoints until they are recorded."""

WEIGHTS = ".weights"
"""Folder below the records' folder where the trained networks of runs at full scale are kept."""

KILLED = "A worker was killed, possibly out of memory."
RESUMES = "Finished runs are kept; the same command resumes."

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"

Group = Sequence[Experiment]
Work = Callable[[Group], list[Run]]
SideBySide = Callable[[Work, Iterable[Group]], Iterator[list[Run]]]


class SweepError(LabcodeError, RuntimeError):
    """Workers died, the cluster does not answer, or a worker would not give the same results."""


def missing(experiments: Iterable[Experiment], folder: Path = RECORDS) -> list[Experiment]:
    """Return the experiments of which ``folder`` has no record, each once, longest first.

    Raises
    ------
    labcode.study.RecordError : an existing record is unsound. It is not replaced: it may have taken hours.

    >>> wanted = [Experiment(seed=0), Experiment(seed=0).vary(width=128)]
    >>> [experiment.name for experiment in missing(wanted, Path("empty"))], missing(wanted)
    (['width=128_seed=0', 'baseline_seed=0'], [])
    """
    return sorted((each for each in dict.fromkeys(experiments) if not find(each, folder)), key=_length)


def _length(experiment: Experiment) -> float:
    """Longest first: the last runs to end are then short, and no core waits long for another."""
    return -experiment.multiply_adds


def run_missing(
    experiments: Iterable[Experiment],
    folder: Path,
    workers: int,
    cluster: str | None = None,
    device: str | None = None,
) -> Iterator[Record]:
    """Train the experiments of which ``folder`` has no record; yield each record once it is written there.

    Each run is the work of one thread. On this machine, ``workers`` processes run side by side, and each saves a
    checkpoint whenever it has measured its errors, so that a killed sweep loses no finished run and resumes the others.
    On a cluster, a run whose worker died starts again on another one. Its workers need the package alone and, for runs
    at scales own and full, the full MNIST set; the records are written here. On a ``device``, runs of one shape are
    trained in lockstep, one fleet after another, in this process.

    The progress bar advances by multiply-adds, so that its estimate of the time left is fair to long runs.

    Parameters
    ----------
    experiments : each is run once, and only if ``folder`` has no record of it.
    folder : of the records.
    workers : processes on this machine.
    cluster : address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers replace this machine's.
    device : ``"cuda"`` for a GPU, or ``"cpu"``, where fleets train; without one, each run is trained alone, by hand.

    Raises
    ------
    ValueError : there is no such device. Nothing was trained.
    labcode.study.RecordError : an existing record is unsound.
    labcode.data.MnistUnavailableError : a run needs the full set, which was not downloaded. Nothing was trained.
    labcode.files.UnwritableError : the folder cannot be made, or takes no file. Nothing was trained.
    labcode.network.WeightsError : a trained network cannot be written. Finished runs are kept.
    labcode.training.CheckpointError : a checkpoint cannot be written, or is damaged. Finished runs are kept.
    SweepError : a worker on this machine died; the cluster does not answer or abandoned
        a run; a worker of it has other code or other data. Finished runs are kept.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(find(Experiment(seed=0)), Path(folder))
    ...     list(run_missing([Experiment(seed=0)], Path(folder), workers=1))  # already recorded
    []
    """
    experiments = list(experiments)
    todo = set(missing(experiments, folder))
    checkpoints = None if cluster else folder / UNFINISHED
    together = _groups(experiments, todo, device, checkpoints)
    if any(experiment.scale != "tenth" for experiment in todo):
        require(cache_root())
    require_writable(folder)
    work = partial(_work, device=device, checkpoints=checkpoints, expected=fingerprint())
    finished = 0
    with (
        _processes(1 if device else workers) if cluster is None else _cluster(cluster) as side_by_side,
        tqdm(total=sum(e.multiply_adds for e in todo), desc="training", bar_format=BAR) as bar,
    ):
        for done in side_by_side(work, together):
            wanted = [run for run in done if run.record.experiment in todo]
            for run in wanted:
                _keep(run, folder)
            _checkpoint([run.record.experiment for run in done], folder / UNFINISHED).unlink(missing_ok=True)
            finished += len(wanted)
            bar.set_postfix_str(f"{finished} of {len(todo)} runs", refresh=False)
            bar.update(sum(run.record.experiment.multiply_adds for run in wanted))
            yield from (run.record for run in wanted)


def _groups(
    experiments: Iterable[Experiment], todo: set[Experiment], device: str | None, checkpoints: Path | None
) -> list[Group]:
    """Return the groups to train, longest first: those whose checkpoint is there as they were, of the others ``todo``.

    So a sweep that was killed while it wrote the records of a fleet resumes that fleet.
    """
    found: list[Group] = []
    for group in groups(sorted(dict.fromkeys(experiments), key=_length), device):
        if left := tuple(experiment for experiment in group if experiment in todo):
            found.append(group if checkpoints and _checkpoint(group, checkpoints).exists() else left)
    return found


def _work(group: Group, device: str | None, checkpoints: Path | None, expected: dict[str, str]) -> list[Run]:
    """Train a group in a worker, on this machine or another."""
    _require_same(expected, fingerprint(), f"A worker on {socket.gethostname()}")
    kept = checkpoints and _checkpoint(group, checkpoints)
    return run_group(group, device, progress=device is not None, checkpoint=kept)


def _keep(done: Run, folder: Path) -> None:
    """Write the record, and at full scale the network before it."""
    experiment = done.record.experiment
    if experiment.scale == "full":
        weights.save(folder / WEIGHTS / f"{experiment.name}.safetensors", done.trained)
    save(done.record, folder)


def _checkpoint(group: Group, folder: Path) -> Path:
    # Never resume the checkpoint of another numerics version: the record would claim all of it for this one.
    name = group[0].name
    if len(group) > 1:
        name = f"fleet-{hashlib.sha256(' '.join(each.name for each in group).encode()).hexdigest()[:16]}"
    return folder / f"{name}.numerics-{NUMERICS}.safetensors"


def fingerprint() -> dict[str, str]:
    """Return what two machines must share to give the same counts: numerics, versions, data.

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
    """Yield a function that runs another on each group in processes here and yields results as they come."""

    def side_by_side(work: Work, together: Iterable[Group]) -> Iterator[list[Run]]:
        parallel = joblib.Parallel(n_jobs=workers, pre_dispatch=workers, return_as="generator_unordered")
        try:
            with _interrupts_ignored():  # by the processes that start here: each would print its traceback
                results = parallel(joblib.delayed(work)(group) for group in together)
            yield from results
        except BrokenExecutor as error:
            raise SweepError(f"{KILLED} {RESUMES}") from error

    yield side_by_side


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C, as do processes that are started meanwhile, for as long as they live."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# joblib's own Dask backend would make these two one function. But where a worker is killed again and again, its
# generator was still waiting after two minutes, where Dask's futures raise KilledWorker.
@contextmanager
def _cluster(address: str) -> Iterator[SideBySide]:
    """Yield the same for the workers of a cluster."""
    with _connect(address) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        def side_by_side(work: Work, together: Iterable[Group]) -> Iterator[list[Run]]:
            try:
                for future in as_completed(client.map(work, list(together), pure=False)):
                    yield future.result()
            except KilledWorker as error:
                raise SweepError(f"The cluster abandoned a run because its workers died. {RESUMES}") from error
            except CancelledError as error:
                raise SweepError(f"The scheduler at {address} no longer answers. {RESUMES}") from error

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
        except Exception as error:  # Dask passes on whatever happened on the worker
            raise SweepError(f"A worker cannot report its versions ({error}); it needs this package.") from error
        for worker, found in fingerprints.items():
            _require_same(fingerprint(), found, f"The worker {worker}")
        yield client
