"""The profile puts every part of a step in one row."""

import time

import pytest
import torch

from labcode.bench import profile as profiling
from labcode.data import Images
from labcode.network import ConvNetConfig
from labcode.network.manual_layers import LpPooling, Tanh

CONFIG = ConvNetConfig(width=2, stages=2, hidden=4, dropout=(0.5, 0.5, 0.5))
DIGITS = Images(torch.zeros(40, 1, 32, 32), torch.zeros(40, dtype=torch.int64))


@pytest.fixture
def slow_pooling(monkeypatch):
    """Pooling that takes three milliseconds forward and one backward, on a clock that only pooling moves."""
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)

    def slow(method, seconds):
        def act(*arguments):
            nonlocal now
            now += seconds
            return method(*arguments)

        return act

    monkeypatch.setattr(LpPooling, "forward", slow(LpPooling.forward, 3e-3))
    monkeypatch.setattr(LpPooling, "backward", slow(LpPooling.backward, 1e-3))


def test_time_is_attributed_to_the_layer_that_spends_it(slow_pooling):
    rows = {row.pop("part"): row for row in profiling.profile(CONFIG, DIGITS, steps=7)}
    for stage in (1, 2):
        pooling = rows.pop(f"stage {stage}, LpPooling")
        assert pooling == pytest.approx({"forward_ms": 3, "backward_ms": 1})
    assert all(value == pytest.approx(0, abs=1e-9) for row in rows.values() for value in row.values())


def test_every_layer_has_its_row():
    parts = [row["part"] for row in profiling.profile(CONFIG, DIGITS, steps=1)]
    assert len(parts) == len(set(parts)) == 2 * 5 + 5 + 1
    assert parts[-1] == "everything else"


def test_the_classes_of_the_layers_stay_unchanged():
    profiling.profile(CONFIG, DIGITS, steps=1)
    assert "timed" not in Tanh.forward.__qualname__
