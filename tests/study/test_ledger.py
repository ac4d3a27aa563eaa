"""The ledger holds everything that the lab asks and states, and says what the decisions say."""

import re
from pathlib import Path

import pytest

from labcode.study import ABLATIONS, CLAIMS, ledger
from labcode.study.ablation import THE_LABS
from labcode.study.ledger import PENDING, Entry, entries, entry_of, totals
from labcode.study.statistics import VERDICTS

IDS = ["Q1", "Q2", "Q3", "D1", "D2", "M1", "M2", "T1", *(f"C{n:02}" for n in range(1, 18))]


@pytest.fixture(scope="module")
def rows():
    return entries()


def test_nothing_that_the_lab_says_is_left_out(rows):
    assert [row.id for row in rows] == IDS


def test_kinds_and_verdicts(rows):
    allowed = {"answer": {"derived"}, "setup": {"followed"}, "claim": {*VERDICTS, PENDING}}
    for row in rows:
        assert row.verdict in allowed[row.kind]
        assert row.says.endswith(".")
        assert (row.rule is None) == (row.id not in CLAIMS)


def test_a_decided_claim_has_effect_interval_and_seeds(rows):
    for row in rows:
        decided = row.kind == "claim" and row.verdict != PENDING
        assert all((value is not None) == decided for value in (row.effect, row.low, row.high, row.unit, row.seeds))
        if decided:
            decision = CLAIMS[row.id].decide()
            assert row.low <= row.effect <= row.high
            assert (row.verdict, row.robust) == (decision.verdict, decision.robust)
            assert row.again == decision.verdicts_again


def test_every_other_verdict_of_a_check_is_counted(rows):
    for row in rows:
        if row.robust is False:
            found = re.findall(r"(\d+) of (\d+) ([a-z ]+)", row.survives)
            others = [verdict for verdict in row.again.values() if verdict != row.verdict]
            assert sum(int(count) for count, _, _ in found) == len(others) > 0
            assert {verdict for _, _, verdict in found} == set(others)
            assert {int(checks) for _, checks, _ in found} == {len(row.again)}


def test_an_entrys_page_is_in_the_book(rows):
    """And an ablation that has a page of its name is shown there."""
    book = Path(__file__).resolve().parents[2] / "book"
    assert all((book / f"{row.page}.md").exists() for row in rows)
    written = {ablation.section: f"mnist/{ablation.name}" for ablation in THE_LABS}
    written = {section: page for section, page in written.items() if (book / f"{page}.md").exists()}
    assert {section: ledger.PAGES.get(section) for section in written} == written


def test_totals_count_claims_only(rows):
    assert sum(totals(rows).values()) == 17


def test_without_records_every_claim_is_pending(tmp_path):
    assert totals(entries(tmp_path)) == {PENDING: 17}


def test_what_a_pending_claim_lacks_was_asked_for(tmp_path, monkeypatch):
    """So tools/chapters knows that a page which shows it is stale when the record has arrived."""
    asked, opening = [], Path.open

    def noted(path, *arguments, **options):
        asked.append(path)
        return opening(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", noted)
    assert entry_of(CLAIMS["C01"], tmp_path).verdict == PENDING
    assert asked == [tmp_path / f"{ABLATIONS['hidden_units'].experiment('16', 0).name}.json"]


def test_a_damaged_record_is_not_taken_for_a_missing_one(tmp_path):
    path = tmp_path / f"{ABLATIONS['hidden_units'].experiment('16', 0).name}.json"
    path.write_text("nonsense")
    with pytest.raises(RuntimeError, match="is damaged"):
        entries(tmp_path)


def test_what_rounds_to_zero_has_no_sign_of_its_own():
    entry = Entry("C01", "claim", "2.4.1", "a.", "contradicted", "p", -0.001, -0.004, -0.003, "percentage points")
    assert entry.effect_with_interval == "+0.00 (+0.00 to +0.00) percentage points"
