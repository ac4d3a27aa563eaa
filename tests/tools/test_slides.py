"""tools/extensions/slides.py: every step that a page of Part I shows is on a slide of its own, and nothing else."""

import re
from pathlib import Path

import nbformat
import pytest
import slides
from bs4 import BeautifulSoup
from chapters import pairs
from chapters.pairs import snapshot_of

CHAPTERS = [source for source in pairs.chapters() if source.parent.name == "backprop"]
DECKS = slides.decks()
HEADER = re.compile(r"^([\w-]+): (\d+) steps?, each proved")


def deck(source: Path) -> BeautifulSoup:
    return BeautifulSoup(DECKS[f"slides-{source.stem}.html"], "html.parser")


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda source: source.stem)
def test_every_step_has_a_slide_with_its_formula_and_rule(source):
    shown = {section["id"]: section for section in deck(source).find_all("section")}
    wanted = {"first"}
    for cell in nbformat.read(snapshot_of(source), as_version=4).cells:
        for output in [] if {"check"} & set(cell.metadata.get("tags", [])) else cell.get("outputs", []):
            lines = output.get("data", {}).get("text/plain", "").splitlines()
            if lines and (header := HEADER.match(lines[0])):
                labels = [f"{header[1]}-{number}" for number in range(int(header[2]) + 1)]
                wanted |= set(labels)
                for label, line in zip(labels[1:], lines[2:], strict=True):
                    plain = re.sub(r"\{eq\}`([\w-]+)`|\$[^$]*\$", "", line.split("    ")[-1]).strip()
                    rule = shown[label].find(class_="rule").strong
                    for formula in rule.find_all("math"):
                        formula.decompose()
                    said = re.sub(r"\([\w-]+\)", "", rule.get_text())
                    assert "".join(said.split()) == "".join(plain.split())
                    assert shown[label].find_all("math")
    assert set(shown) == wanted


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda source: source.stem)
def test_a_deck_needs_no_other_file_and_its_links_lead_to_slides(source):
    page = deck(source)
    assert not page.find_all(["link", "img", "iframe"])
    assert not page.find_all(src=True)
    assert "http" not in re.sub(r"http://www\.w3\.org/1998/Math/MathML", "", DECKS[f"slides-{source.stem}.html"])
    for link in page.find_all("a", href=True):
        file, _, place = link["href"].partition("#")
        if file.startswith("../"):
            assert (pairs.BOOK / file.removeprefix("../")).with_suffix(".md").is_file()
        else:
            target = DECKS[file] if file else str(page)
            assert f'id="{place}"' in target


def test_an_equation_that_is_cited_and_does_not_exist_is_reported():
    with pytest.raises(KeyError, match="unheard-1"):
        slides.cited("see {eq}`unheard-1`", {})
