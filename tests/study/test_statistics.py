"""Intervals against SciPy's, and verdicts on data of known truth."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import stats

from labcode.study.statistics import (
    CONTRADICTED,
    NOT_DISTINGUISHABLE,
    PARTLY,
    REPRODUCED,
    SMALLEST_DIFFERENCE,
    all_hold,
    decide,
    decide_equivalence,
    decide_reached,
    exact_interval,
    fitted_fall,
    in_parts,
    power,
    t_interval,
)


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_the_interval_agrees_with_scipy(count):
    values = np.random.default_rng(count).normal(1, 2, count)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high))


def test_equal_values_have_an_interval_of_width_zero():
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
def test_fewer_than_two_seeds_are_refused(contrasts):
    with pytest.raises(ValueError, match=f"There are {len(contrasts)} seeds; an interval takes at least 2"):
        decide(contrasts)
    with pytest.raises(ValueError, match="an interval takes at least 2"):
        t_interval(np.array(contrasts))


def test_a_contrast_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="each must be a finite number"):
        decide([1.0, float("nan")])


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_false_verdicts_stay_within_the_stated_rate(seeds):
    """2 000 simulated studies each: without a true effect, `reproduced` comes at most 2.5% of the time; at an effect of
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


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.05, -0.05, 0.02], REPRODUCED),
        ([0.0, 0.0, 0.0], REPRODUCED),
        ([1.0, 1.1, 0.9], CONTRADICTED),
        ([-1.0, -1.1, -0.9], CONTRADICTED),
        ([0.3, -0.3, 0.1], NOT_DISTINGUISHABLE),  # comparable or not: too few seeds to say
        ([0.19, 0.21, 0.2], NOT_DISTINGUISHABLE),  # on the edge of the margin
    ],
)
def test_equivalence(differences, verdict):
    assert decide_equivalence(differences).verdict == verdict


@pytest.mark.parametrize("seeds", [3, 8, 16])
def test_false_equivalence_stays_within_the_stated_rate(seeds):
    """A true difference of exactly the margin is called comparable at most 2.5% of the time; no difference is hardly
    ever called one."""
    rng = np.random.default_rng(seeds)
    studies = rng.normal(0, 0.15, (2_000, seeds))
    assert np.mean([decide_equivalence(study).verdict == CONTRADICTED for study in studies]) <= 0.025
    studies += SMALLEST_DIFFERENCE
    allowed = 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)
    assert np.mean([decide_equivalence(study).verdict == REPRODUCED for study in studies]) <= allowed


@pytest.mark.parametrize("contrasts", [2, 4])
def test_several_contrasts_need_no_correction(contrasts):
    """If one contrast truly has no effect, "all must hold" is reproduced no more often than one test is wrong, however
    many contrasts there are and however large the others."""
    rng = np.random.default_rng(contrasts)
    effects = np.array([0.0] + [2.0] * (contrasts - 1))
    studies = rng.normal(effects, 0.4, (2_000, 8, contrasts))
    found = [all_hold(decide(study[:, c]).verdict for c in range(contrasts)) for study in studies]
    assert np.mean([verdict == REPRODUCED for verdict in found]) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)
    assert found.count(REPRODUCED) > 0


@pytest.mark.parametrize(
    ("contrasts", "verdict"),
    [
        ([0.3, 0.31, 0.29], REPRODUCED),  # better is reached too
        ([-0.05, -0.04, -0.06], REPRODUCED),
        ([-0.2, -0.21, -0.22], CONTRADICTED),
        ([-0.3, 0.1, 0.0], NOT_DISTINGUISHABLE),
    ],
)
def test_reaching_a_figure(contrasts, verdict):
    assert decide_reached(contrasts, margin=0.1).verdict == verdict


@pytest.mark.parametrize("seeds", [3, 5])
def test_false_verdicts_on_reaching_a_figure_stay_within_the_stated_rate(seeds):
    """At a true effect of exactly minus the margin, either verdict is a one-sided tail of the interval."""
    rng = np.random.default_rng(seeds)
    found = [decide_reached(study, margin=0.1).verdict for study in rng.normal(-0.1, 0.04, (2_000, seeds))]
    for verdict in (REPRODUCED, CONTRADICTED):
        assert 0 < np.mean([each == verdict for each in found]) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)


def test_any_difference_counts_if_the_smallest_is_zero():
    slight = [0.11, 0.10, 0.12]
    assert decide(slight).verdict == NOT_DISTINGUISHABLE
    assert decide(slight, smallest=0).verdict == REPRODUCED
    assert decide([-d for d in slight], smallest=0).verdict == CONTRADICTED


def test_what_rounds_to_zero_has_no_minus_sign():
    verdict = decide([-0.001, -0.003, -0.002])
    assert verdict.interval == "+0.00 (+0.00 to +0.00)"
    assert "-0.00" not in str(verdict)


def test_the_unit_is_named():
    assert "+3.00 (+3.00 to +3.00) epochs" in str(decide([3, 3, 3], smallest=1, unit="epochs"))


R, N, C = REPRODUCED, NOT_DISTINGUISHABLE, CONTRADICTED


@pytest.mark.parametrize(
    ("verdicts", "all_of_them", "as_parts"),
    [
        ([R, R], R, R),
        ([R, N], N, PARTLY),
        ([R, C], C, PARTLY),
        ([N, C], C, C),
        ([N, N], N, N),
        ([C, C], C, C),
        ([R, N, C], C, PARTLY),
    ],
)
def test_verdicts_combine(verdicts, all_of_them, as_parts):
    for order in (verdicts, verdicts[::-1]):
        assert all_hold(order) == all_of_them
        assert in_parts(order) == as_parts


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_power_is_that_of_the_rule(seeds):
    """Against the rule itself, study by study, on the same draws."""
    studies = np.random.default_rng(1).normal(0.3, 0.4, (300, seeds))
    share = np.mean([decide(study).verdict == REPRODUCED for study in studies])
    assert power(0.3, 0.4, seeds, 300, np.random.default_rng(1)) == pytest.approx(share)


def test_power_grows_with_the_seeds():
    shares = [power(0.4, 0.4, seeds, 2_000, np.random.default_rng(0)) for seeds in (3, 8, 16)]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.3


def test_power_without_an_effect_is_the_rate_of_false_verdicts():
    assert power(0, 0.4, 8, 5_000, np.random.default_rng(0)) <= 0.03
    one_run = power(0, 0.4, 1, 20_000, np.random.default_rng(0))
    assert one_run == pytest.approx(stats.norm.sf(SMALLEST_DIFFERENCE / 0.4), abs=0.01)


# On the edge of a rule, with intervals of width zero


def test_a_difference_of_exactly_zero_is_none():
    assert decide([0.0, 0.0], smallest=0).verdict == NOT_DISTINGUISHABLE


@pytest.mark.parametrize("difference", [0.2, -0.2])
def test_a_difference_of_exactly_the_margin_is_neither_inside_nor_outside(difference):
    assert decide_equivalence([difference] * 2, margin=0.2).verdict == NOT_DISTINGUISHABLE


def test_a_figure_missed_by_exactly_the_margin_is_neither_reached_nor_missed():
    assert decide_reached([-0.1, -0.1], margin=0.1).verdict == NOT_DISTINGUISHABLE


def test_a_seed_on_the_edge_does_not_agree():
    assert decide([0.0, 0.5, 1.0]).agreeing == 2
    assert decide_equivalence([0.2, 0.1, -0.1, 0.0, 0.5], margin=0.2).agreeing == 3
    assert decide_reached([-0.1, 0.0, -0.2, 0.3, 0.4], margin=0.1).agreeing == 3


def test_the_exact_interval_leaves_a_fortieth_in_each_tail():
    """By exact sums of binomial probabilities."""
    low, high = (Fraction(end / 100) for end in exact_interval(3, 40))

    def at_most(errors, share):
        return float(sum(comb(40, k) * share**k * (1 - share) ** (40 - k) for k in range(errors + 1)))

    assert 1 - at_most(2, low) == pytest.approx(0.025, abs=1e-9)
    assert at_most(3, high) == pytest.approx(0.025, abs=1e-9)
