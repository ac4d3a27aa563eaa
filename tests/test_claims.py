"""The claims' rules on records of known truth, and that the book's own records decide them."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.ablations import HIDDEN_UNITS, SEEDS
from labcode.claims import CLAIMS, best, early, settled
from labcode.evidence import CONTRADICTED, REPRODUCED
from labcode.runs import Record, RecordError, read, save
from labcode.training import ErrorCurve, History

EPOCHS = 15


def synthetic(experiment, error_at):
    """A record whose errors fall over the epochs to a level that ``error_at(width)`` gives, with some noise."""
    rng = np.random.default_rng([experiment.seed, experiment.network.width])
    rates = error_at(experiment.network.width) * (1 + 2 / np.arange(1, EPOCHS + 1)) / 100
    curve = ErrorCurve(tuple(int(c) for c in rng.binomial(1_800, rates)), 1_800)
    history = History(curve, curve, curve, diverged=False, seconds=1.0)
    return Record(experiment, history, ErrorCurve((200,), 10_000), {"engine": "synthetic"})


@pytest.fixture
def decide_on(tmp_path):
    def decide(claim, error_at):
        for experiment in HIDDEN_UNITS.experiments():
            save(synthetic(experiment, error_at), tmp_path)
        return CLAIMS[claim].decide(folder=tmp_path)

    return decide


@pytest.mark.parametrize("claim", ["C01", "C02"])
def test_errors_that_fall_with_the_width_reproduce(decide_on, claim):
    decision = decide_on(claim, lambda width: 8 - np.log2(width))
    assert decision.verdict.verdict == REPRODUCED
    assert decision.robust


@pytest.mark.parametrize("claim", ["C01", "C02"])
def test_errors_that_rise_with_the_width_contradict(decide_on, claim):
    decision = decide_on(claim, lambda width: np.log2(width) - 2)
    assert decision.verdict.verdict == CONTRADICTED
    assert decision.verdict.agreeing == 0


def test_a_check_with_another_verdict_is_not_robust(decide_on):
    decision = decide_on("C02", lambda width: 8 - np.log2(width))
    assert not replace(decision, check=replace(decision.check, verdict=CONTRADICTED)).robust


def test_measures():
    curve = ErrorCurve((50, 30, 20, 10, 10, 2, 6, 4), 100)
    assert early(curve) == pytest.approx(24)
    assert best(curve) == 2
    assert settled(curve) == pytest.approx(4)


def test_every_claim_has_its_rule_in_words_and_an_id_of_the_labs():
    for name, claim in CLAIMS.items():
        assert name == claim.id
        assert claim.rule.endswith(".")
        assert claim.sentence.endswith(".")
        assert (claim.check is None) == (claim.check_rule == "")


@pytest.mark.parametrize("experiment", HIDDEN_UNITS.experiments(), ids=lambda e: e.name)
def test_the_books_records_are_sound_and_complete(experiment):
    record = read(experiment)
    assert not record.history.diverged
    assert len(record.history.validation.errors) == experiment.recipe.epochs


def test_the_books_records_decide_every_claim():
    for claim in CLAIMS.values():
        assert claim.decide().verdict.seeds == len(SEEDS) >= 3


def test_a_missing_record_stops_the_decision(decide_on, tmp_path):
    decide_on("C01", lambda width: 5)
    (tmp_path / f"{HIDDEN_UNITS.experiment(32, 1).name}.json").unlink()
    with pytest.raises(RecordError, match=r"no record width=32_seed=1\.json"):
        CLAIMS["C01"].decide(folder=tmp_path)
