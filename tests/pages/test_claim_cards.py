"""Cards, rules and headline show what the ledger says."""

import re

import numpy as np
import pytest
from scipy import stats

from labcode.pages import cards
from labcode.study import CLAIMS, RECORDS, Record, ledger
from labcode.study.claim import Decision, Finding
from labcode.study.lab.final_model import FINAL_RUNS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.records import read, save
from labcode.study.statistics import decide
from labcode.study.studies import STUDY_1, STUDY_2
from labcode.training import ErrorCurve, History


def test_rules_are_shown_as_the_code_states_them():
    text = cards.show_rules("C08", "C09").data
    for claim in (CLAIMS["C08"], CLAIMS["C09"]):
        assert claim.sentence in text
        assert all(part.rule in text for part in claim.parts)


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
    states = {
        "C01": (STUDY_1, [0.99, 1.01]),
        "C02": (STUDY_2, [0.099, 0.101]),
        "C03": (STUDY_2, [0.01, -0.01]),
        "C04": (STUDY_2, [2.0, -2.0]),
    }

    def decided_as_told(claim, folder):
        if claim.id not in states:
            return Decision(claim, ())
        study, values = states[claim.id]
        return Decision(claim, (Finding(claim.parts[0], range(2), {"only": decide(values)}),), study)

    monkeypatch.setattr(cards, "decide", decided_as_told)


def test_a_card_shows_outcome_effect_and_seeds(decided):
    text = cards.claim_cards("C01", "C02", "C03", "C04", "C05").data
    for name in ("C01", "C02", "C03", "C04", "C05"):
        assert CLAIMS[name].sentence in text
        assert f"[{name} in the ledger](/appendix/ledger)" in text
    assert "**+1.00 (+0.87 to +1.13) percentage points**" in text
    assert [line for line in text.splitlines() if line.startswith("study ")] == [
        "study 1 (exploration), 2 seeds\\",
        *["study 2, 2 of 64 seeds\\"] * 3,
    ]
    assert text.count("Not all of its runs are recorded yet") == 1
    outcomes = [Outcome.REPRODUCED, Outcome.RIGHT_BUT_SMALL, Outcome.NO_DIFFERENCE, Outcome.OPEN, Outcome.PENDING]
    assert re.findall(r"\[([a-z ]+)\]\{\.verdict \.verdict-([a-z-]+)\}", text) == [
        (outcome.words, outcome.words.replace(" ", "-")) for outcome in outcomes
    ]


def test_every_claim_has_a_card_that_links_to_its_page():
    text = cards.claim_cards().data
    claims = [row for row in ledger.rows() if row["kind"] == "claim"]
    assert re.findall(r"\{grid-item-card\} (C\d\d) \[(.+)\]\{", text) == [(row["id"], row["outcome"]) for row in claims]
    assert re.findall(r"\[How (C\d\d) is decided\]\(/(.+)\)", text) == [(row["id"], row["page"]) for row in claims]


def test_a_card_reads_only_the_records_of_its_claim(tmp_path):
    """Otherwise every new record would make every chapter stale."""
    for experiment in HIDDEN_UNITS.experiments():
        save(read(experiment), tmp_path)
    (tmp_path / "stages=1_padding=2.jsonl.gz").write_text("nonsense")
    contrast = CLAIMS["C01"].decide().deciding
    assert f"{contrast.interval} {contrast.unit}" in cards.claim_cards("C01", folder=tmp_path).data
    with pytest.raises(RuntimeError, match="is damaged"):
        cards.claim_cards("C03", folder=tmp_path)


def test_every_outcome_has_its_sign_in_the_style_sheet():
    css = (RECORDS.parent / "_assets" / "claims.css").read_text(encoding="utf-8")
    signs = re.findall(r"\.verdict(-[a-z-]+)?::before \{\n  content: \"(.)\";\n  content: \"\2\" / \"\";", css)
    assert len({sign for _, sign in signs}) == len(signs) == len(LISTED)
    assert {name[1:].replace("-", " ") for name, _ in signs} == {outcome.words for outcome in LISTED}


def test_a_card_of_an_unknown_claim_is_refused():
    with pytest.raises(ValueError, match="Unknown claim 'Q1'; accepted are C01, "):
        cards.claim_cards("Q1")


def test_the_headline_without_records_of_the_final_model(tmp_path):
    text = cards.headline(tmp_path).data
    assert "[99.54%]{.headline-number}" in text
    assert "will be shown here" in text
    assert text.count("headline-number") == 1
    assert "17 claims of the lab: [17 pending]{.verdict .verdict-pending}" in text


def test_the_headline_with_records_of_the_final_model(final_runs):
    text = cards.headline(final_runs).data
    accuracy = [99.60 - 0.06 * seed for seed in FINAL_RUNS.seeds]
    expected = stats.ttest_1samp(accuracy, 0).confidence_interval(0.95)
    ours = f"[{np.mean(accuracy):.2f}%]{{.headline-number}} in this book, the mean over {len(accuracy)} seeds"
    assert ours in text.split("\n\n")[1]
    assert f"(95% interval {expected.low:.2f}% to {expected.high:.2f}%)" in text
    outcome = CLAIMS["C17"].decide(folder=final_runs).outcome
    assert f"[{outcome}]{{.verdict" in text.split(":::{div} totals")[0]
    assert "will be shown here" not in text
    assert "[16 pending]" in text
