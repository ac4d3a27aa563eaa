"""The cost of the study: shared runs count once here, and the factors multiply to the whole."""

import json
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labcode.__main__ import main
from labcode.bench import study_cost as module
from labcode.bench.study_cost import StudyCost, last_end, pair_seconds, run_seconds, study_cost
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
    # Enough images that the rounding of a history's seconds loses no sample's time.
    return study_cost(STUDY, workers=1, images=1_800, seconds_per_turn=0.01, folder=records)


def test_shared_runs_are_counted_once_here_and_twice_for_the_idiomatic_loop(measured):
    assert (measured.levels, measured.runs, measured.workers) == (4, 3, 1)
    assert 1 < measured.sharing < 2


def test_the_factors_multiply_to_the_whole(measured):
    assert measured.times == pytest.approx(measured.engine * measured.sharing * measured.cores, rel=0.01)
    assert measured.as_json()["times"] == pytest.approx(measured.times, abs=0.001)


def test_one_worker_takes_the_sum_of_its_runs(measured):
    assert measured.seconds == pytest.approx(measured.core_seconds)
    assert measured.core_seconds > measured.longest_seconds > measured.core_seconds / measured.runs


@pytest.mark.parametrize(("durations", "workers", "end"), [([3, 3, 2, 2, 2], 2, 7), ([5, 1, 1], 2, 5), ([1], 4, 1)])
def test_a_free_worker_takes_the_longest_run_left(durations, workers, end):
    assert last_end(durations, workers) == end


def test_gradients_count_not_steps(records):
    """At one millisecond per gradient, and none for measuring, a run takes as many milliseconds as gradients."""
    for record in OPTIMIZERS.records([0], records)[0].values():
        gradients = record.history.gradients[-1]
        assert run_seconds(record, 1.0, 0.0) == gradients / 1e3
        assert (gradients > 84) == (record.experiment.recipe.optimizer == "cg")


def test_every_measured_image_counts(records):
    record = WIDTHS.records([0], records)[0]["1"]
    assert run_seconds(record, 0.0, 1.0) == 2 * (1_800 + 1_800) / 1e3  # 2 epochs


def test_times_are_divided_by_gradients_and_by_measured_images(records):
    """50 gradients in 0.1 seconds, then 2 times 1 800 + 1 800 images measured in 7.2 seconds."""
    record = WIDTHS.records([0], records)[0]["1"]
    took = replace(record.history, gradients=(25, 50), seconds=(0.05, 0.1), total_seconds=7.3)
    assert module._milliseconds(took) == pytest.approx((2.0, 1.0))
    assert module._milliseconds(replace(took, total_seconds=0.0)) == pytest.approx((2.0, 0.0))


def test_a_sample_may_hold_more_images_than_are_measured():
    """Errors are measured on 1 800 images at most, however many are trained on."""
    sample = module._sample(WIDTHS.experiment("1", 0), images=2_000)
    assert sample.gradients == (20,)
    assert module._measured(sample) == 1_800 + 1_800


def test_training_everything_needs_no_records(tmp_path):
    trained = study_cost(STUDY, workers=1, how="trained", seconds_per_turn=0.01, folder=tmp_path)
    assert (trained.how, trained.levels, trained.runs) == ("trained", 4, 3)
    assert trained.seconds > trained.core_seconds > trained.longest_seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_training_everything_is_timed_by_the_clock(records, monkeypatch):
    """Every run is trained once, into an empty folder; the clock is read before and after."""
    asked = []

    def trained(experiments, folder, workers):
        asked.append((experiments, list(folder.iterdir()), workers))
        for experiment in experiments:
            record = read(experiment, records)
            took = {"seconds": (1.0, 2.0), "total_seconds": 4.0 + record.experiment.network.width}
            yield replace(record, history=replace(record.history, **took))

    monkeypatch.setattr(module, "run_missing", trained)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=iter([100.0, 110.0]).__next__))
    measured = study_cost(STUDY, workers=2, how="trained", seconds_per_turn=0.01)
    ((experiments, found, workers),) = asked
    assert (len(experiments), len(set(experiments)), found, workers) == (3, 3, [], 2)
    assert measured.seconds == 10.0
    assert measured.core_seconds == pytest.approx(5.0 + 6.0 + 5.0)
    assert measured.longest_seconds == pytest.approx(6.0)
    assert measured.cores == pytest.approx(1.6)


def test_a_busy_round_does_not_change_the_idiomatic_time(monkeypatch):
    experiments = OPTIMIZERS.experiments([0])
    rounds = iter([[2.0], [90.0], [2.0], [2.0], [3.0]])
    monkeypatch.setattr(module, "take_turns", lambda loops, *_: dict.fromkeys(loops, next(rounds)))
    assert module._idiomatic_step_ms(experiments, 0.1) == dict.fromkeys(experiments, 2.0)


def test_an_unknown_method_is_refused(capsys):
    with pytest.raises(ValueError, match="how is 'guessed'; accepted are 'sampled', 'trained'"):
        study_cost(STUDY, workers=1, how="guessed")
    assert main(["bench", "--suite", "guessed"]) == 1
    assert "how is 'guessed'" in capsys.readouterr().err


def test_a_pair_of_levels_costs_the_product_of_its_levels():
    stages = Ablation("stages", "0", (), "stages", {"1": {"stages": 1}, "2": {}})
    dropout = Ablation("dropout", "0", (), "dropout", {"none": {}, "two": {"dropout": (0.5, 0.5, 0.5)}})
    baseline = stages.experiment("2", 0)
    seconds = {stages.experiment("1", 0): 5.0, baseline: 10.0, dropout.experiment("two", 0): 30.0}
    runs, impossible = pair_seconds([stages, dropout], seconds, times_the_images=10)
    assert impossible == 1  # one stage has no second one to drop out
    assert runs == {
        baseline.vary(scale="full", stages=1): 50.0,
        baseline.vary(scale="full"): 100.0,
        baseline.vary(scale="full", dropout=(0.5, 0.5, 0.5)): 300.0,
    }


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(MissingRecordError, match="width=1"):
        study_cost([WIDTHS], workers=1, folder=tmp_path)


def test_the_cost_is_printed_in_words_and_as_json(monkeypatch, capsys):
    cost = StudyCost("sampled", 20, 25, 2, 1200.0, 900.0, 2400.0, 6000.0, 2.0, 1.25, 2.0)
    monkeypatch.setattr(module, "study_cost", lambda ablations, workers, how: cost)
    module.main(2, "sampled", as_json=False)
    words = capsys.readouterr().out
    assert "sampled: 20 minutes on 2 workers, and at least 15 on any number of workers" in words
    assert "5.0 times = engine 2.00 x sharing 1.25 x cores 2.00" in words
    module.main(2, "sampled", as_json=True)
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["how"], numbers["times"], numbers["machine"]["threads"]) == ("sampled", 5.0, 1)


def test_a_worker_killed_while_sampling_is_reported(records, monkeypatch):
    def parallel(**_):
        def work(_):
            raise BrokenExecutor
            yield

        return work

    monkeypatch.setattr(module.joblib, "Parallel", parallel)
    with pytest.raises(SweepError, match="A worker was killed, possibly out of memory"):
        study_cost(STUDY, workers=2, folder=records)
