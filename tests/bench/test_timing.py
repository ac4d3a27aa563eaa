"""Loops take turns in rotating order and are timed per step."""

import pytest

from labcode.bench import timing


def test_loops_take_turns_and_are_timed_per_step(monkeypatch):
    clock, calls = 0.0, []

    def loop(name: str, cost: float):
        nonlocal clock
        while True:
            clock += cost
            calls.append(name)
            yield 0.0

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock)
    times = timing.take_turns({"quick": loop("quick", 0.01), "slow": loop("slow", 0.05)}, rounds=2, seconds=0.1)
    assert times["quick"] == pytest.approx([10, 10])
    assert times["slow"] == pytest.approx([50, 50])
    warm_up = ["quick"] * 3 + ["slow"] * 3
    assert calls == warm_up + ["quick"] * 10 + ["slow"] * 2 + ["slow"] * 2 + ["quick"] * 10


def test_the_machine_names_installed_packages_only():
    assert set(timing.machine("numpy", "no such package")["versions"]) == {"torch", "numpy"}
