"""C16 in its two parts, and where the lab's final model stands among ours."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from labcode.study import CLAIMS, Experiment
from labcode.study.claim import AS_STATED
from labcode.study.commands import run_ablations
from labcode.study.lab.activations import ACTIVATIONS
from labcode.study.lab.final_model import (
    CHOSEN,
    FINAL,
    FINAL_GRID,
    FINAL_GRID_SEED,
    FINAL_RUNS,
    LAB_TEST_ERROR,
    excess_at_chosen_epoch,
    require_choice,
    standing,
)
from labcode.study.lab.validation import (
    MAIN_SETTINGS,
    SGD_SETTINGS,
    bootstrap,
    chosen,
    exhibits,
    missed_images,
    rank_correlation,
)
from labcode.study.measures import error_on_test, final_validation
from labcode.study.outcomes import Outcome
from labcode.study.rates import by_rate
from labcode.study.records import RecordError, find, save
from labcode.study.studies import STUDY_2
from labcode.training import ErrorCurve

# Not every setting converges


def test_exhibits_are_the_recorded_runs_that_failed():
    """By the counts of the records themselves: 12 runs, nine of them diverged."""
    found = exhibits()
    assert len(found) == 12
    assert sum(record.history.diverged for record in found) == 9
    for record in found:
        assert record.history.diverged or record.history.train.errors[-1] > 900
        assert find(record.experiment) is not None


@pytest.mark.parametrize(
    "experiment",
    [Experiment(5).vary(learning_rate=0.3), Experiment(1000).vary(scale="full", stages=3), FINAL_RUNS.experiments()[0]],
)
def test_one_run_of_any_study_that_fails_decides_and_none_leaves_it_open(synthetic, tmp_path, experiment):
    existence = CLAIMS["C16"].parts[0]

    def outcome():
        return existence.find(AS_STATED, STUDY_2, 0, tmp_path).outcome

    assert outcome() == Outcome.OPEN
    save(synthetic(experiment, 40, 40), tmp_path)
    assert outcome() == Outcome.OPEN
    save(synthetic(experiment, 60, 60), tmp_path)
    assert outcome() == Outcome.REPRODUCED


def test_a_run_that_diverged_is_an_exhibit_at_any_error(synthetic, tmp_path):
    experiment = ACTIVATIONS.experiment("relu", 1003, {"scale": "own", "learning_rate_times": 3})
    made = synthetic(experiment, 2, 2)
    few = replace(made.history, train=ErrorCurve((36,), 1_800), validation=ErrorCurve((36,), 1_800), diverged=True)
    save(replace(made, history=few), tmp_path)
    assert [record.experiment for record in exhibits(tmp_path)] == [experiment]


def test_what_hangs_on_exhibits_is_not_tested_at_other_rates(decide_on):
    decision = decide_on("C16", lambda e: {"train": 1.0, "validation": 2.0, "test": 3.0}, checked=False)
    assert decision.outcome == Outcome.PARTLY
    assert (by_rate(decision).label, by_rate(decision).p) == ("not tested", None)


# Validation accuracy is no promise of test accuracy


def test_the_chosen_setting_is_that_of_the_lowest_validation_error():
    for records in SGD_SETTINGS.records(range(3)):
        ends = {label: record.history.validation.errors[-1] for label, record in records.items()}
        (record,) = chosen(records)
        assert record.history.validation.errors[-1] == min(ends.values())


def test_the_excess_is_that_of_the_chosen_weights():
    selection = CLAIMS["C16"].decide().findings[1]
    expected = [
        (record := chosen(records)[0]).test.errors[0] / 100 - record.history.validation.errors[-1] / 18
        for records in SGD_SETTINGS.records()
    ]
    (verdict,) = selection.verdicts.values()
    assert verdict.values == pytest.approx(expected)
    error = np.mean([error_on_test(*chosen(records)) for records in SGD_SETTINGS.records()]) / 100
    assert verdict.shared == pytest.approx(100 * stats.binom(10_000, error).std() / 10_000)


def test_the_rank_correlation_is_that_of_the_order():
    (records,) = SGD_SETTINGS.records([1])
    ranks = [
        stats.rankdata([read_off(each) for each in records.values()]) for read_off in (final_validation, error_on_test)
    ]
    assert rank_correlation(records) == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_choosing_by_luck_makes_the_test_error_look_high(decide_on):
    """All settings are equally good; the lowest of 22 noisy validation errors is too low, their mean is not."""

    def equal(e):
        rng = np.random.default_rng([e.seed, *e.name.encode()])
        return {"train": 1.0, "validation": 2.0 + rng.normal(0, 0.3), "test": 2.2}

    finding = decide_on("C16", equal, STUDY_2, checked=False).findings[1]
    (verdict,) = finding.verdicts.values()
    (unselected,) = finding.beside["unselected"].values()
    assert verdict.low > unselected.high > -0.2
    assert verdict.outcome == Outcome.REPRODUCED


def missing(synthetic, places_by_seed):
    """One record per seed that misses exactly these test images."""
    made = synthetic(Experiment(1000).vary(scale="own"), 1, 2)
    return [
        replace(
            made,
            experiment=Experiment(1000 + seed).vary(scale="own"),
            test=ErrorCurve((len(places),), 10_000),
            missed=tuple((place, 0) for place in sorted(places)),
        )
        for seed, places in enumerate(places_by_seed)
    ]


def test_the_bootstrap_draws_seeds_and_images_at_once(synthetic):
    """Against one that draws every image, one study after the other."""
    rng = np.random.default_rng(3)
    hard = rng.choice(10_000, 150, replace=False)
    missed = [set(rng.choice(hard, 100, replace=False).tolist()) for _ in range(12)]
    excess = rng.normal(0.1, 0.1, 12)
    low, high = bootstrap(excess, missed_images([[record] for record in missing(synthetic, missed)]))
    wrong = np.zeros((12, 10_000))
    for seed, places in enumerate(missed):
        wrong[seed, list(places)] = 1
    means = []
    for _ in range(2_000):
        images, seeds = rng.integers(0, 10_000, 10_000), rng.integers(0, 12, 12)
        errors = 100 * wrong[:, images].mean(axis=1)
        means.append((excess + errors - 100 * wrong.mean(axis=1))[seeds].mean())
    assert (low, high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.012)


def test_an_image_counts_by_how_many_of_a_seeds_records_miss_it(synthetic):
    first, second, third = missing(synthetic, [[3, 5], [5], [7, 5]])
    assert missed_images([[first, second], [third]]).tolist() == [[0.5, 1.0, 0.0], [0.0, 1.0, 1.0]]


def test_images_that_all_seeds_miss_widen_the_interval_and_apart_ones_hardly(synthetic):
    excess = np.full(16, 0.1)
    same = [[record] for record in missing(synthetic, [range(100)] * 16)]
    places = [range(100 * seed, 100 * seed + 100) for seed in range(16)]
    apart = [[record] for record in missing(synthetic, places)]
    widths = [high - low for low, high in (bootstrap(excess, missed_images(records)) for records in (same, apart))]
    assert widths[0] == pytest.approx(2 * 1.96 * np.sqrt(1 * 99) / 100, rel=0.05)  # binomial: 1% of 10 000
    assert widths[1] < widths[0] / 2


def test_what_the_images_share_is_what_the_bootstrap_finds(decide_on):
    """With many seeds and no scatter between them, Student's t with the shared error agrees with the bootstrap."""
    finding = decide_on("C16", lambda e: {"train": 1.0, "validation": 2.0, "test": 2.2}, STUDY_2, checked=False)
    (verdict,) = finding.findings[1].verdicts.values()
    plain = replace(verdict, bounds=None)
    assert (verdict.high - verdict.low) == pytest.approx(plain.high - plain.low, rel=0.4)


def test_study_1_has_no_missed_images_and_study_2_has():
    assert all(record.missed is None for records in SGD_SETTINGS.records([0]) for record in records.values())
    assert {run.scale for run in MAIN_SETTINGS.experiments([1000], {"scale": "own"})} == {"own"}
    assert final_validation.unit == "percentage points"


# The final model


def test_the_excess_of_the_final_model_is_that_of_its_chosen_epoch():
    record = FINAL_RUNS.records([0])[0]["final"]
    lowest = min(record.history.validation.errors) / 180
    assert excess_at_chosen_epoch(record) == pytest.approx(record.test.errors[0] / 100 - lowest)


def test_the_labs_run_stands_among_ours(synthetic, tmp_path):
    for experiment, errors in zip(FINAL_RUNS.experiments(range(4)), (40, 44, 50, 54), strict=True):
        save(replace(synthetic(experiment, 0.1, 0.5), test=ErrorCurve((errors,), 10_000)), tmp_path)
    found = standing(FINAL_RUNS, range(4), tmp_path)
    half = stats.t.ppf(0.975, 3) * np.std([40, 44, 50, 54], ddof=1) * np.sqrt(1 + 1 / 4) / 100
    assert found.mean == pytest.approx(0.47)
    assert (found.low, found.high) == pytest.approx((0.47 - half, 0.47 + half))
    assert (found.better, found.runs, found.ordinary) == (2, 4, True)
    assert not found._replace(low=LAB_TEST_ERROR + 0.01).ordinary


def test_the_final_model_of_study_2_is_the_one_that_the_grid_chose():
    records = [find(run) for run in FINAL_GRID.experiments([FINAL_GRID_SEED])]
    if None in records:
        pytest.skip("the grid's nine runs are not recorded yet")
    require_choice()


def test_the_final_model_of_study_2_waits_for_the_grid(synthetic, tmp_path):
    runs = {label: FINAL_GRID.experiment(label, FINAL_GRID_SEED) for label in FINAL_GRID.levels}
    assert FINAL | CHOSEN in FINAL_GRID.levels.values()
    for label, experiment in runs.items():
        with pytest.raises(RecordError, match="of the 9 runs that choose the final model's recipe are recorded"):
            require_choice(tmp_path)
        chosen = FINAL_GRID.levels[label] == FINAL | CHOSEN
        save(synthetic(experiment, 0.1, 0.4 if chosen else 0.5), tmp_path)
    require_choice(tmp_path)
    save(synthetic(runs["36 at 0.001"], 0.1, 0.3), tmp_path)
    with pytest.raises(RecordError, match=r"The grid chose 36 at 0\.001"):
        require_choice(tmp_path)
    with pytest.raises(RecordError, match=r"The grid chose 36 at 0\.001"):
        run_ablations(["final_model"], "1000:1001", 1, None, tmp_path)
    with pytest.raises(RecordError, match=r"The grid chose 36 at 0\.001"):
        run_ablations(["final_model"], None, 1, None, tmp_path, study="2")
