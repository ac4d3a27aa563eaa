"""The ledger holds everything that the lab asks and states, with the verdicts that the decisions give."""

import json
from pathlib import Path

import numpy as np
import pytest

from labcode.study import ABLATIONS, CLAIMS
from labcode.study.ledger import decide, decisions, rows, totals, with_all_data
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2

BOOK = Path(__file__).resolve().parents[2] / "book"

# The lab's own list, sentence by sentence: id, and the section of the lab that asks or states it.
THE_LABS_LIST = {
    **{"Q1": "1.1", "Q2": "1.2", "Q3": "1.3"},
    **{"D1": "2.1", "D2": "2.4", "M1": "2.2", "M2": "2.2", "T1": "2.3"},
    **{"C01": "2.4.1", "C02": "2.4.1"},  # hidden units, figure 1
    **{"C03": "2.4.2", "C04": "2.4.2"},  # layers, figure 2
    **{"C05": "2.4.3", "C06": "2.4.3"},  # batch size, figure 3
    **{"C07": "2.4.4", "C08": "2.4.4", "C09": "2.4.4"},  # optimizers, figure 4
    **{"C10": "2.4.5", "C11": "2.4.5"},  # non-linearities, figure 5
    **{"C12": "2.4.6", "C13": "2.4.7", "C14": "2.4.8"},  # pooling, filter size, dropout: figures 6 to 9
    **{"C15": "2.5", "C16": "2.5", "C17": "2.5"},  # conclusion
}


@pytest.fixture(scope="module")
def recorded():
    return rows()


def test_nothing_that_the_lab_says_is_left_out(recorded):
    assert [(row["id"], row["section"]) for row in recorded] == list(THE_LABS_LIST.items())


def test_kinds_and_outcomes(recorded):
    allowed = {"answer": {"derived"}, "setup": {"followed"}, "claim": {outcome.words for outcome in LISTED}}
    kinds = {"Q": "answer", "D": "setup", "M": "setup", "T": "setup", "C": "claim"}
    for row in recorded:
        assert row["kind"] == kinds[row["id"][0]]
        assert row["outcome"] in allowed[row["kind"]]
        assert row["says"].endswith(".")
        assert (row["rule"] is None) == (row["kind"] != "claim")


NUMBERS = {"effect", "low", "high", "unit", "seeds"}


def test_a_decided_claim_has_everything_that_decides_it(recorded):
    for row in recorded:
        decided = row["kind"] == "claim"
        assert all((row[key] is not None) == decided for key in NUMBERS | {"margin", "study", "stage", "replication"})
        if decided:
            assert row["low"] <= row["effect"] <= row["high"]
            assert 0 < row["replication"] <= 1
            study = {each.name: each for each in (STUDY_1, STUDY_2)}[row["study"]]
            assert list(row["checks"]) == [check.words for check in CLAIMS[row["id"]].checks_in(study)]
            for check in row["checks"].values():
                assert set(check) == {"outcome"} | (set() if check["outcome"] == "pending" else NUMBERS)
            assert set(row["rates"]) == {"label", "p", "sentence", "effects"}


def test_the_ledger_is_json(recorded):
    assert json.loads(json.dumps(recorded)) == recorded


def test_the_page_of_every_row_is_in_the_book(recorded):
    assert all((BOOK / f"{row['page']}.md").exists() for row in recorded)


def test_the_page_of_a_claim_shows_it(recorded):
    for row in recorded:
        if row["kind"] == "claim":
            assert f'"{row["id"]}"' in (BOOK / f"{row['page']}.md").read_text(encoding="utf-8")


def test_totals_count_every_claim_once(recorded):
    found = totals(decisions())
    assert list(found) == [outcome for outcome in LISTED if outcome in found]
    assert found == {each: [row["outcome"] for row in recorded].count(each.words) for each in found}
    assert sum(found.values()) == 17


def test_without_records_every_claim_is_pending(tmp_path):
    assert totals(decisions(tmp_path)) == {Outcome.PENDING: 17}
    (row,) = [row for row in rows(tmp_path) if row["id"] == "C01"]
    assert (row["outcome"], row["effect"], row["study"], row["rates"]) == ("pending", None, None, None)
    assert row["checks"] == {}


def falling(experiment):
    return dict.fromkeys(("train", "validation"), 9 - np.log2(experiment.network.width) / 2)


def growing(experiment):
    return dict.fromkeys(("train", "validation"), 2 + np.log2(experiment.network.width) / 2)


def test_study_2_takes_over_at_its_highest_stage_with_all_runs(decide_on, tmp_path, forget):
    """First study 1 decides; then the first stage of study 2, and when all its runs are there, the second."""
    claim = CLAIMS["C02"]

    def found():
        decision = decide(claim, tmp_path)
        return decision.study, decision.stage, decision.deciding.seeds, decision.registered, decision.outcome

    decide_on("C02", falling, checked=False)
    assert found() == (STUDY_1, 0, 8, None, Outcome.REPRODUCED)
    decide_on("C02", growing, STUDY_2, checked=False)
    assert found() == (STUDY_2, 0, 16, 64, Outcome.REVERSED)
    decide_on("C02", falling, STUDY_2, stage=1, checked=False)
    assert found() == (STUDY_2, 1, 64, 64, Outcome.REPRODUCED)
    forget(ABLATIONS["hidden_units"].experiment("32", 1063, {"scale": "own"}), tmp_path)
    assert found() == (STUDY_2, 0, 16, 64, Outcome.REPRODUCED)
    (row,) = [row for row in rows(tmp_path) if row["id"] == "C02"]
    assert (row["study"], row["stage"], row["seeds"], row["registered"]) == ("study 2", 1, 16, 64)
    assert "the training images that the run never saw" in row["rule"]


def test_all_data_is_a_column_of_its_own(decide_on, tmp_path):
    assert with_all_data(CLAIMS["C02"], tmp_path) is None
    decide_on("C02", falling, checked=False)
    decide_on("C02", growing, ALL_DATA)
    (row,) = [row for row in rows(tmp_path) if row["id"] == "C02"]
    assert (row["outcome"], row["full_data"]["outcome"], row["full_data"]["seeds"]) == ("reproduced", "reversed", 8)


@pytest.mark.parametrize("name", ["C06", "C07", "C16", "C17"])
def test_all_data_has_no_runs_of_conditions_and_of_the_final_model(name):
    assert with_all_data(CLAIMS[name]) is None


def test_what_a_pending_claim_lacks_was_asked_for(tmp_path, monkeypatch):
    """So that a page which shows it becomes stale when the record arrives."""
    asked, opening = [], Path.open

    def noted(path, *arguments, **options):
        asked.append(path)
        return opening(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", noted)
    assert decide(CLAIMS["C01"], tmp_path).outcome == Outcome.PENDING
    first = ABLATIONS["hidden_units"].experiment
    lacking = [first("16", 1000, {"scale": "own"}), first("16", 0)]
    assert set(asked) == {tmp_path / f"{experiment.setting}.jsonl.gz" for experiment in lacking}


def test_a_damaged_record_is_not_taken_for_a_missing_one(tmp_path):
    path = tmp_path / f"{ABLATIONS['hidden_units'].experiment('16', 0).setting}.jsonl.gz"
    path.write_text("nonsense")
    with pytest.raises(RuntimeError, match="is damaged"):
        decisions(tmp_path)
