"""The ledger holds everything that the lab asks and states, with the verdicts that the decisions give."""

from pathlib import Path

import pytest

from labcode.study import ABLATIONS, CLAIMS
from labcode.study.claim import PENDING
from labcode.study.ledger import decide, decisions, rows, totals
from labcode.study.statistics import VERDICTS

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


def test_kinds_and_verdicts(recorded):
    allowed = {"answer": {"derived"}, "setup": {"followed"}, "claim": set(VERDICTS)}
    kinds = {"Q": "answer", "D": "setup", "M": "setup", "T": "setup", "C": "claim"}
    for row in recorded:
        assert row["kind"] == kinds[row["id"][0]]
        assert row["verdict"] in allowed[row["kind"]]
        assert row["says"].endswith(".")
        assert (row["rule"] is None) == (row["kind"] != "claim")


def test_a_decided_claim_has_effect_interval_seeds_and_checks(recorded):
    for row in recorded:
        decided = row["kind"] == "claim"
        assert all((row[key] is not None) == decided for key in ("effect", "low", "high", "unit", "seeds", "robust"))
        if decided:
            assert row["low"] <= row["effect"] <= row["high"]
            assert list(row["checks"]) == [check.words for check in CLAIMS[row["id"]].checks]
            assert row["robust"] == (set(row["checks"].values()) <= {row["verdict"]})


def test_the_page_of_every_row_is_in_the_book(recorded):
    assert all((BOOK / f"{row['page']}.md").exists() for row in recorded)


def test_the_page_of_a_claim_shows_it(recorded):
    for row in recorded:
        if row["kind"] == "claim":
            assert f'"{row["id"]}"' in (BOOK / f"{row['page']}.md").read_text(encoding="utf-8")


def test_totals_count_every_claim_once(recorded):
    found = totals(decisions())
    assert found == {
        verdict: [row["verdict"] for row in recorded].count(verdict) for verdict in VERDICTS if verdict in found
    }
    assert sum(found.values()) == 17


def test_without_records_every_claim_is_pending(tmp_path):
    assert totals(decisions(tmp_path)) == {PENDING: 17}
    (row,) = [row for row in rows(tmp_path) if row["id"] == "C01"]
    assert (row["verdict"], row["effect"], row["robust"], row["checks"]) == (PENDING, None, None, {})


def test_what_a_pending_claim_lacks_was_asked_for(tmp_path, monkeypatch):
    """So that a page which shows it becomes stale when the record arrives."""
    asked, opening = [], Path.open

    def noted(path, *arguments, **options):
        asked.append(path)
        return opening(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", noted)
    assert decide(CLAIMS["C01"], tmp_path).verdict == PENDING
    assert asked == [tmp_path / f"{ABLATIONS['hidden_units'].experiment('16', 0).setting}.jsonl.gz"]


def test_a_damaged_record_is_not_taken_for_a_missing_one(tmp_path):
    path = tmp_path / f"{ABLATIONS['hidden_units'].experiment('16', 0).setting}.jsonl.gz"
    path.write_text("nonsense")
    with pytest.raises(RuntimeError, match="is damaged"):
        decisions(tmp_path)
