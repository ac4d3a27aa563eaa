"""The cost of the study: what is counted, once or as often as asked, and that the factors make the whole."""

from dataclasses import replace

import pytest

from labcode import suite
from labcode.ablations import Ablation
from labcode.records import MissingRecordError
from labcode.suite import Suite, as_json, describe, last_end, measure_suite, run_seconds
from labcode.sweep import run_missing

TINY = {"width": 1, "hidden": 4, "epochs": 2, "batch_size": 100}
WIDTHS = Ablation("widths", "0", (), "width", {"1": TINY, "2": TINY | {"width": 2}})
OPTIMIZERS = Ablation("optimizers", "0", (), "optimizer", {"SGD": TINY, "CG": TINY | {"optimizer": "cg"}})
STUDY = [WIDTHS, OPTIMIZERS]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    list(run_missing([e for ablation in STUDY for e in ablation.experiments([0])], folder, workers=1))
    return folder


@pytest.fixture(scope="module")
def measured(records):
    return measure_suite(STUDY, workers=1, images=100, seconds_a_turn=0.01, folder=records)


def test_shared_runs_are_counted_once_here_and_twice_for_the_idiomatic_loop(measured):
    assert (measured.levels, measured.runs, measured.workers) == (4, 3, 1)
    assert 1 < measured.sharing < 2


def test_the_factors_make_the_whole(measured):
    assert measured.times == pytest.approx(measured.engine * measured.sharing * measured.cores, rel=0.01)
    assert as_json(measured)["times"] == pytest.approx(measured.times, abs=0.001)


def test_one_worker_takes_as_long_as_its_runs_together(measured):
    assert measured.seconds == pytest.approx(measured.core_seconds)


@pytest.mark.parametrize(("durations", "workers", "end"), [([3, 3, 2, 2, 2], 2, 7), ([5, 1, 1], 2, 5), ([1], 4, 1)])
def test_workers_take_the_longest_run_that_is_left(durations, workers, end):
    assert last_end(durations, workers) == end


def test_gradients_are_counted_not_steps(records):
    """At a millisecond a gradient and none for measuring, a run takes as many milliseconds as gradients."""
    for record in OPTIMIZERS.records([0], records)[0].values():
        gradients = record.history.gradients[-1]
        assert run_seconds(record, 1.0, 0.0) == gradients / 1e3
        assert (gradients > 84) == (record.experiment.recipe.optimizer == "cg")


def test_every_measurement_of_every_image_is_counted(records):
    record = WIDTHS.records([0], records)[0]["1"]
    assert run_seconds(record, 0.0, 1.0) == 2 * (1_800 + 1_800) / 1e3  # 2 epochs


def test_a_sample_is_divided_by_what_it_did(records, monkeypatch):
    """50 gradients in 0.1 seconds, and 200 images measured in the 0.4 after them."""
    record = WIDTHS.records([0], records)[0]["1"]
    took = replace(record.history, gradients=(50,), seconds=(0.1,), total_seconds=0.5)
    monkeypatch.setattr(suite, "train", lambda *_, **__: took)
    assert suite._sample(record.experiment, 100) == pytest.approx((2.0, 2.0))


def test_runs_that_are_not_recorded_are_named(tmp_path):
    with pytest.raises(MissingRecordError, match="width=1"):
        measure_suite([WIDTHS], workers=1, folder=tmp_path)


def test_words():
    made = Suite(20, 25, 2, 1200.0, 2400.0, 6000.0, 2.0, 1.25, 2.0)
    assert "5.0 times = engine 2.00 x sharing 1.25 x cores 2.00" in describe(made)
