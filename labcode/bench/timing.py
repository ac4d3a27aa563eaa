"""Fair timing: several loops take turns, so that a busy moment of the machine affects all of them."""

import os
import platform
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, TypeVar

from labcode.machine import processor

ROUNDS = 9
SECONDS_PER_TURN = 0.2

Name = TypeVar("Name", bound=Hashable)

Steps = Iterator[float]
"""An endless iterator: every ``next`` takes one training step and yields its loss."""


def seconds_of(act: Callable[[], object]) -> float:
    """Return the seconds that one call takes.

    >>> seconds_of(lambda: None) < 1
    True
    """
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def take_turns(loops: Mapping[Name, Steps], rounds: int, seconds: float) -> dict[Name, list[float]]:
    """Time the loops in turns; return the milliseconds per step of each, one value per round.

    Every round starts one loop later than the round before. Two steps warm each loop up, and a third sets how many
    steps fill a turn.

    Parameters
    ----------
    loops : by name.
    rounds : turns of each loop.
    seconds : length of a turn, approximately.

    >>> times = take_turns({"a": iter(lambda: 0.5, None)}, rounds=3, seconds=0.001)
    >>> len(times["a"])
    3
    """
    counts = {}
    for name, steps in loops.items():
        next(steps), next(steps)
        counts[name] = max(1, round(seconds / seconds_of(partial(next, steps))))
    names = list(loops)
    times: dict[Name, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            elapsed = seconds_of(partial(list, islice(loops[name], counts[name])))
            times[name].append(1e3 * elapsed / counts[name])
    return times


def machine(*packages: str) -> dict[str, Any]:
    """Return what a measurement depends on: the processor, the system, the versions, and the date.

    Parameters
    ----------
    packages : whose versions are given beside PyTorch's, where they are installed.

    >>> sorted(machine())
    ['cores', 'date', 'processor', 'python', 'system', 'threads', 'versions']
    """
    versions = {}
    for package in ("torch", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
