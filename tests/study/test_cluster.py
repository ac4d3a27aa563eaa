"""A sweep on a real Dask scheduler with workers in processes of their own, over TCP on the loopback."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import labcode
from labcode.study import Experiment
from labcode.study.records import read
from labcode.study.sweep import SweepError, run_missing

pytest.importorskip("distributed")
import dask

SMALL = Experiment(seed=0).vary(width=1, hidden=4, batch_size=50)
WANTED = [SMALL.vary(epochs=epochs) for epochs in (2, 3, 4)]


class Cluster:
    """A scheduler and its workers, each a process of the command line; all are killed at the end."""

    def __init__(self, folder: Path, **environment: str):
        self.folder, self.processes = folder, []
        scheduler_file = folder / "scheduler.json"
        arguments = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(scheduler_file)]
        self.scheduler = self._start("dask_scheduler", *arguments, **environment)
        try:
            self.address = wait_for(
                lambda: scheduler_file.exists() and json.loads(scheduler_file.read_text())["address"]
            )
        except BaseException:  # pytest's own failure is no Exception
            self.stop()
            raise

    def _start(self, command: str, *arguments: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", "--no-dashboard", *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def add_worker(self, name: str, threads: int = 1, **environment: str) -> subprocess.Popen:
        before = self.count_workers()
        arguments = ["--name", name, "--nthreads", str(threads), "--no-nanny", "--local-directory", str(self.folder)]
        worker = self._start("dask_worker", self.address, *arguments, **environment)
        wait_for(lambda: self.count_workers() == before + 1)
        return worker

    def count_workers(self) -> int:
        from distributed import Client

        with Client(self.address, timeout=30) as client:
            return len(client.scheduler_info(n_workers=-1)["workers"])

    def is_busy(self) -> bool:
        from distributed import Client

        with Client(self.address, timeout=30) as client:
            return any(client.processing().values())

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def wait_for(condition, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("It did not happen in time.")


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def strict_cluster(tmp_path):
    """A cluster that gives a run up as soon as one worker has died of it; Dask's own patience is three more."""
    made = Cluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    yield made
    made.stop()


def measured(record) -> tuple:
    history = record.history
    return history.online, history.train, history.validation, history.gradients, record.test


def test_a_worker_killed_in_the_middle_loses_nothing_and_the_records_are_those_of_this_machine(cluster, tmp_path):
    victim, _ = cluster.add_worker("first"), cluster.add_worker("second")
    here, there = tmp_path / "here", tmp_path / "there"
    longer = [*WANTED, SMALL.vary(epochs=20)]

    def kill_while_the_longest_runs():
        wait_for(lambda: len(list(there.glob("*.jsonl.gz"))) >= 1)
        victim.kill()

    killer = threading.Thread(target=kill_while_the_longest_runs)
    killer.start()
    found = {record.experiment: record for record in run_missing(longer, there, workers=1, cluster=cluster.address)}
    killer.join()
    assert victim.wait(60) != 0  # where it was not killed in time, that is a failure and no endless wait
    assert set(found) == set(longer)
    for record in run_missing(WANTED, here, workers=1):
        assert measured(record) == measured(found[record.experiment]) == measured(read(record.experiment, there))
    assert not list(there.glob(".unfinished/*"))


@pytest.mark.parametrize(
    ("victim", "sentence"),
    [("worker", "The cluster abandoned a run because its workers died"), ("scheduler", "The scheduler at tcp://")],
)
def test_a_cluster_that_gives_up_is_answered_with_a_sentence(strict_cluster, tmp_path, victim, sentence):
    worker = strict_cluster.add_worker("only")
    process = worker if victim == "worker" else strict_cluster.scheduler
    endless = SMALL.vary(epochs=100_000)

    def kill_while_it_runs():
        wait_for(strict_cluster.is_busy)
        process.kill()

    killer = threading.Thread(target=kill_while_it_runs)
    killer.start()
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "2s"}),  # how long to wait for a scheduler to come back
        pytest.raises(SweepError, match=rf"{sentence}.* the same command resumes"),
    ):
        list(run_missing([endless], tmp_path / "records", workers=1, cluster=strict_cluster.address))
    killer.join()
    assert not list((tmp_path / "records").iterdir())


@pytest.mark.parametrize(("change", "named"), [("numerics", "numerics"), ("data", "data")])
def test_a_worker_with_other_numerics_or_data_is_refused_by_name(cluster, tmp_path, change, named):
    other = tmp_path / "other"
    shutil.copytree(Path(labcode.__file__).parent, other / "labcode")
    changed = other / "labcode" / ("training/numerics.py" if change == "numerics" else "data/tenth.npz")
    edit = b"\nNUMERICS += 1\n" if change == "numerics" else b"\n# another version\n"
    changed.write_bytes(changed.read_bytes() + edit)
    cluster.add_worker("stranger", PYTHONPATH=str(other))
    with pytest.raises(
        SweepError, match=rf"The worker tcp://127.0.0.1:\d+ would not give the same results: it has {named} "
    ):
        list(run_missing(WANTED, tmp_path / "records", workers=1, cluster=cluster.address))
    assert not list((tmp_path / "records").glob("*.jsonl.gz"))


def test_a_worker_whose_package_is_too_old_to_be_asked_is_refused(cluster, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(Path(labcode.__file__).parent, other / "labcode")
    sweep = other / "labcode" / "study" / "sweep.py"
    sweep.write_text(sweep.read_text().replace("fingerprint", "footprint"))
    cluster.add_worker("stranger", PYTHONPATH=str(other))
    with pytest.raises(
        SweepError, match=r"A worker cannot report its versions \(.*'fingerprint'.*\); it needs this package"
    ):
        list(run_missing(WANTED, tmp_path / "records", workers=1, cluster=cluster.address))


def test_a_worker_that_joins_later_with_other_code_is_refused_too(monkeypatch):
    from labcode.study import sweep

    expected = sweep.fingerprint()
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(SweepError, match=r"A worker on .* would not give the same results: it has torch"):
        sweep._work([SMALL], None, None, expected | {"torch": "1.0"})


def test_what_is_no_cluster_is_answered_with_a_sentence(cluster, tmp_path):
    with pytest.raises(SweepError, match="has no workers"):
        list(run_missing(WANTED, tmp_path / "records", workers=1, cluster=cluster.address))
    cluster.add_worker("broad", threads=2)
    with pytest.raises(SweepError, match="has 2 threads, and a run takes one: start it with --nthreads 1"):
        list(run_missing(WANTED, tmp_path / "records", workers=1, cluster=cluster.address))
    with pytest.raises(SweepError, match=r"There is no scheduler at tcp://127\.0\.0\.1:1 "):
        list(run_missing(WANTED, tmp_path / "records", workers=1, cluster="tcp://127.0.0.1:1"))
