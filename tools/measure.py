"""Measure what commands take here, in a fresh clone: `make measure`, or `python tools/measure.py COMMAND...`.

It measures their time by the clock, the peak memory of all their processes together, the size of the folders that they
leave, and what setting up downloads. The README's table is made from book/measurements/commands.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from command import ROOT, one_sentence

from labcode.bench.timing import machine
from labcode.files import write_whole

MEASURED = ROOT / "book" / "measurements" / "commands.json"
SET_UP = "make .venv/ready"
COMMANDS = ("make book", "make check", "make test")
LOCKS = ("requirements.lock", "torch.lock")
EVERY = 0.5  # seconds


def memory(process: psutil.Process) -> int:
    """Return the bytes that a process and its children hold now, shared ones counted once (Linux)."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:  # it ended in the meantime
            continue
    return total


def measure(command: str, folder: Path) -> dict[str, int]:
    """Run a command in ``folder``; return its seconds and its peak of memory, in megabytes.

    Raises
    ------
    SystemExit : the command failed.
    """
    start, peak = time.monotonic(), 0
    running = psutil.Popen(["bash", "-c", command], cwd=folder)
    while running.poll() is None:
        peak = max(peak, memory(running))
        time.sleep(EVERY)
    if running.returncode:
        sys.exit(f"{command} failed.")
    return {"seconds": round(time.monotonic() - start), "memory_mb": round(peak / 1e6)}


def megabytes(folder: Path) -> int:
    """Return what a folder takes on the disk."""
    return round(sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 1e6)


def downloads(folder: Path) -> dict[str, int]:
    """Return the megabytes that the packages of each lock file download."""
    found = {}
    for name in LOCKS:
        with tempfile.TemporaryDirectory() as packages:
            pip = [".venv/bin/python", "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
            subprocess.run([*pip, "-r", name, "-d", packages], cwd=folder, check=True)
            found[name] = megabytes(Path(packages))
    return found


@one_sentence()
def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        clone = Path(temporary) / "book"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        before = os.getloadavg()[0]
        commands = {command: measure(command, clone) for command in (SET_UP, *(sys.argv[1:] or COMMANDS))}
        found = {
            "machine": machine()
            | {"memory_gb": round(psutil.virtual_memory().total / 1e9), "load_before": round(before, 1)},
            "commands": commands,
            "download_mb": downloads(clone),
            "disk_mb": {name: megabytes(clone / name) for name in (".venv", "_build")},
        }
    write_whole(MEASURED, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
