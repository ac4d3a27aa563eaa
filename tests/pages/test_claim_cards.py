"""Cards, rules and headline show what the ledger says."""

import re

import numpy as np
import pytest
from scipy import stats

from labcode.pages import cards
from labcode.pages.outcomes import again, badge, effect, numbers, whose
from labcode.study import CLAIMS, Record, ledger
from labcode.study.claim import AS_STATED
from labcode.study.lab.final_model import FINAL_RUNS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.rates import SAID
from labcode.study.records import read, save
from labcode.study.studies import STUDY_2
from labcode.training import ErrorCurve, History


def test_rules_are_shown_as_the_code_states_them():
    text = cards.show_rules("C08", "C09").data
    for claim in (CLAIMS["C08"], CLAIMS["C09"]):
        assert claim.sentence in text
        assert all(part.rule in text for part in claim.parts_by(AS_STATED, STUDY_2))


def test_rules_of_an_unknown_claim_are_refused():
    with pytest.raises(ValueError, match="Unknown claim 'C99'; accepted are C01, "):
        cards.show_rules("C01", "C99")


def recorded(experiment, test):
    """The record of a run that misclassifies ``test`` of the 10 000 test images and 20 training images."""
    epochs = experiment.recipe.epochs
    history = History(
        online=ErrorCurve((900,) * epochs, 42_000),
        train=ErrorCurve((1,) * epochs, 1_800),
        validation=ErrorCurve((100,) * epochs, 18_000),
        diverged=False,
        gradients=tuple(range(1, epochs + 1)),
        seconds=(1.0,) * epochs,
        total_seconds=1.0,
    )
    return Record(experiment, history, ErrorCurve((test,), 10_000), {"engine": "none"}, ErrorCurve((20,), 42_000))


@pytest.fixture
def final_runs(tmp_path):
    """A folder with records of final models that misclassify 40, 46, 52 ... test images."""
    for seed in FINAL_RUNS.seeds:
        save(recorded(FINAL_RUNS.experiment("final", seed), test=40 + 6 * seed), tmp_path)
    return tmp_path


@pytest.fixture
def decided(monkeypatch):
    """Claims in several states, independent of the records."""
    numbers = {
        "effect": 1.5,
        "low": 1.0,
        "high": 2.0,
        "unit": "epochs",
        "seeds": 16,
        "registered": 64,
        "study": "study 2",
    }
    numbers |= {"replication": 0.664, "rates": {"label": "changes with the rate"}, "full_data": None}
    more = {"outcome": "reversed", "effect": -1.0, "low": -2.0, "high": -0.5, "unit": "epochs"}
    states = {
        "C01": {"outcome": "reproduced"},
        "C02": {"outcome": "open", "rates": {"label": "open"}},
        "C03": {"outcome": "right but small", "full_data": more},
        "C04": {"outcome": "partly", "study": "study 1", "seeds": 8, "rates": {"label": "not tested"}},
        "C05": {"outcome": "pending", "effect": None},
    }

    def row(claim, folder):
        return {"id": claim.id, "says": claim.sentence} | numbers | states[claim.id]

    monkeypatch.setattr(cards, "row", row)


def test_a_card_shows_outcome_effect_and_how_far_to_trust_it(decided):
    text = cards.claim_cards("C01", "C02", "C03", "C04", "C05").data
    for name in ("C01", "C02", "C03", "C04", "C05"):
        assert CLAIMS[name].sentence in text
        assert f"[{name} in the ledger](/appendix/ledger)" in text
    assert text.count("**+1.50 (+1.00 to +2.00) epochs**") == 4
    assert text.count("Study 2, 16 of 64 seeds.") == 3
    assert text.count("Exploration, 8 seeds.") == 1
    assert text.count("The effect changes with the learning rate.") == 2
    assert text.count("Whether the effect depends on the learning rate is open.") == 1
    assert text.count("With ten times the images: reversed, −1.00 (−2.00 to −0.50) epochs.") == 1
    assert text.count("A new study of 16 seeds would say the same in 66 of 100 cases.") == 3
    assert text.count("Not all of its runs are recorded yet") == 1
    assert re.findall(r"\[([a-z ]+)\]\{\.verdict \.verdict-([a-z-]+)\}", text) == [
        ("reproduced", "reproduced"),
        ("open", "open"),
        ("right but small", "right-but-small"),
        ("partly", "partly"),
        ("pending", "pending"),
    ]


def test_a_card_says_what_the_ledger_says():
    (found,) = [each for each in ledger.rows() if each["id"] == "C13"]
    text = cards.claim_cards("C13").data
    assert f"C13 {badge(found['outcome'])}" in text
    assert numbers(found) in text
    assert whose(found) in text.lower()
    assert SAID[found["rates"]["label"]] in text
    assert again(found) in text


def test_a_card_reads_only_the_records_of_its_claim(tmp_path):
    """Otherwise every new record would make every chapter stale."""
    for experiment in HIDDEN_UNITS.experiments():
        save(read(experiment), tmp_path)
    (tmp_path / "stages=1_padding=2.jsonl.gz").write_text("nonsense")
    assert numbers(ledger.row(CLAIMS["C01"])) in cards.claim_cards("C01", folder=tmp_path).data
    with pytest.raises(RuntimeError, match="is damaged"):
        cards.claim_cards("C03", folder=tmp_path)


def test_a_card_of_an_unknown_claim_is_refused():
    with pytest.raises(ValueError, match="Unknown claim 'Q1'; accepted are C01, "):
        cards.claim_cards("Q1")


def test_the_headline_without_records_of_the_final_model(tmp_path):
    text = cards.headline(tmp_path).data
    assert "[99.54%]{.headline-number}" in text
    assert "will be shown here" in text
    assert text.count("headline-number") == 1


def test_the_headline_with_records_of_the_final_model(final_runs):
    text = cards.headline(final_runs).data
    accuracy = [99.60 - 0.06 * seed for seed in FINAL_RUNS.seeds]
    n, mean = len(accuracy), np.mean(accuracy)
    half = stats.t.ppf(0.975, n - 1) * np.std(accuracy, ddof=1) * np.sqrt(1 / n + 0.3 / 0.7)  # the splits overlap
    ours = f"[{mean:.2f}%]{{.headline-number}} in this book, the mean over {n} seeds"
    assert ours in text.split("\n\n")[1]
    assert f"(95% interval {mean - half:.2f}% to {mean + half:.2f}%)" in text
    assert "will be shown here" not in text


def test_a_card_and_the_table_of_the_decision_print_the_same_numbers():
    for claim in CLAIMS.values():
        decision = ledger.decide(claim)
        assert numbers(ledger.row(claim)) == effect(decision.deciding), claim.id
