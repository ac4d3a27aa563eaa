"""Slides of the derivations of Part I, one step per slide, one file per chapter, without need of network or server.

The slides show what the snapshots show: each output of `labcode.derivation.derive`, whose equations and rules are those
of its steps. Without scripts the slides scroll; printed, each is a page.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import nbformat
from chapters import pairs
from chapters.pairs import snapshot_of

from labcode.pages.mathml import inline, mathml, page

PART = "backprop"
# What the text and the Markdown of a derivation look like (labcode.derivation.chain).
CHAIN = re.compile(r"[\w-]+: \d+ steps?, each proved")
EQUATION = re.compile(r"\$\$\n([\s\S]+?)\n\$\$ \(([\w-]+)\)(?:\n\n\*(.+?)\*(?:: (.+))?$)?", re.MULTILINE)
CITED = re.compile(r"\{eq\}`([\w-]+)`")
TITLE, HEADING = re.compile(r"^# (.+)$", re.MULTILINE), re.compile(r"^## (.+)$", re.MULTILINE)
HERE = Path(__file__)


@dataclass(frozen=True)
class Equation:
    """A numbered equation: the start of a derivation, or one of its steps with its rule and words."""

    tex: str
    label: str
    rule: str
    words: str


@dataclass(frozen=True)
class Chapter:
    """A chapter's title and question, and its derivations with the headings that they stand under."""

    name: str
    title: str
    question: str
    chains: tuple[tuple[str, tuple[Equation, ...]], ...]


def read(source: Path) -> Chapter:
    """Return what the slides show of a chapter, from its snapshot."""
    notebook = nbformat.read(snapshot_of(source), as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    question = TITLE.split(first)[2].strip().split("\n\n")[0]
    heading, chains = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (HEADING.findall(cell.source) or [heading])[-1]
        elif not {"solution", "check"} & set(cell.metadata.get("tags", [])):
            for output in cell.outputs:
                data = output.get("data", {})
                if CHAIN.match(data.get("text/plain", "")):
                    chains.append((heading, tuple(Equation(*e) for e in EQUATION.findall(data["text/markdown"]))))
    return Chapter(source.stem, TITLE.search(first)[1], question, tuple(chains))


def decks() -> dict[str, str]:
    """Return the slides of each chapter of Part I, by file name."""
    chapters = [read(source) for source in pairs.chapters() if pairs.name_of(source).startswith(f"{PART}/")]
    places = {
        equation.label: f"slides-{chapter.name}.html#{equation.label}"
        for chapter in chapters
        for _, chain in chapter.chains
        for equation in chain
    }
    style, script = (HERE.with_suffix(kind).read_text(encoding="utf-8") for kind in (".css", ".js"))
    return {
        f"slides-{chapter.name}.html": page(
            f"Slides: {chapter.title}", "\n".join(slides(chapter, places)), style, script
        )
        for chapter in chapters
    }


def slides(chapter: Chapter, places: dict[str, str]) -> Iterator[str]:
    """Yield the slides of a chapter: its question, then each derivation step by step."""
    contents = ""
    for heading, chains in groupby(chapter.chains, key=lambda each: each[0]):
        # Not every screen reader takes a formula for the name of a link.
        links = [
            f'<a href="#{chain[0].label}" aria-label="Derivation {chain[0].label[:-2]}">{mathml(chain[0].tex)}</a>'
            for _, chain in chains
        ]
        contents += f"<li>{inline(heading)}: {', '.join(links)}</li>"
    yield slide(
        "first",
        "",
        f"<h1>{inline(chapter.title)}</h1><p>{cited(chapter.question, places)}</p><ol>{contents}</ol>",
        f'<a href="../{PART}/{chapter.name}.html">The chapter</a> · Text: CC BY 4.0',
    )
    for heading, chain in chapter.chains:
        for number, equation in enumerate(chain):
            before = [chain[0], *chain[max(1, number - 1) : number]] if number else []
            shown = "".join(formula(each, "formula before") for each in before) + formula(equation, "formula")
            if equation.rule:
                rule = f"<strong>{cited(equation.rule, places)}</strong>"
                words = f": {cited(equation.words, places)}" if equation.words else ""
                shown += f'<p class="rule">{rule}{words}</p>'
            count = f"step {number} of {len(chain) - 1}" if number else f"{len(chain) - 1} steps"
            yield slide(equation.label, inline(chapter.title), f"<h2>{inline(heading)}</h2>{shown}", count)


def slide(label: str, header: str, body: str, footer: str) -> str:
    footer = f"<footer><span>{footer}</span></footer>"
    return f'<section id="{label}"><header>{header}</header>\n<div>{body}</div>\n{footer}</section>'


def formula(equation: Equation, kind: str) -> str:
    return f'<div class="{kind}">{mathml(equation.tex, display=True)}<span>({equation.label})</span></div>'


def cited(text: str, places: dict[str, str]) -> str:
    """Return a text as HTML; a citation of an equation leads to its slide."""
    parts = CITED.split(text)
    links = [f'<a href="{html.escape(places[label])}">({label})</a>' for label in parts[1::2]]
    return "".join(inline(part) + link for part, link in zip(parts[::2], [*links, ""], strict=True))
