"""Simulated studies: against draws made another way, and with more and more seeds."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from labcode.study import CLAIMS
from labcode.study.outcomes import Outcome, comparable, directional, reached, slight
from labcode.study.simulation import (
    SEEDS,
    STUDIES,
    Simulated,
    _noise,
    at_least_one_wrong,
    coverage,
    simulate,
    true_outcomes,
)
from labcode.study.statistics import interval


@pytest.fixture(scope="module")
def decided():
    return {name: claim.decide() for name, claim in CLAIMS.items()}


def test_the_contrasts_of_simulated_studies_have_the_recorded_covariance(decided):
    """C14's eight contrasts share the level that they are compared with."""
    parts = list(decided["C14"].findings)
    noise = np.concatenate(_noise(parts, 8, np.random.default_rng(0)))
    means, recorded = noise[:, 0], np.concatenate([finding.values for finding in parts])
    assert means.mean(axis=1) == pytest.approx(0, abs=0.01)
    assert np.cov(means) * 8 == pytest.approx(np.cov(recorded), abs=0.12 * np.cov(recorded).max())


def test_simulated_studies_are_those_of_a_plain_t_test(decided):
    """C01 has one contrast: its shares against independent draws and SciPy's interval."""
    spread = decided["C01"].deciding.values.std(ddof=1)
    drawn = np.random.default_rng(5).normal(0.2, spread, (STUDIES, 16))
    ends = stats.t.interval(0.95, 15, drawn.mean(axis=1), stats.sem(drawn, axis=1))
    expected = directional(drawn.mean(axis=1), *ends, 0.2)
    (found,) = simulate(decided["C01"], 16, [1])
    for outcome in Outcome:
        assert found.shares.get(outcome, 0) == pytest.approx(np.mean(expected == outcome), abs=0.05)


def test_what_is_true_of_an_effect():
    R, S, O, N, X = (
        Outcome.REPRODUCED,
        Outcome.RIGHT_BUT_SMALL,
        Outcome.OPEN,
        Outcome.NO_DIFFERENCE,
        Outcome.REVERSED,
    )
    assert [true_outcomes(directional, effect) for effect in (0, 0.5, 1, 2)] == [{O, N}, {O, N, S}, {O, S, R}, {O, R}]
    assert [true_outcomes(slight, effect) for effect in (0.5, 2)] == [{O, N, R}, {O, R}]
    assert [true_outcomes(comparable, effect) - {N} for effect in (0, 0.5, 1, 2)] == [{O, R}, {O, R}, {O, R, X}, {O, X}]
    assert [true_outcomes(reached, effect) - {N} for effect in (0, 0.5, 2)] == [{O, R}, {O, R}, {O, X}]


def test_wrong_outcomes_are_counted_once_per_study(decided):
    for name, decision in decided.items():
        for found in simulate(decision, 8):
            assert sum(found.shares.values()) == pytest.approx(1)
            assert 0 <= found.wrong <= 0.25, name


@pytest.mark.parametrize("name", ["C01", "C02", "C12", "C13", "C14"])
def test_with_more_seeds_a_claim_ends_in_the_outcome_that_fits(decided, name):
    """No effect ends in "no difference that matters", half a margin in "right but small", two in "reproduced"."""
    ends = {0: Outcome.NO_DIFFERENCE, 0.5: Outcome.RIGHT_BUT_SMALL, 2: Outcome.REPRODUCED}
    for effect, outcome in ends.items():
        shares = [simulate(decided[name], seeds, [effect])[0].shares.get(outcome, 0) for seeds in (8, 32, 128)]
        assert all(later >= earlier - 0.02 for earlier, later in pairwise(shares)), (effect, shares)
        assert shares[-1] > 0.85


def test_claims_together_are_wrong_more_often_than_one():
    one = [Simulated(name, 8, 0, {}, 0.05) for name in CLAIMS]
    assert at_least_one_wrong(one) == pytest.approx(1 - 0.95**17)
    assert at_least_one_wrong(one[:1]) == pytest.approx(0.05)


def test_intervals_hold_the_mean_of_the_recorded_seeds(decided):
    """Whatever the shape of the recorded values: 93% to 96% for most contrasts at 16 seeds, and at 64."""
    for seeds in SEEDS[1:]:
        shares = [
            coverage(verdict.values, seeds)
            for decision in decided.values()
            for finding in decision.findings
            for verdict in finding.verdicts.values()
            if np.ptp(verdict.values) > 0
        ]
        assert np.median(shares) == pytest.approx(0.945, abs=0.015)
        assert min(shares) > 0.85


def test_coverage_is_that_of_the_interval():
    values = np.array([0.0, 0.0, 0.0, 1.0])
    drawn = np.random.default_rng(1).choice(values, (20_000, 8))
    _, low, high = interval(drawn)
    assert coverage(values, 8) == pytest.approx(np.mean((low <= 0.25) & (high >= 0.25)), abs=0.03)
