"""Intervals against SciPy's, and verdicts on data of known truth."""

from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from scipy import stats

from labcode.study.outcomes import LISTED, Outcome, all_hold, comparable, directional, exists, in_parts, reached, slight
from labcode.study.statistics import (
    OVERLAP,
    SMALLEST_DIFFERENCE,
    decide,
    exact_interval,
    fitted_fall,
    interaction,
    interval,
    power,
    prediction_interval,
    t_interval,
)

REPRODUCED, SMALL, OPEN = Outcome.REPRODUCED, Outcome.RIGHT_BUT_SMALL, Outcome.OPEN
NONE, SMALL_REVERSED, REVERSED, PARTLY = (
    Outcome.NO_DIFFERENCE,
    Outcome.REVERSED_BUT_SMALL,
    Outcome.REVERSED,
    Outcome.PARTLY,
)


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_the_interval_agrees_with_scipy(count):
    values = np.random.default_rng(count).normal(1, 2, count)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high))


def test_equal_values_have_an_interval_of_width_zero():
    assert t_interval(np.array([0.7, 0.7, 0.7])) == pytest.approx((0.7, 0.7))


@pytest.mark.parametrize(
    ("contrasts", "outcome"),
    [
        ([1.0, 1.2, 0.9], REPRODUCED),
        ([0.21, 0.22, 0.20], REPRODUCED),
        ([0.11, 0.10, 0.12], SMALL),
        ([0.05, -0.05, 0.0], NONE),
        ([3.0, -2.0, 1.0], OPEN),  # anything is possible
        ([0.3, 0.3, 0.1], OPEN),
    ],
)
def test_outcomes_and_their_mirror_images(contrasts, outcome):
    mirrored = {REPRODUCED: REVERSED, SMALL: SMALL_REVERSED}
    assert decide(contrasts).outcome == outcome
    assert decide([-each for each in contrasts]).outcome == mirrored.get(outcome, outcome)


def test_the_outcomes_are_those_of_the_table():
    """Every interval of a grid against the table in words, one row after the other."""
    ends = np.arange(-8, 9) / 20
    low, high = (each.ravel() for each in np.meshgrid(ends, ends))
    low, high = low[low <= high], high[low <= high]
    mean = (low + high) / 2

    def row(mean, low, high):
        if low > 0:
            return REPRODUCED if mean >= 0.2 else SMALL
        if high < 0:
            return REVERSED if mean <= -0.2 else SMALL_REVERSED
        return NONE if low > -0.2 and high < 0.2 else OPEN

    expected = [row(*each) for each in zip(mean, low, high, strict=True)]
    assert directional(mean, low, high, 0.2).tolist() == expected
    assert set(expected) == {REPRODUCED, SMALL, OPEN, NONE, SMALL_REVERSED, REVERSED}


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
def test_false_outcomes_stay_within_the_stated_rate(seeds):
    """2 000 simulated studies each: without a true effect the lab's sign comes at most 2.5% of the time; at an effect
    of exactly the margin "no difference that matters" does (a one-sided tail of a 95% interval)."""
    rng = np.random.default_rng(seeds)
    studies = rng.normal(0, 0.4, (2_000, seeds))
    allowed = 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)
    assert np.mean(directional(*interval(studies), SMALLEST_DIFFERENCE) <= SMALL) <= allowed
    studies += SMALLEST_DIFFERENCE
    assert np.mean(directional(*interval(studies), SMALLEST_DIFFERENCE) >= NONE) <= allowed


def test_a_large_effect_is_found():
    studies = np.random.default_rng(0).normal(1.0, 0.3, (500, 5))
    assert np.mean(directional(*interval(studies), SMALLEST_DIFFERENCE) == REPRODUCED) > 0.95


def test_the_fitted_fall_is_least_squares():
    widths, errors = [16, 32, 64, 128], [3.1, 2.2, 2.4, 1.0]
    slope = np.polyfit(np.log2(widths), errors, 1)[0]
    assert fitted_fall(np.log2(widths), errors) == pytest.approx(-3 * slope)


def test_the_fitted_fall_rises_with_agreement():
    assert fitted_fall([1, 2, 4], [3, 2, 1]) > 0 > fitted_fall([1, 2, 4], [1, 2, 3])


@pytest.mark.parametrize(
    ("differences", "outcome"),
    [
        ([0.05, -0.05, 0.02], REPRODUCED),
        ([0.0, 0.0, 0.0], REPRODUCED),
        ([1.0, 1.1, 0.9], REVERSED),
        ([-1.0, -1.1, -0.9], REVERSED),
        ([0.3, -0.3, 0.1], OPEN),  # comparable or not: too few seeds to say
        ([0.19, 0.21, 0.2], OPEN),  # on the edge of the margin
    ],
)
def test_equivalence(differences, outcome):
    assert decide(differences, comparable).outcome == outcome


@pytest.mark.parametrize("seeds", [3, 8, 16])
def test_false_equivalence_stays_within_the_stated_rate(seeds):
    """A true difference of exactly the margin is called comparable at most 2.5% of the time; no difference is hardly
    ever called one."""
    rng = np.random.default_rng(seeds)
    studies = rng.normal(0, 0.15, (2_000, seeds))
    assert np.mean(comparable(*interval(studies), SMALLEST_DIFFERENCE) == REVERSED) <= 0.025
    studies += SMALLEST_DIFFERENCE
    allowed = 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)
    assert np.mean(comparable(*interval(studies), SMALLEST_DIFFERENCE) == REPRODUCED) <= allowed


@pytest.mark.parametrize("contrasts", [2, 4])
def test_several_contrasts_need_no_correction(contrasts):
    """If one contrast truly has no effect, "all must hold" is reproduced no more often than one test is wrong, however
    many contrasts there are and however large the others."""
    rng = np.random.default_rng(contrasts)
    effects = np.array([0.0] + [2.0] * (contrasts - 1))
    studies = rng.normal(effects, 0.4, (2_000, 8, contrasts))
    found = all_hold(directional(*interval(studies.swapaxes(1, 2)), SMALLEST_DIFFERENCE).T)
    assert 0 < np.mean(found <= SMALL) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)


@pytest.mark.parametrize(
    ("contrasts", "outcome"),
    [
        ([0.3, 0.31, 0.29], REPRODUCED),  # better is reached too
        ([-0.05, -0.04, -0.06], REPRODUCED),
        ([-0.2, -0.21, -0.22], REVERSED),
        ([-0.3, 0.1, 0.0], OPEN),
    ],
)
def test_reaching_a_figure(contrasts, outcome):
    assert decide(contrasts, reached, margin=0.1).outcome == outcome


@pytest.mark.parametrize("seeds", [3, 5])
def test_false_outcomes_on_reaching_a_figure_stay_within_the_stated_rate(seeds):
    """At a true effect of exactly minus the margin, either outcome is a one-sided tail of the interval."""
    rng = np.random.default_rng(seeds)
    found = reached(*interval(rng.normal(-0.1, 0.04, (2_000, seeds))), 0.1)
    for outcome in (REPRODUCED, REVERSED):
        assert 0 < np.mean(found == outcome) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2_000)


def test_where_the_lab_says_slightly_a_small_difference_is_enough():
    small = [0.11, 0.10, 0.12]
    assert decide(small).outcome == SMALL
    assert decide(small, slight).outcome == REPRODUCED
    assert decide([-each for each in small], slight).outcome == SMALL_REVERSED


def test_existence_is_shown_by_one_and_never_refuted():
    assert [Outcome(int(exists(found, found, found, 1))) for found in (0, 1, 12)] == [OPEN, REPRODUCED, REPRODUCED]


def test_what_rounds_to_zero_has_no_minus_sign():
    verdict = decide([-0.001, -0.003, -0.002])
    assert verdict.interval == "+0.00 (+0.00 to +0.00)"
    assert "-0.00" not in str(verdict)


def test_the_unit_is_named():
    assert "+3.00 (+3.00 to +3.00) epochs" in str(decide([3, 3, 3], margin=1, unit="epochs"))


R, S, O, N, X = REPRODUCED, SMALL, OPEN, NONE, REVERSED


@pytest.mark.parametrize(
    ("outcomes", "all_of_them", "as_parts"),
    [
        ([R, R], R, R),
        ([R, S], S, S),
        ([R, O], O, PARTLY),
        ([R, N], N, PARTLY),
        ([S, X], X, PARTLY),
        ([O, N], N, N),
        ([O, O], O, O),
        ([N, X], X, X),
        ([R, O, N], N, PARTLY),
    ],
)
def test_outcomes_combine(outcomes, all_of_them, as_parts):
    for order in (outcomes, outcomes[::-1]):
        assert all_hold(order) == all_of_them
        assert in_parts(order) == as_parts


def test_every_outcome_is_listed_once():
    assert sorted(LISTED) == list(Outcome)
    assert [outcome.supports for outcome in Outcome] == [True, True] + 6 * [False]


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_power_is_that_of_the_rule(seeds):
    """Against the rule itself, study by study, on the same draws."""
    studies = np.random.default_rng(1).normal(0.3, 0.4, (300, seeds))
    share = np.mean([decide(study).outcome == REPRODUCED for study in studies])
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
    assert decide([0.0, 0.0]).outcome == decide([0.0, 0.0], slight).outcome == NONE


def test_a_difference_of_exactly_the_margin_matters():
    assert decide([0.2, 0.2]).outcome == REPRODUCED
    assert decide([-0.2, -0.2]).outcome == REVERSED


@pytest.mark.parametrize("difference", [0.2, -0.2])
def test_two_things_that_differ_by_exactly_the_margin_are_not_comparable(difference):
    assert decide([difference] * 2, comparable).outcome == REVERSED


def test_a_figure_missed_by_exactly_the_margin_is_not_reached():
    assert decide([-0.1, -0.1], reached, margin=0.1).outcome == REVERSED


def test_a_seed_on_the_edge_does_not_agree():
    assert decide([0.0, 0.5, 1.0]).agreeing == 2
    assert decide([0.2, 0.1, -0.1, 0.0, 0.5], comparable).agreeing == 3
    assert decide([-0.1, 0.0, -0.2, 0.3, 0.4], reached, margin=0.1).agreeing == 3


def test_the_exact_interval_leaves_a_fortieth_in_each_tail():
    """By exact sums of binomial probabilities."""
    low, high = (Fraction(end / 100) for end in exact_interval(3, 40))

    def at_most(errors, share):
        return float(sum(comb(40, k) * share**k * (1 - share) ** (40 - k) for k in range(errors + 1)))

    assert 1 - at_most(2, low) == pytest.approx(0.025, abs=1e-9)
    assert at_most(3, high) == pytest.approx(0.025, abs=1e-9)


# Intervals of seeds that share images


@pytest.mark.parametrize("seeds", [3, 8, 16])
def test_the_corrected_interval_covers_where_the_plain_one_does_not(seeds):
    """Seeds whose contrasts share 30% of their variance, as overlapping splits do: the model of Nadeau and Bengio."""
    rng = np.random.default_rng(seeds)
    values = rng.normal(0, np.sqrt(0.3), (4_000, 1)) + rng.normal(0, np.sqrt(0.7), (4_000, seeds))

    def covered(overlap):
        _, low, high = interval(values, overlap)
        return np.mean((low <= 0) & (high >= 0))

    assert covered(OVERLAP) == pytest.approx(0.95, abs=0.012)
    assert covered(0) < 0.9


def test_what_all_seeds_share_adds_to_the_variance():
    values = np.array([1.0, 2.0, 4.0, 3.0])
    _, plain, _ = interval(values)
    _, wider, _ = interval(values, shared=0.5)
    half = [(values.mean() - low) / stats.t.ppf(0.975, 3) for low in (plain, wider)]
    assert half[1] ** 2 - half[0] ** 2 == pytest.approx(0.25)


def test_one_seed_stands_for_itself():
    assert [float(each) for each in interval([0.7])] == [0.7, 0.7, 0.7]


def test_the_prediction_interval_covers_one_more_value():
    values = np.random.default_rng(0).normal(50, 7, (4_000, 6))
    held = [low <= more <= high for *five, more in values for low, high in [prediction_interval(np.array(five))]]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)


# The interaction of a contrast with the learning rate


@pytest.mark.parametrize("seeds", [4, 8, 16])
def test_the_interaction_is_that_of_a_regression(seeds):
    """Hotelling's T2 by another road: regress 1 on the differences without an intercept. The share of the sum of
    squares that they explain, R2, gives the same F."""
    effects = np.random.default_rng(seeds).normal([[0.3], [0.5], [0.2]], 0.3, (3, seeds))
    differences = np.stack([effects[0] - effects[2], effects[1] - effects[2]], axis=1)
    _, residue, *_ = np.linalg.lstsq(differences, np.ones(seeds), rcond=None)
    explained = seeds - residue[0]
    f = explained / 2 / (residue[0] / (seeds - 2))
    assert interaction(effects) == pytest.approx(stats.f.sf(f, 2, seeds - 2))


def test_with_two_rates_the_interaction_is_a_paired_t_test():
    effects = np.random.default_rng(0).normal(0.3, 0.3, (2, 9))
    assert interaction(effects) == pytest.approx(stats.ttest_rel(*effects).pvalue)


def test_an_interaction_is_found_and_not_invented():
    rng = np.random.default_rng(1)
    none = rng.normal(0.3, 0.3, (1_000, 3, 8))
    assert np.mean([interaction(each) < 0.05 for each in none]) == pytest.approx(0.05, abs=0.02)
    assert interaction(none[0] + np.array([[0.0], [1.0], [2.0]])) < 0.001


def test_shared_images_make_an_interaction_harder_to_find():
    effects = np.random.default_rng(2).normal([[0.0], [0.3], [0.5]], 0.3, (3, 8))
    assert interaction(effects, OVERLAP) > interaction(effects)


def test_equal_effects_have_no_interaction():
    assert interaction(np.ones((3, 4))) == 1
    assert interaction(np.array([[1.0], [2.0], [3.0]]) * np.ones((3, 4))) == 0
    with pytest.raises(ValueError, match="There are 2 seeds; 2 differences take at least 3"):
        interaction(np.ones((3, 2)))


# With more and more seeds

TRUTHS = {
    directional: {-2: REVERSED, -0.5: SMALL_REVERSED, 0: NONE, 0.25: SMALL, 0.5: SMALL, 2: REPRODUCED},
    slight: {-2: REVERSED, -0.5: SMALL_REVERSED, 0: NONE, 0.25: REPRODUCED, 2: REPRODUCED},
    comparable: {-2: REVERSED, -0.5: REPRODUCED, 0: REPRODUCED, 0.5: REPRODUCED, 2: REVERSED},
    reached: {-2: REVERSED, -0.5: REPRODUCED, 0: REPRODUCED, 2: REPRODUCED},
}


def studies(rule, effect, seeds, count=4_000, spread=0.2):
    """Outcomes of simulated studies: the mean and the standard deviation of normal seeds are drawn directly."""
    rng = np.random.default_rng(seeds)
    mean = effect + spread * rng.normal(size=count) / np.sqrt(seeds)
    half = spread * np.sqrt(rng.chisquare(seeds - 1, count) / (seeds - 1) / seeds) * stats.t.ppf(0.975, seeds - 1)
    return rule(mean, mean - half, mean + half, SMALLEST_DIFFERENCE)


@pytest.mark.parametrize(
    ("rule", "margins"), [(rule, margins) for rule, truths in TRUTHS.items() for margins in truths]
)
def test_with_more_seeds_every_effect_ends_in_the_outcome_that_fits_it(rule, margins):
    fitting = TRUTHS[rule][margins]
    shares = [np.mean(studies(rule, margins * SMALLEST_DIFFERENCE, n) == fitting) for n in (4, 16, 64, 256, 1_024)]
    assert all(later >= earlier - 0.02 for earlier, later in pairwise(shares)), shares
    assert shares[-1] >= 0.94


def test_an_effect_of_exactly_the_margin_stays_between_its_two_neighbors():
    """The one boundary that no number of seeds settles: half of the studies find it below the margin."""
    found = studies(directional, SMALLEST_DIFFERENCE, 4_096)
    assert np.mean(found == REPRODUCED) == pytest.approx(0.5, abs=0.03)
    assert set(found) == {REPRODUCED, SMALL}
    assert np.mean(studies(comparable, SMALLEST_DIFFERENCE, 4_096) == OPEN) > 0.94
    assert np.mean(studies(reached, -SMALLEST_DIFFERENCE, 4_096) == OPEN) > 0.94
