"""A sweep under fire: killed at random moments, out of disk, in a folder that cannot be written to."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Process
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from labcode.study import Experiment, RecordError
from labcode.study.records import path_of, read, read_all, save
from labcode.study.run import run
from labcode.study.sweep import UNFINISHED, run_missing

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of processes are POSIX")

SMALL = Experiment(seed=0).vary(width=1, hidden=4, batch_size=100, epochs=2)
WANTED = [replace(SMALL, seed=seed) for seed in range(6)]
# A new Python would first load PyTorch, and most kills would come before there is anything to lose.
FORK = multiprocessing.get_context("fork")


def measured(record) -> tuple:
    history = record.history
    return history.online, history.train, history.validation, history.gradients, record.test


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What each run measures, and the seconds that they all take."""
    folder, began = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    return {r.experiment: measured(r) for r in run_missing(WANTED, folder, workers=1)}, time.monotonic() - began


def sweep_into(folder: Path, workers: int) -> None:
    os.setsid()  # so that its whole process group can be killed
    for _ in run_missing(WANTED, folder, workers):
        pass


def kill_sweep(sweep: Process) -> None:
    os.kill(sweep.pid, signal.SIGKILL)


def kill_a_worker(sweep: Process) -> None:
    """One of the processes that train."""
    with suppress(psutil.Error):  # it may end while it is looked at
        children = psutil.Process(sweep.pid).children(recursive=True)
        if workers := [child for child in children if any("LokyProcess" in word for word in child.cmdline())]:
            random.choice(workers).kill()


def kill_everything(sweep: Process) -> None:
    os.killpg(sweep.pid, signal.SIGKILL)


def last_checkpoint(folder: Path) -> int:
    """When a checkpoint was last written or removed."""
    return (folder / UNFINISHED).stat().st_mtime_ns if (folder / UNFINISHED).exists() else 0


@pytest.mark.parametrize(
    ("workers", "kills", "within"),
    [(1, 14 * [kill_sweep], 1 / 5), (2, 2 * [kill_a_worker, kill_everything, kill_sweep], 1 / 40)],
    ids=["alone", "with workers"],
)
def test_twenty_kills_lose_no_record_and_change_none(undisturbed, tmp_path, workers, kills, within):
    """Each within a share of the time that an undisturbed sweep takes."""
    random.seed(0)
    (expected, seconds), folder, kept = undisturbed, tmp_path / "records", {}
    for kill in kills:
        before, sweep = last_checkpoint(folder), FORK.Process(target=sweep_into, args=(folder, workers))
        sweep.start()
        try:
            while workers > 1 and sweep.is_alive() and last_checkpoint(folder) == before:
                time.sleep(0.01)  # until its workers have loaded PyTorch and are in the midst of their runs
            sweep.join(within * seconds * random.random())
            if sweep.is_alive():
                kill(sweep)
            sweep.join(600)
            assert sweep.exitcode is not None  # a sweep that lost a worker ends by itself
        finally:
            with suppress(ProcessLookupError):
                os.killpg(sweep.pid, signal.SIGKILL)
        found = {record.experiment: record for record in read_all(folder)}
        assert {experiment: found.get(experiment) for experiment in kept} == kept
        kept = found
    assert {record.experiment for record in run_missing(WANTED, folder, workers=1)} == set(WANTED) - set(kept)
    assert {record.experiment: measured(record) for record in read_all(folder)} == expected
    assert sorted(path.name for path in folder.iterdir()) == [".lock", UNFINISHED, path_of(SMALL).name]


@pytest.fixture(scope="module")
def record():
    return run(SMALL, progress=False).record


def save_many(record, folder, number, said):
    """Save a record that the other processes save too, then some of its own; say each one's seed once it is saved."""
    for n in range(25):
        for seed in (0, 1 + 1000 * number + n):
            experiment = replace(record.experiment, seed=seed)
            save(replace(record, experiment=experiment, provenance={"engine": f"{number} {n}"}), folder)
            said.send(seed)


def start_savers(record, folder, count) -> list[tuple[Process, Connection]]:
    started = []
    for number in range(count):
        heard, said = FORK.Pipe(duplex=False)
        process = FORK.Process(target=save_many, args=(record, folder, number, said))
        process.start()
        said.close()  # only the process has it, so that its end ends what is heard
        started.append((process, heard))
    return started


def everything(heard) -> Iterator[int]:
    """The seeds that a process says until it ends or is killed, perhaps within a word."""
    with suppress(EOFError, OSError):
        while True:
            yield heard.recv()


def seeds_in(folder) -> set[int]:
    return {record.experiment.seed for record in read_all(folder)}


def test_processes_that_save_into_one_archive_lose_none_of_each_others_records(record, tmp_path):
    started, seen = start_savers(record, tmp_path, 3), set()
    while any(process.is_alive() for process, _ in started):
        assert seen <= (seen := seeds_in(tmp_path))
    assert [process.exitcode for process, _ in started] == [0, 0, 0]
    assert seeds_in(tmp_path) == {0, *(1 + 1000 * number + n for number in range(3) for n in range(25))}
    assert all(each.history == record.history for each in read_all(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", path_of(SMALL).name]


def test_a_saver_killed_at_any_moment_takes_nothing_with_it_and_stops_no_other(record, tmp_path):
    random.seed(0)
    for each in range(8):
        folder = tmp_path / str(each)
        (victim, victims), (other, others) = start_savers(record, folder, 2)
        saved = {victims.recv()}
        time.sleep(random.uniform(0, 0.2))
        victim.kill()
        saved |= {*everything(victims), *everything(others)}
        other.join()
        assert other.exitcode == 0
        assert saved <= seeds_in(folder) >= {1001 + n for n in range(25)}


def limited_to(size: int):
    """Run a piece of code in a process that may write files of at most ``size`` bytes: what a full disk does."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return limit


def test_a_full_disk_is_a_sentence_and_leaves_the_old_record_whole(record, tmp_path):
    save(record, tmp_path)
    code = (
        "from dataclasses import replace; from pathlib import Path\n"
        "from labcode.study import Experiment; from labcode.study.records import read, save\n"
        "small = Experiment(seed=0).vary(width=1, hidden=4, batch_size=100, epochs=2)\n"
        "save(replace(read(small, Path('.')), provenance={'engine': 'another'}), Path('.'))\n"
    )
    full = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, preexec_fn=limited_to(500), capture_output=True, text=True
    )
    assert full.returncode == 1
    assert f"RecordError: The record {SMALL.name} cannot be written to {path_of(SMALL).name}" in full.stderr
    assert "File too large" in full.stderr
    assert read(SMALL, tmp_path) == record
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", path_of(SMALL).name]


def test_a_folder_that_cannot_be_written_to_is_a_sentence(record):
    nowhere = Path("/proc/self/records")  # not even the superuser makes a folder there
    with pytest.raises(RecordError, match=r"cannot be written to /proc/self/records/.*: "):
        save(record, nowhere)


def test_a_record_of_another_schema_is_refused(record, tmp_path, edit_archive):
    path = save(record, tmp_path)
    edit_archive(path, lambda lines: [lines[0].replace('"schema": 1', '"schema": 7')])
    with pytest.raises(RecordError, match=rf"{path.name} is damaged \(Invalid enum value 7 - at `\$.schema`\)"):
        read(SMALL, tmp_path)
