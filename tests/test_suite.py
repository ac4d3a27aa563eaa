"""The cost of the study: what is counted, once or as often as asked, and that the factors make the whole."""

import pytest

from labcode import suite
from labcode.ablations import Ablation
from labcode.data import load
from labcode.suite import Suite, as_json, describe, idiomatic_seconds, measure_suite

TINY = {"width": 1, "hidden": 4, "epochs": 2, "batch_size": 100}
WIDTHS = Ablation("widths", "0", (), "width", {"1": TINY, "2": TINY | {"width": 2}})
OPTIMIZERS = Ablation("optimizers", "0", (), "optimizer", {"SGD": TINY, "CG": TINY | {"optimizer": "cg"}})


@pytest.fixture(scope="module")
def measured():
    return measure_suite([WIDTHS, OPTIMIZERS], workers=1, seconds_a_turn=0.01)


def test_shared_runs_are_trained_once_and_counted_twice_for_the_idiomatic_loop(measured):
    assert (measured.levels, measured.runs, measured.workers) == (4, 3, 1)
    assert 1 < measured.sharing < 2


def test_the_factors_make_the_whole(measured):
    assert measured.times == pytest.approx(measured.engine * measured.sharing * measured.cores, rel=0.01)
    assert as_json(measured)["times"] == pytest.approx(measured.times, abs=0.001)


def test_gradients_are_counted_not_steps(monkeypatch, tmp_path):
    """At a millisecond a gradient, a run takes as many milliseconds as gradients, and what measuring cost here."""
    from labcode.sweep import run_missing

    monkeypatch.setattr(suite, "_step_ms", lambda *_: 1.0)
    images = load("tenth", seed=0).train
    for record in run_missing(OPTIMIZERS.experiments([0]), tmp_path, workers=1):
        history = record.history
        expected = history.gradients[-1] / 1_000 + history.total_seconds - history.seconds[-1]
        assert idiomatic_seconds(record, images, 0.01) == pytest.approx(expected)
        assert (history.gradients[-1] > 84) == (record.experiment.recipe.optimizer == "cg")


def test_words():
    made = Suite(20, 25, 2, 1200.0, 2400.0, 6000.0, 2.0, 1.25, 2.0)
    assert "5.0 times = engine 2.00 x sharing 1.25 x cores 2.00" in describe(made)
