"""Measures of a record: a diverged run counts as guessing; errors at equal updates and at equal gradients."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.study import Experiment, Record
from labcode.study.measures import (
    at_gradients,
    at_updates,
    best,
    early,
    epochs_to,
    errors,
    final,
    gap,
    settled,
    unseen_error,
    unseen_gap,
    validation_variation,
    variation,
)
from labcode.training import ErrorCurve, History


def record(validation, train=None, experiment=None, diverged=False, gradients=(), seconds=()):
    curve = ErrorCurve(tuple(validation), 1_800)
    history = History(
        online=ErrorCurve((0,) * len(validation), 4_200),
        train=ErrorCurve(tuple(train or validation), 1_800),
        validation=curve,
        diverged=diverged,
        gradients=tuple(gradients),
        seconds=tuple(seconds),
        total_seconds=1.0,
    )
    return Record(
        experiment or Experiment(0).vary(epochs=len(validation)),
        history,
        ErrorCurve((100,), 10_000),
        {"engine": "synthetic"},
    )


def test_measures_of_a_curve():
    curve = np.array([50, 30, 20, 10, 10, 2, 6, 4.0])
    assert early(curve) == pytest.approx(24)
    assert best(curve) == 2
    assert final(curve) == 4
    assert settled(curve) == pytest.approx(4)
    assert epochs_to(curve, 10) == 4
    assert epochs_to(curve, 1) == 9


def test_variation_is_that_of_the_last_ten_epochs():
    steady = np.full(10, 3.0)
    assert variation(np.concatenate([[90, 60, 3], steady])) == 0
    assert variation(np.array([3.0, 3.5] * 8)) == pytest.approx(0.5)


def test_a_diverged_run_counts_as_guessing():
    stopped = record([180, 90], experiment=Experiment(0).vary(epochs=5), diverged=True)
    assert errors(stopped, "validation").tolist() == [10, 5, 90, 90, 90]
    seldom = Experiment(0).vary(epochs=10, measured_every=5)
    assert errors(record([180], experiment=seldom, diverged=True), "train").tolist() == [10, 90]


def test_the_gap_is_validation_minus_training_error_at_the_end():
    assert gap(record([1800, 90, 90, 90], train=[1800, 36, 36, 36])) == pytest.approx(3)


@pytest.mark.parametrize(("batch_size", "epochs", "every"), [(1, 2, 1), (10, 20, 1), (30, 60, 3), (100, 200, 10)])
def test_the_error_at_equal_updates_is_that_of_their_measurement(batch_size, epochs, every):
    experiment = Experiment(0).vary(batch_size=batch_size, epochs=epochs, measured_every=every)
    counts = [1_800] * (epochs // every - 1) + [18]
    assert at_updates(record(counts, experiment=experiment), 8_400) == 1


@pytest.mark.parametrize("updates", [8_401, 4_200 * 3, 0])
def test_updates_without_a_measurement_are_refused(updates):
    made = record([18, 18], experiment=Experiment(0).vary(epochs=2))
    with pytest.raises(
        ValueError, match=f"baseline.* has no measurement at {updates} updates|epochs=2.* {updates} updates"
    ):
        at_updates(made, updates)


def test_the_error_between_two_measurements_is_interpolated():
    made = record([360, 180], gradients=[100, 300], seconds=[1.0, 2.0])
    assert at_gradients(made, 100) == pytest.approx(20)
    assert at_gradients(made, 200) == pytest.approx(15)
    assert at_gradients(made, 500) == pytest.approx(10)  # the last measurement
    assert at_gradients(made, 0) == 90


def test_a_run_that_diverged_before_its_first_measurement_counts_as_guessing():
    assert at_gradients(record([], experiment=Experiment(0), diverged=True), 50) == 90


def test_gradients_after_a_divergence_count_as_guessing():
    stopped = record([360, 180], experiment=Experiment(0), diverged=True, gradients=[100, 300])
    assert at_gradients(stopped, 300) == pytest.approx(10)
    assert at_gradients(stopped, 301) == 90


def test_steadiness_is_compared_as_a_ratio():
    """Twice the wobble is 100 ln 2 = 69 percent more, whatever the error; 25 is what one run could show."""
    calm, wild = (record([900 + move * (-1) ** epoch for epoch in range(12)]) for move in (9, 18))
    assert validation_variation(wild) - validation_variation(calm) == pytest.approx(100 * np.log(2))
    assert (validation_variation.unit, validation_variation.margin) == ("percent", 25)
    own = np.abs(np.random.default_rng(0).normal(size=(20_000, 10))).mean(axis=1)
    assert own.std() / own.mean() == pytest.approx(0.24, abs=0.005)


def test_a_curve_that_does_not_move_counts_as_one_image_in_ten_epochs():
    still, one = record([90] * 12), record([90] * 11 + [91])
    assert validation_variation(still) == validation_variation(one) == pytest.approx(100 * np.log(100 / 1_800 / 10))


def test_images_never_seen_are_those_that_the_scale_has():
    own = record([90, 36], train=[90, 18], experiment=Experiment(1000).vary(scale="own", epochs=2))
    own = replace(own, unseen=ErrorCurve((1_080,), 54_000))
    assert (unseen_error(own), unseen_gap(own)) == pytest.approx((2, 1))
    assert unseen_error(replace(own, history=replace(own.history, diverged=True))) == 90
    full = record([90, 36], experiment=Experiment(1000).vary(scale="full", epochs=2))
    assert unseen_error(full) == final(errors(full, "validation")) == pytest.approx(2)
    with pytest.raises(ValueError, match="was not tested on the training images that it never saw"):
        unseen_error(record([90, 36]))
