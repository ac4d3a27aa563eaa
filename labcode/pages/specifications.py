"""Specification curves: what other choices of measure, learning rate and form would have made of a claim."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labcode.pages.figures import PALETTE, show
from labcode.pages.outcomes import effect, seed_numbers
from labcode.pages.sentences import minus
from labcode.pages.tables import Cell, table
from labcode.study.claim import Decision
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.specification import FACTORS, Specification, specifications
from labcode.study.statistics import decimals

CHOICES = ("measure", "rate", "form")


def show_specifications(decision: Decision) -> None:
    """Show the specification curve of a claim, for a phone's width: each part decided under every choice.

    Parameters
    ----------
    decision : that is not pending. Parts that can be asked in one way alone are left out.

    Raises
    ------
    ValueError : no part can be asked in another way.

    >>> from labcode.study import CLAIMS
    >>> show_specifications(CLAIMS["C02"].decide())  # doctest: +SKIP
    """
    by_part = {says: found for says, found in _by_part(specifications(decision)).items() if len(found) > 1}
    if not by_part:
        raise ValueError(f"{decision.claim.id} can be asked in one way alone: it has no specification curve.")
    told = " ".join(
        f"{says[0].upper()}{says[1:]}: {len(found)} ways to ask, effects from {_ends(found)}; {_counted(found)}; "
        f"as stated {next(effect(each.weakest) for each in found if each.stated)}."
        for says, found in by_part.items()
    )
    seeds = seed_numbers(each.weakest for found in by_part.values() for each in found)
    show(
        draw_specifications(by_part),
        alt=f"Specification curve of {decision.claim.id}: effects with intervals, sorted, over a grid of dots that "
        f"says which measure, learning rate and form each has. {told}",
        caption=f"**Recorded**: {decision.study.name}, {seeds} seeds: {decision.claim.id} under other choices. Each "
        "column is one way to ask: above, the weakest contrast with its 95% interval, over the gray band of what is "
        "too small to matter; below, its measure, learning rate and form. The diamond is the rule. To run it again: "
        f"`python tools/chapters {decision.claim.page}`.",
        name=f"fig-answer-specifications-{decision.claim.id.lower()}",
    )


def draw_specifications(by_part: Mapping[str, Sequence[Specification]]) -> Figure:
    """Draw one curve per part above the grid of its choices.

    Parameters
    ----------
    by_part : by what the part says, its specifications, at least two.

    >>> from labcode.study import CLAIMS
    >>> found = _by_part(specifications(CLAIMS["C02"].decide()))
    >>> len(draw_specifications(found).axes)
    2
    """
    grids = [_grid(found) for found in by_part.values()]
    heights = [height for grid in grids for height in (1.7, 0.15 * sum(map(_lines, grid)))]
    figure = Figure(figsize=(4.4, sum(heights) + 0.35 * len(grids)), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for place, ((says, found), grid) in enumerate(zip(by_part.items(), grids, strict=True)):
        curve, dots = axes[2 * place : 2 * place + 2]
        ordered = sorted(found, key=lambda each: each.weakest.effect)
        _draw_curve(curve, ordered)
        curve.set_title(fill(says, 38), fontsize=9)  # no wider than its axes
        _draw_grid(dots, ordered, grid)
        dots.sharex(curve)
    return figure


def _by_part(found: Iterable[Specification]) -> dict[str, list[Specification]]:
    by_part: dict[str, list[Specification]] = {}
    for each in found:
        by_part.setdefault(each.part, []).append(each)
    return by_part


def _grid(found: Sequence[Specification]) -> list[str]:
    """The choices that vary, as labels, in the order of `CHOICES`."""
    return [
        _label(choice)
        for name in CHOICES
        for choices in [list(dict.fromkeys(getattr(each, name) for each in found))]
        if len(choices) > 1
        for choice in choices
    ]


def _label(choice: str) -> str:
    return fill(choice.replace(" (dropout off)", "").rstrip(","), 30)


def _lines(label: str) -> int:
    return label.count("\n") + 1


def _draw_curve(axes: Axes, ordered: Sequence[Specification]) -> None:
    margin, unit = ordered[0].weakest.margin, ordered[0].weakest.unit
    axes.axhspan(-margin, margin, color="0.5", alpha=0.18, linewidth=0)
    axes.axhline(0, color="0.5", linewidth=1, linestyle="--")
    for place, each in enumerate(ordered):
        verdict, color = each.weakest, PALETTE[1] if each.stated else PALETTE[0]
        axes.plot([place, place], [verdict.low, verdict.high], color=color, linewidth=1.2)
        axes.plot(place, verdict.effect, "D" if each.stated else "o", color=color, markersize=6 if each.stated else 3)
    axes.set_ylabel(unit.removeprefix("percentage "), fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _draw_grid(axes: Axes, ordered: Sequence[Specification], labels: Sequence[str]) -> None:
    ends = np.cumsum([*map(_lines, labels)])
    rows = ends - [_lines(label) / 2 for label in labels]
    for row, label in zip(rows, labels, strict=True):
        for place, each in enumerate(ordered):
            if label in {_label(getattr(each, name)) for name in CHOICES}:
                axes.plot(place, row, "D" if each.stated else "o", color=PALETTE[each.stated], markersize=3)
    axes.set(xlim=(-0.7, len(ordered) - 0.3), ylim=(ends[-1], 0), xticks=[])
    axes.set_yticks(rows, labels, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[:].set_visible(False)


def specifications_table(decisions: Iterable[Decision]) -> Markdown:
    """Return one row per part of each claim: in how many ways it can be asked, and how many give the stated outcome.

    Parameters
    ----------
    decisions : none of them pending.

    >>> from labcode.study import CLAIMS
    >>> print(specifications_table([CLAIMS["C17"].decide()]).data.splitlines()[2])  # doctest: +ELLIPSIS
    | [C17](/mnist/final_model) | as accurate on the training set ...
    """
    rows: list[list[Cell]] = []
    for decision in decisions:
        link = f"[{decision.claim.id}](/{decision.claim.page})"
        for says, found in _by_part(specifications(decision)).items():
            (stated,) = (each.outcomes[1.0] for each in found if each.stated)
            same = [sum(each.outcomes[factor] == stated for each in found) for factor in FACTORS]
            rows.append([link, says, stated.words, len(found), _ends(found), *(str(count) for count in same)])
            link = ""
    return table(
        [
            "claim",
            "statement",
            "outcome",
            "ways to ask",
            "effects",
            "same at half the margin",
            "at the margin",
            "at twice",
        ],
        rows,
    )


def _ends(found: Sequence[Specification]) -> str:
    effects = [each.weakest.effect for each in found]
    low, high = (minus(f"{end:+z.{decimals(found[0].weakest.unit)}f}") for end in (min(effects), max(effects)))
    return f"{low} to {high} {found[0].weakest.unit.removeprefix('percentage ')}"


def _counted(found: Sequence[Specification]) -> str:
    counted: Counter[Outcome] = Counter(each.outcomes[1.0] for each in found)
    return ", ".join(f"{counted[outcome]} {outcome.words}" for outcome in LISTED if outcome in counted)
