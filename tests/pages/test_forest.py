"""The picture of all claims: its rows, its places, and what stands there for readers who cannot see it."""

import re

import pytest
from bs4 import BeautifulSoup

from labcode.pages.forest import HALF, REACH, Forest
from labcode.pages.outcomes import SIGNS, kind
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.records import RECORDS


def row(outcome=Outcome.OPEN, effect=0.1, low=-0.1, high=0.3, **others):
    known = {
        "id": "C13",
        "kind": "claim",
        "says": "Size 7 & <best>.",
        "page": "mnist/filters",
        "unit": "percentage points",
    }
    return known | {"margin": 0.2, "outcome": outcome.words, "effect": effect, "low": low, "high": high} | others


def drawn(**changed):
    return BeautifulSoup(Forest([row(**changed)])._repr_html_(), "html.parser")


def place(margins):
    return f"{50 + HALF * margins / REACH:.4g}%"


def test_an_effect_stands_at_its_size_in_margins():
    mark = drawn(effect=0.1, low=-0.3, high=0.5).select_one("a .forest-mark")
    assert mark.circle["cx"] == place(0.5)
    assert (mark.line["x1"], mark.line["x2"]) == (place(-1.5), place(2.5))
    assert not mark.select(".forest-beyond")


def test_the_unit_changes_nothing_but_the_words():
    epochs = drawn(effect=0.5, low=-1.5, high=2.5, margin=1, unit="epochs")
    assert str(epochs.select_one("a svg")) == str(drawn(effect=0.1, low=-0.3, high=0.5).select_one("a svg"))
    assert epochs.select_one(".forest-effect").get_text() == "+0.50 (−1.50 to +2.50) epochs"


@pytest.mark.parametrize(("study", "count"), [("study 1", 1), ("study 2", 0)])
def test_the_exploration_has_a_line_of_its_own(study, count):
    assert len(drawn(study=study).select("a .forest-explored .forest-line")) == count


@pytest.mark.parametrize(("effect", "low", "high", "arrows"), [(5, 4, 6, "›"), (-5, -6, -4, "‹"), (0.1, -9, 9, "‹›")])
def test_what_lies_beyond_the_picture_is_an_arrow_at_its_edge(effect, low, high, arrows):
    mark = drawn(effect=effect, low=low, high=high).select_one("a .forest-mark")
    assert "".join(each.get_text() for each in mark.select(".forest-beyond")) == arrows
    shown = [float(value.rstrip("%")) for value in (mark.circle["cx"], mark.line["x1"], mark.line["x2"])]
    assert all(50 - HALF <= each <= 50 + HALF for each in shown)


def test_a_row_reads_as_a_sentence_without_its_picture():
    page = drawn(outcome=Outcome.REPRODUCED, effect=0.4, low=0.2, high=0.6)
    link = page.select_one("li > a")
    assert link["href"] == "mnist/filters.html"
    assert " ".join(link.select_one(".forest-says").get_text().split()) == "C13 Size 7 & <best>."
    assert link.select_one(".forest-effect").get_text() == "+0.40 (+0.20 to +0.60) points"
    assert all(each["aria-hidden"] == "true" for each in page.select("svg"))
    heading = page.select_one(".forest-group")
    assert heading.select_one(".verdict").get_text() == "1 reproduced"
    assert page.select_one("ul")["aria-labelledby"] == heading["id"]


def test_claims_stand_by_outcome_and_each_once():
    rows = [row(outcome, id=f"C{number:02d}") for number, outcome in enumerate(reversed(LISTED), 1)]
    groups = Forest([*rows, {"id": "Q1", "kind": "answer", "outcome": "derived"}]).groups
    assert list(groups) == list(LISTED)
    assert [each["id"] for found in groups.values() for each in found] == [each["id"] for each in reversed(rows)]


def test_a_pending_claim_has_a_row_without_numbers():
    pending = row(Outcome.PENDING) | dict.fromkeys(("effect", "low", "high", "unit", "margin"))
    assert repr(Forest([pending])).endswith("C13 Size 7 & <best>.")
    assert not BeautifulSoup(Forest([pending])._repr_html_(), "html.parser").select(".forest-mark")


def test_every_outcome_has_its_sign_in_the_style_sheet():
    css = (RECORDS.parent / "_assets" / "claims.css").read_text(encoding="utf-8")
    signs = dict(re.findall(r"\.(verdict-[a-z-]+) \{\n  --sign: \"(.)\";", css))
    assert signs == {kind(outcome.words): SIGNS[outcome] for outcome in Outcome}
    assert len(set(signs.values())) == len(Outcome)
