"""Intervals against SciPy, verdicts on data of known truth."""

import numpy as np
import pytest
from scipy import stats

from labcode.evidence import (
    CONTRADICTED,
    NOT_DISTINGUISHABLE,
    REPRODUCED,
    SMALLEST_DIFFERENCE,
    decide,
    fitted_fall,
    t_interval,
)


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_the_interval_is_scipys(count):
    values = np.random.default_rng(count).normal(1, 2, count)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high))


def test_equal_values_have_an_interval_of_no_width():
    assert t_interval(np.array([0.7, 0.7, 0.7])) == pytest.approx((0.7, 0.7))


@pytest.mark.parametrize(
    ("contrasts", "verdict"),
    [
        ([1.0, 1.2, 0.9], REPRODUCED),
        ([0.21, 0.22, 0.20], REPRODUCED),
        ([-1.0, -1.2, -0.9], CONTRADICTED),
        ([0.05, -0.05, 0.0], CONTRADICTED),  # no difference that matters is left
        ([0.11, 0.10, 0.12], NOT_DISTINGUISHABLE),  # a difference, but too small to matter
        ([3.0, -2.0, 1.0], NOT_DISTINGUISHABLE),  # anything is possible
        ([0.3, 0.3, 0.1], NOT_DISTINGUISHABLE),
    ],
)
def test_verdicts(contrasts, verdict):
    assert decide(contrasts).verdict == verdict


def test_agreeing_seeds_are_counted():
    verdict = decide([1.0, -0.1, 0.5])
    assert (verdict.seeds, verdict.agreeing) == (3, 2)


@pytest.mark.parametrize("contrasts", [[], [1.0]])
def test_one_seed_decides_nothing(contrasts):
    with pytest.raises(ValueError, match=f"There are {len(contrasts)} seeds; an interval takes at least 2"):
        decide(contrasts)


def test_a_contrast_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="each must be a finite number"):
        decide([1.0, float("nan")])


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_false_verdicts_stay_within_the_stated_rate(seeds):
    """2 000 simulated studies each: at no true effect, `reproduced` comes at most 2.5% of the time; at an effect of
    exactly the smallest difference that matters, `contradicted` does (a one-sided tail of a 95% interval)."""
    rng = np.random.default_rng(seeds)
    studies = rng.normal(0, 0.4, (2_000, seeds))
    allowed = 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)
    assert np.mean([decide(study).verdict == REPRODUCED for study in studies]) <= allowed
    studies += SMALLEST_DIFFERENCE
    assert np.mean([decide(study).verdict == CONTRADICTED for study in studies]) <= allowed


def test_a_large_effect_is_found():
    studies = np.random.default_rng(0).normal(1.0, 0.3, (500, 5))
    assert np.mean([decide(study).verdict == REPRODUCED for study in studies]) > 0.95


def test_the_fitted_fall_is_least_squares():
    widths, errors = [16, 32, 64, 128], [3.1, 2.2, 2.4, 1.0]
    slope = np.polyfit(np.log2(widths), errors, 1)[0]
    assert fitted_fall(widths, errors) == pytest.approx(-3 * slope)


def test_the_fitted_fall_rises_with_agreement():
    assert fitted_fall([1, 2, 4], [3, 2, 1]) > 0 > fitted_fall([1, 2, 4], [1, 2, 3])
