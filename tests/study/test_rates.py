"""Does a result depend on the learning rate: the label, the test behind it, and another study's probability."""

import numpy as np
import pytest
from scipy.stats import zscore

from labcode.study import CLAIMS, Experiment
from labcode.study.claim import Decision, Finding
from labcode.study.outcomes import Outcome, directional
from labcode.study.rates import SAID, _over, by_rate
from labcode.study.replication import replication
from labcode.study.statistics import OVERLAP, Verdict, decide, interaction, interval
from labcode.study.studies import STUDY_2

RATE = Experiment(0).recipe.learning_rate


def gains(at_a_third, as_stated, at_triple, scatter=0.0):
    """Worlds in which the error falls with the width by so much per doubling, at each rate."""

    def truth(e):
        rate = e.recipe.learning_rate
        gain = as_stated if rate == RATE else at_a_third if rate < RATE else at_triple
        luck = scatter * (e.seed % 4 - 1.5) * (e.network.width == 128)
        return dict.fromkeys(("train", "validation"), 12 - gain * (np.log2(e.network.width) - 4) + luck)

    return truth


@pytest.mark.parametrize(
    ("truth", "label"),
    [
        (gains(1, 1, 1), "same at all rates"),
        (gains(0.02, 0.02, 0.02), "same at all rates"),  # small everywhere
        (gains(0, 0, 0), "same at all rates"),  # no difference that matters at any of them
        (gains(1, 1, 2), "changes with the rate"),
        (gains(1, 0.5, -1), "reverses with the rate"),
        (gains(0.15, 0.15, 0.15, scatter=1), "open"),
    ],
)
def test_each_label_has_its_world(decide_on, truth, label):
    rates = by_rate(decide_on("C02", truth, STUDY_2))
    assert list(rates.effects) == [
        "a third of the learning rate",
        "the stated learning rate",
        "three times the learning rate",
    ]
    assert rates.label == label
    assert rates.sentence.startswith(SAID[label])
    assert all(verdict.interval in rates.sentence for verdict in rates.effects.values())
    assert rates.p == pytest.approx(interaction([verdict.values for verdict in rates.effects.values()]))


def test_too_few_runs_to_see_a_change_are_no_proof_that_there_is_none(decide_on):
    """At one rate the interval holds 0, so that the same sign is not shown there."""
    scattered = gains(1, 1, 0.1, scatter=3)

    def truth(e):
        return scattered(e) if e.recipe.learning_rate > RATE else gains(1, 1, 1)(e)

    rates = by_rate(decide_on("C02", truth))
    assert (rates.label, rates.p > 0.05) == ("no change shown", True)


def test_rates_are_compared_on_the_seeds_that_all_of_them_have():
    """In study 1 three seeds, with the interval that overlapping splits need."""
    rates = by_rate(CLAIMS["C05"].decide())
    assert {verdict.seeds for verdict in rates.effects.values()} == {3}
    assert {verdict.overlap for verdict in rates.effects.values()} == {OVERLAP}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_effect_at_another_rate_is_that_of_its_check(name):
    """The same numbers stand in the sentence and among the checks: C16's interval has the luck of the test images."""
    decision = CLAIMS[name].decide()
    place = decision.findings.index(decision.hanging[0])
    for words, effect in by_rate(decision).effects.items():
        if check := decision.checks.get(words):
            found = check.findings[place].verdicts[decision.hanging[1]]
            assert (effect.interval, effect.seeds, effect.outcome) == (found.interval, found.seeds, found.outcome)


def test_fewer_seeds_have_the_t_interval_in_place_of_a_bootstrap():
    finding = Finding(
        CLAIMS["C02"].parts[0], range(4), {"only": Verdict(np.arange(4.0), shared=0.5, bounds=(1.0, 2.0))}
    )
    assert _over([0, 1, 2, 3], finding, "only").low == 1
    _, low, _ = interval([0.0, 2.0, 3.0], shared=0.5)
    assert _over([0, 2, 3], finding, "only").low == low


@pytest.mark.parametrize("name", ["C02", "C07", "C12", "C13"])
def test_an_open_claim_is_open_at_other_rates_too(name):
    decision = CLAIMS[name].decide()
    assert decision.outcome == Outcome.OPEN
    assert by_rate(decision).label == "open"


def test_missing_runs_are_said_to_be_missing_and_unplanned_ones_untested(decide_on, tmp_path):
    decide_on("C02", gains(1, 1, 1), STUDY_2, checked=False)
    assert by_rate(CLAIMS["C02"].decide(STUDY_2, folder=tmp_path)).label == "not recorded"
    assert by_rate(CLAIMS["C17"].decide()).label == "not tested"


# Another study


def claim_of(*contrasts):
    part = CLAIMS["C02"].parts[0]
    verdicts = {str(place): decide(values) for place, values in enumerate(contrasts)}
    return Decision(CLAIMS["C02"], (Finding(part, range(len(contrasts[0])), verdicts),), STUDY_2)


def test_a_clear_result_is_found_again_and_a_close_one_in_part():
    rng = np.random.default_rng(0)
    assert replication(claim_of(rng.normal(1, 0.1, 16))) == 1
    assert 0.3 < replication(claim_of(rng.normal(0.2, 0.1, 16))) < 0.8


def test_the_probability_is_that_of_two_draws_one_after_the_other():
    """Against draws made with NumPy's choice. One draw alone would promise more."""
    rng = np.random.default_rng(1)
    values = 0.32 + 0.25 * zscore(rng.normal(size=12))
    decision = claim_of(values)

    def share(samples):
        return np.mean(directional(*interval(samples), 0.2) == decision.outcome)

    once = rng.choice(values, (4_000, 12))
    twice = np.array([rng.choice(sample, 12) for sample in once])
    assert replication(decision) == pytest.approx(share(twice), abs=0.035)
    assert replication(decision) < share(once) - 0.04


def test_contrasts_of_one_seed_are_drawn_together():
    """Two contrasts that always contradict each other: drawn apart, they would sometimes both hold."""
    values = np.array([1.0, -1.0] * 4)
    rng = np.random.default_rng(0)
    found = claim_of(values, -values).redraw(lambda seeds: rng.integers(0, seeds, (2_000, 1)))
    assert not (found == Outcome.REPRODUCED).any()
