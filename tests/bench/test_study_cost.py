"""The cost of the study: what is counted, once or as often as asked, and that the factors make the whole."""

from concurrent.futures import BrokenExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labcode.__main__ import main
from labcode.bench import study_cost as suite
from labcode.bench.study_cost import Suite, as_json, describe, last_end, measure_suite, run_seconds
from labcode.study import Ablation, MissingRecordError
from labcode.study.records import read
from labcode.study.sweep import SweepError, run_missing

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
    # Enough images that no sample's time is lost in the rounding of a history's seconds.
    return measure_suite(STUDY, workers=1, images=1_800, seconds_a_turn=0.01, folder=records)


def test_shared_runs_are_counted_once_here_and_twice_for_the_idiomatic_loop(measured):
    assert (measured.levels, measured.runs, measured.workers) == (4, 3, 1)
    assert 1 < measured.sharing < 2


def test_the_factors_make_the_whole(measured):
    assert measured.times == pytest.approx(measured.engine * measured.sharing * measured.cores, rel=0.01)
    assert as_json(measured)["times"] == pytest.approx(measured.times, abs=0.001)


def test_one_worker_takes_as_long_as_its_runs_together(measured):
    assert measured.seconds == pytest.approx(measured.core_seconds)
    assert measured.core_seconds > measured.longest_seconds > measured.core_seconds / measured.runs


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


def test_milliseconds_are_divided_by_what_was_done(records):
    """50 gradients in 0.1 seconds, and 2 times 1 800 + 1 800 images measured in the 7.2 after them."""
    record = WIDTHS.records([0], records)[0]["1"]
    took = replace(record.history, gradients=(25, 50), seconds=(0.05, 0.1), total_seconds=7.3)
    assert suite._milliseconds(took) == pytest.approx((2.0, 1.0))
    assert suite._milliseconds(replace(took, total_seconds=0.0)) == pytest.approx((2.0, 0.0))


def test_a_sample_larger_than_what_is_measured(records):
    """Errors are measured on 1 800 images at most, however many are trained on."""
    sample = suite._sample(WIDTHS.experiment("1", 0), images=2_000)
    assert sample.gradients == (20,)
    assert suite._measured(sample) == 1_800 + 1_800


def test_a_trained_suite_needs_no_records(tmp_path):
    trained = measure_suite(STUDY, workers=1, how="trained", seconds_a_turn=0.01, folder=tmp_path)
    assert (trained.how, trained.levels, trained.runs) == ("trained", 4, 3)
    assert trained.seconds > trained.core_seconds > trained.longest_seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_a_trained_suite_is_timed_by_the_clock(records, monkeypatch):
    """Every run once, into an empty folder; the clock is read before and after."""
    asked = []

    def trained(experiments, folder, workers):
        asked.append((experiments, list(folder.iterdir()), workers))
        for experiment in experiments:
            record = read(experiment, records)
            took = {"seconds": (1.0, 2.0), "total_seconds": 4.0 + record.experiment.network.width}
            yield replace(record, history=replace(record.history, **took))

    monkeypatch.setattr(suite, "run_missing", trained)
    monkeypatch.setattr(suite, "time", SimpleNamespace(perf_counter=iter([100.0, 110.0]).__next__))
    measured = measure_suite(STUDY, workers=2, how="trained", seconds_a_turn=0.01)
    ((experiments, found, workers),) = asked
    assert (len(experiments), len(set(experiments)), found, workers) == (3, 3, [], 2)
    assert measured.seconds == 10.0
    assert measured.core_seconds == pytest.approx(5.0 + 6.0 + 5.0)
    assert measured.longest_seconds == pytest.approx(6.0)
    assert measured.cores == pytest.approx(1.6)


def test_a_busy_round_of_the_idiomatic_loop_does_not_count(monkeypatch):
    experiments = OPTIMIZERS.experiments([0])
    rounds = iter([[2.0], [90.0], [2.0], [2.0], [3.0]])
    monkeypatch.setattr(suite, "take_turns", lambda loops, *_: dict.fromkeys(loops, next(rounds)))
    assert suite._idiomatic_step_ms(experiments, 0.1) == dict.fromkeys(experiments, 2.0)


def test_another_way_to_measure_is_refused(capsys):
    with pytest.raises(ValueError, match="The suite is sampled or trained, not 'guessed'"):
        measure_suite(STUDY, workers=1, how="guessed")
    assert main(["bench", "--suite", "guessed"]) == 1
    assert "not 'guessed'" in capsys.readouterr().err


def test_runs_that_are_not_recorded_are_named(tmp_path):
    with pytest.raises(MissingRecordError, match="width=1"):
        measure_suite([WIDTHS], workers=1, folder=tmp_path)


def test_words():
    made = Suite("sampled", 20, 25, 2, 1200.0, 900.0, 2400.0, 6000.0, 2.0, 1.25, 2.0)
    assert "sampled: 20 minutes on 2 workers, and 15 at the least on any number" in describe(made)
    assert "5.0 times = engine 2.00 x sharing 1.25 x cores 2.00" in describe(made)


def test_a_worker_that_is_killed_while_sampling_is_a_sentence(records, monkeypatch):
    def parallel(**_):
        def work(_):
            raise BrokenExecutor
            yield

        return work

    monkeypatch.setattr(suite.joblib, "Parallel", parallel)
    with pytest.raises(SweepError, match="A worker was killed, perhaps for want of memory"):
        measure_suite(STUDY, workers=2, folder=records)
