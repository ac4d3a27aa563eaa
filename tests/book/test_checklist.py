"""The checklists: every item has an answer, every link leads somewhere, and nothing is claimed that does not exist."""

import re

import pytest
import yaml
from chapters.pairs import BOOK, ROOT
from metadata import citation

PAGE = BOOK / "appendix" / "checklist.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.*?) \| (.+?) \|$", TEXT, re.MULTILINE)
ITEMS = {item: (answer, where) for item, answer, where in ROWS if where != "where"}
ANSWERS = {"met", "not met", "not applicable"}
FAIR = [
    "F1",
    "F1.1",
    "F1.2",
    "F2",
    "F3",
    "F4",
    "A1",
    "A1.1",
    "A1.2",
    "A2",
    "I1",
    "I2",
    "R1",
    "R1.1",
    "R1.2",
    "R2",
    "R3",
]


def test_the_lists_are_complete():
    assert [item.split(". ")[0] for item in ITEMS if re.match(r"[FAIR]\d", item)] == FAIR
    machine_learning = TEXT.partition("## ReScience C")[0]
    assert len([item for item in ITEMS if f"| {item} |" in machine_learning]) == 3 + 2 + 5 + 5 + 6  # version 2.0
    assert len(ITEMS) == 21 + 10 + len(FAIR)


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_has_an_answer_and_a_place(item):
    answer, where = ITEMS[item]
    assert answer in ANSWERS
    pages = re.findall(r"\]\(([\w./]+)\)|\{doc\}`[^<`]*<([^>]+)>`", where)
    labels = re.findall(r"\{ref\}`[^<`]*<([^>]+)>`", where)
    files = re.findall(r"`((?:[\w.]+/)*(?:[\w-]+\.\w+|LICENSE))`", where)
    assert pages or labels or files or where == "As F1" or answer == "not applicable"
    for page in pages:
        assert (PAGE.parent / f"{page[0] or page[1]}.md").is_file(), page
    for label in labels:
        assert any(f"({label})=" in path.read_text(encoding="utf-8") for path in BOOK.rglob("*.md")), label
    for file in files:
        assert (ROOT / file).is_file(), file


def test_what_waits_for_publication_is_not_met_until_then():
    identified = {"doi", "identifiers"} & citation().keys()
    checked = "certificate" in yaml.safe_load((ROOT / "codecheck.yml").read_text(encoding="utf-8"))
    for item, (answer, _) in ITEMS.items():
        if re.match(r"(F1|F1\.1|F3|A1)\. |The code is archived", item):
            assert (answer == "met") == bool(identified), item
        if item == "The replication was reviewed":
            assert (answer == "met") == checked


def test_the_report_leads_to_the_checklists():
    assert "](/appendix/checklist)" in (BOOK / "appendix" / "report.md").read_text(encoding="utf-8")
