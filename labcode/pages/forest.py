"""All claims of the lab in one picture: a forest plot that is a list of links, and reads as a list without the picture.

Effects have different units, so each is drawn in its own margins, the smallest difference that matters being 1. The
numbers beside it have the unit.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from labcode.pages.outcomes import SIGNS, Entry, kind, numbers
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.studies import STUDY_1

REACH = 3
"""How many margins the picture reaches to each side. What lies beyond is an arrow at its edge."""

HALF = 42
"""Half of it in percent of the picture's width; an arrow has room beyond it."""


@dataclass(frozen=True)
class Forest:
    """The claims of the ledger, by outcome.

    Attributes
    ----------
    rows : of `labcode.study.ledger.rows`; only the claims are drawn.
    root : from the page that shows the picture to the book's first page, such as ``"../"``.

    >>> row = {"id": "C13", "kind": "claim", "says": "Size 7 is best.", "page": "mnist/filters", "margin": 0.2}
    >>> found = {"outcome": "open", "effect": 0.05, "low": -0.09, "high": 0.22, "unit": "percentage points"}
    >>> Forest([row | found])
    open:
      C13 Size 7 is best. +0.05 (−0.09 to +0.22) points
    """

    rows: Sequence[Entry]
    root: str = ""

    @property
    def groups(self) -> dict[Outcome, list[Entry]]:
        """The claims by outcome, in the order of tables."""
        groups = {
            each: [row for row in self.rows if row["kind"] == "claim" and row["outcome"] == each.words]
            for each in LISTED
        }
        return {outcome: rows for outcome, rows in groups.items() if rows}

    def __repr__(self) -> str:
        return "\n".join(
            line
            for outcome, rows in self.groups.items()
            for line in (f"{outcome.words}:", *(f"  {row['id']} {row['says']} {numbers(row)}".rstrip() for row in rows))
        )

    def _repr_html_(self) -> str:
        groups = [_group(outcome, rows, self.root) for outcome, rows in self.groups.items()]
        return "\n".join(['<div class="forest">', _AXIS, *groups, "</div>"])


def _group(outcome: Outcome, rows: Sequence[Entry], root: str) -> str:
    items = [
        f'<li><a href="{root}{row["page"]}.html">'
        f'<span class="forest-says"><b>{row["id"]}</b> {html.escape(row["says"])}</span>{_bar(outcome, row)}'
        f'<span class="forest-effect">{_shown(row)}</span></a></li>'
        for row in rows
    ]
    name = f"forest-{outcome.words.replace(' ', '-')}"
    return "\n".join(
        [
            f'<p class="forest-group" id="{name}">'
            f'<span class="verdict {kind(outcome.words)}">{len(rows)} {outcome.words}</span>{_BAND}</svg></p>',
            f'<ul aria-labelledby="{name}">',
            *items,
            "</ul>",
        ]
    )


def _bar(outcome: Outcome, row: Entry) -> str:
    if row["effect"] is None:
        return _BAND + "</svg>"
    effect, low, high = (row[name] / row["margin"] for name in ("effect", "low", "high"))
    explored = " forest-explored" if row.get("study") == STUDY_1.name else ""
    beyond = _LEFT * (low < -REACH) + _RIGHT * (high > REACH)
    return (
        f'{_BAND}<g class="forest-mark{explored} {kind(outcome.words)}">'
        f'<line class="forest-line" x1="{_place(low)}" x2="{_place(high)}" y1="50%" y2="50%"/>{beyond}'
        f'<circle cx="{_place(effect)}" cy="50%" r="8"/><text x="{_place(effect)}" y="50%">{SIGNS[outcome]}</text>'
        "</g></svg>"
    )


def _place(margins: float) -> str:
    """Where a number of margins is, across the picture."""
    return f"{50 + HALF * max(-1, min(1, margins / REACH)):.4g}%"


def _shown(row: Entry) -> str:
    effect, _, interval = numbers(row).partition(" ")
    return f"{effect} <small>{interval}</small>"


_BAND = (
    '<svg aria-hidden="true" focusable="false"><rect class="forest-margin" '
    f'x="{_place(-1)}" width="{2 * HALF / REACH:.4g}%" height="100%"/>'
    '<line class="forest-zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
)
_LEFT = '<text class="forest-beyond" x="2%" y="50%">‹</text>'
_RIGHT = '<text class="forest-beyond" x="98%" y="50%">›</text>'
_WORDS = {-2: ("against", "the lab"), 0: ("too small", "to matter"), 2: ("as the", "lab says")}
_AXIS = "".join(
    [
        f'<div class="forest-axis" aria-hidden="true">{_BAND}',
        *(
            f'<text x="{_place(margins)}" y="{y}">{line}</text>'
            for margins, lines in _WORDS.items()
            for y, line in zip((12, 26), lines, strict=True)
        ),
        "</svg></div>",
    ]
)
