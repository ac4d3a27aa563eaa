"""Backpropagation through a small graph, one step at a time.

:func:`backpropagate` computes; :class:`Stepper` displays the steps as sentences and as a drawing with buttons. The
drawing contains every number from the start, and the script only hides the later ones. Without scripts the page shows
the finished computation and all sentences.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sympy
from sympy import Expr, Max, Min, Symbol

from labcode.derivation.expressions import unfold, without_max
from labcode.derivation.printing import text

DIGITS = 30


@dataclass(frozen=True)
class Backpropagation:
    """The result of a forward and a backward pass through a graph, each number to 30 digits.

    Attributes
    ----------
    values : of each node, inputs first, in the order of the graph.
    slopes : by (source, target): the derivative of the target by the source, which multiplies an error on its way back.
    gradients : of the last node by each node, from the last to the first.
    ties : the maxima and minima whose two arguments are equal, so that they have no gradient.
    """

    values: Mapping[Symbol, Expr]
    slopes: Mapping[tuple[Symbol, Symbol], Expr]
    gradients: Mapping[Symbol, Expr]
    ties: tuple[Symbol, ...]


def backpropagate(
    graph: Mapping[Symbol, Expr],
    point: Mapping[Symbol, Expr],
    definitions: Mapping | None = None,
    share: Expr = sympy.S.Half,
) -> Backpropagation:
    """Run a forward and a backward pass through a graph.

    Parameters
    ----------
    graph : each node after the inputs, by name, as an expression in names that come before it.
    point : the value of each input.
    definitions : what functions in the expressions stand for, see :func:`labcode.derivation.unfold`.
    share : fraction of the error of a maximum or minimum that its first argument gets at a tie, from 0 to 1; the second
        gets the rest. Every share lies in Clarke's generalized gradient of that node.

    Raises
    ------
    ValueError : a name is used before it has a value, a maximum or minimum is part of a larger expression or does not
        have exactly two names as arguments, or the share lies outside 0 to 1.

    >>> x, y, w = sympy.symbols("x y w", real=True)
    >>> done = backpropagate({y: x**2, w: x * y}, {x: 3})
    >>> done.values[w], done.gradients[x]  # w is x^3, so its slope is 3 x^2
    (27.0000000000000000000000000000, 27.0000000000000000000000000000)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it must lie between 0 and 1.")
    values = {name: sympy.N(value, DIGITS) for name, value in point.items()}
    slopes: dict[tuple[Symbol, Symbol], Expr] = {}
    ties: list[Symbol] = []
    for name, expression in graph.items():
        missing = sorted(expression.free_symbols - values.keys(), key=str)
        if missing:
            raise ValueError(f"The node {name} needs {missing[0]}, which has no value yet.")
        written = unfold(expression, definitions, held=frozenset({*point, *graph}))
        values[name] = sympy.N(written.subs(values), DIGITS)
        sources = [source for source in values if source != name and expression.has(source)]
        switch = isinstance(expression, Max | Min)
        if expression.has(Max, Min) and not (switch and set(expression.args) == set(sources) and len(sources) == 2):
            raise ValueError(
                f"The node {name} is {text(expression)}; "
                "a maximum or minimum must be a separate node with two arguments."
            )
        if switch and values[sources[0]] == values[sources[1]]:
            ties.append(name)
            slopes |= {(sources[0], name): sympy.N(share, DIGITS), (sources[1], name): sympy.N(1 - share, DIGITS)}
        else:
            smooth = without_max(written)
            slopes |= {(s, name): sympy.N(sympy.diff(smooth, s).subs(values), DIGITS) for s in sources}
    *before, last = values
    gradients = {last: sympy.N(1, DIGITS)}
    for name in reversed(before):
        gradients[name] = sum(
            (gradients[target] * slope for (source, target), slope in slopes.items() if source == name),
            sympy.N(0, DIGITS),
        )
    return Backpropagation(values, slopes, gradients, tuple(ties))


@dataclass(frozen=True)
class Stepper:
    """A graph to step through, node by node: forward, then backward.

    Parameters
    ----------
    title : heading of the example.
    graph, point, definitions, share : as in :func:`backpropagate`.
    places : (column, row) of each node in the drawing, from the left and from the top.
    truth : formulas for the gradient of the last node by some inputs; the last step compares them with what arrived.

    Raises
    ------
    ValueError : an input or a node of the graph has no place. Errors of :func:`backpropagate` are raised when the
        steps are first shown.

    >>> x, y, w = sympy.symbols("x y w", real=True)
    >>> Stepper("Two paths", {y: x**2, w: x * y}, {x: 3}, {x: (0, 0), y: (1, 1), w: (0, 2)}, {x: 3 * x**2})
    Two paths
      0. The inputs: x is 3.
      1. Forward: y is x**2, here 9.
      2. Forward: w is x*y, here 27.
      3. Backward: w starts with an error of 1.
      4. Backward: y gets 1 times 3 from w, which is 3.
      5. Backward: x gets 3 times 6 from y and 1 times 9 from w, 27 in total.
      6. According to the formula, x should get 27. It did.
    """

    title: str
    graph: Mapping[Symbol, Expr]
    point: Mapping[Symbol, Expr]
    places: Mapping[Symbol, tuple[float, float]]
    truth: Mapping[Symbol, Expr]
    definitions: Mapping | None = None
    share: Expr = sympy.S.Half

    def __post_init__(self) -> None:
        missing = sorted({*self.point, *self.graph} - self.places.keys(), key=str)
        if missing:
            raise ValueError(f"The node {missing[0]} has no place in the drawing.")

    @cached_property
    def result(self) -> Backpropagation:
        """The result that the steps show."""
        return backpropagate(self.graph, self.point, self.definitions, self.share)

    @cached_property
    def sentences(self) -> list[str]:
        """The text of each step, as displayed and as announced to screen readers."""
        done = self.result
        inputs = ", ".join(f"{_named(name)} is {number(done.values[name])}" for name in self.point)
        lines = [f"The inputs: {inputs}."]
        for name, expression in self.graph.items():
            lines.append(f"Forward: {_named(name)} is {_named(expression)}, here {number(done.values[name])}.")
        last, *rest = done.gradients
        lines.append(f"Backward: {_named(last)} starts with an error of 1.")
        for name in rest:
            lines.append(f"Backward: {self._received(done, name)}{self._tie(done, name)}")
        return [*lines, self._judged(done)]

    def _received(self, done: Backpropagation, name: Symbol) -> str:
        parts = [
            f"{number(done.gradients[target])} times {number(slope)} from {_named(target)}"
            for (source, target), slope in done.slopes.items()
            if source == name
        ]
        total = number(done.gradients[name])
        result = f"{total} in total" if len(parts) > 1 else f"which is {total}"
        return f"{_named(name)} gets {' and '.join(parts)}, {result}."

    def _tie(self, done: Backpropagation, name: Symbol) -> str:
        if name not in done.ties:
            return ""
        first, second = (source for source, target in done.slopes if target == name)
        kind = "maximum" if isinstance(self.graph[name], Max) else "minimum"
        return (
            f" Its arguments are tied, so the {kind} has no gradient here, only a set of legal pairs of shares. This "
            f"rule gives {_named(first)} the share {number(self.share)} and {_named(second)} the share "
            f"{number(1 - self.share)}."
        )

    def _judged(self, done: Backpropagation) -> str:
        names = {**self.graph, **(self.definitions or {})}
        point = {name: done.values[name] for name in self.point}
        known = {name: sympy.N(unfold(e, names).subs(point), DIGITS) for name, e in self.truth.items()}
        # Both have 30 digits, so a difference beyond the 20th is rounding error.
        wrong = [n for n, right in known.items() if abs(done.gradients[n] - right) > 1e-20 * max(1, abs(right))]
        shown = ", ".join(f"{_named(name)} should get {number(right)}" for name, right in known.items())
        got = " and ".join(f"{_named(name)} got {number(done.gradients[name])}" for name in wrong)
        verdict = f"But {got}." if wrong else "It did." if len(known) == 1 else "All of them did."
        return f"According to the formula, {shown}. {verdict}"

    def __repr__(self) -> str:
        return "\n".join([self.title, *(f"  {step}. {sentence}" for step, sentence in enumerate(self.sentences))])

    def _repr_html_(self) -> str:
        here = Path(__file__)
        return _PAGE.format(
            title=html.escape(self.title),
            style=here.with_suffix(".css").read_text(encoding="utf-8"),
            script=here.with_suffix(".js").read_text(encoding="utf-8"),
            drawing=self._drawing(),
            last=len(self.sentences) - 1,
            steps="\n".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.sentences),
        )

    def _drawing(self) -> str:
        """The graph as SVG; each part carries the number of the step that reveals it."""
        done = self.result
        arrives = {name: step for step, name in enumerate(self.graph, 1)} | dict.fromkeys(self.point, 0)
        returns = {name: step for step, name in enumerate(done.gradients, len(self.graph) + 1)}
        center = {
            name: (_COLUMN * (column + 0.5), _ROW * row + _HIGH / 2 + 4) for name, (column, row) in self.places.items()
        }
        shapes = []
        for (source, target), slope in done.slopes.items():
            (x1, y1), (x2, y2) = center[source], center[target]
            y1, y2 = y1 + _HIGH / 2, y2 - _HIGH / 2
            # Near the source, where crossing arrows are still apart.
            x, y = x1 + 0.3 * (x2 - x1), y1 + 0.3 * (y2 - y1)
            shapes.append(
                f'<path data-step="{returns[source]}" class="arrow" d="{_arrow(x1, y1, x2, y2)}"/>'
                f'<text data-step="{returns[source]}" class="slope" x="{x:.0f}" y="{y + 4:.0f}">'
                f"×{number(slope)}</text>"
            )
        for name, (x, y) in center.items():
            title = f"{_named(name)} := {_named(self.graph[name])}" if name in self.graph else _named(name)
            title = title if len(title) <= _LONGEST else _named(name)
            shapes.append(
                f'<rect data-step="{arrives[name]}" data-back="{returns[name]}" x="{x - _WIDE / 2:.0f}" '
                f'y="{y - _HIGH / 2:.0f}" width="{_WIDE}" height="{_HIGH}" rx="6"/>'
                f'<text class="name" x="{x:.0f}" y="{y - 14:.0f}"{_squeezed(title)}>{html.escape(title)}</text>'
                f'<text data-step="{arrives[name]}" x="{x:.0f}" y="{y + 4:.0f}">'
                f"value {number(done.values[name])}</text>"
                f'<text data-step="{returns[name]}" class="error" x="{x:.0f}" y="{y + 22:.0f}">'
                f"error {number(done.gradients[name])}</text>"
            )
        wide = max(x for x, _ in center.values()) + _COLUMN / 2
        high = max(y for _, y in center.values()) + _HIGH / 2 + 4
        arrows = ", ".join(f"{_named(source)} to {_named(target)}" for source, target in done.slopes)
        return (
            f'<svg viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-label="A graph with arrows from {arrows}. '
            f'The list of steps contains its numbers.">\n' + "\n".join(shapes) + "\n</svg>"
        )


def number(value: Expr | float) -> str:
    """Format a number with three significant digits and a true minus sign.

    >>> number(-0.12345), number(sympy.Integer(1))
    ('−0.123', '1')
    """
    return f"{float(value):.3g}".replace("-", "−")


def _named(expression: Expr) -> str:
    """A name or expression as text, with digits of names as subscripts."""
    shown = text(expression).replace("Max(", "max(").replace("Min(", "min(")
    return re.sub(r"(?<=[A-Za-z])\d", lambda digit: chr(ord("₀") + int(digit[0])), shown)


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """An SVG path from one point to another, with an arrowhead of two strokes."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    heads = " ".join(
        f"M{x2 - 8 * ux + side * 4 * uy:.1f} {y2 - 8 * uy - side * 4 * ux:.1f}L{x2:.0f} {y2:.0f}" for side in (1, -1)
    )
    return f"M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}{heads}"


def _squeezed(title: str) -> str:
    """Attributes that squeeze a long title into its node, whatever the reader's font."""
    return f' textLength="{_WIDE - 10}" lengthAdjust="spacingAndGlyphs"' if len(title) > _ROOMY else ""


# Sizes in pixels; a phone scales the drawing down.
_COLUMN, _ROW, _WIDE, _HIGH = 110, 112, 104, 64
_ROOMY, _LONGEST = 11, 15  # characters that always fit a node, and that fit squeezed
_PAGE = """\
<div class="stepper" role="group" aria-label="{title}, step by step">
<style>
{style}</style>
<p class="stepper-title">{title}</p>
<div class="stepper-columns">
{drawing}
<div class="stepper-text">
<div class="stepper-controls" hidden>
<button type="button">Back</button>
<input type="range" min="0" max="{last}" value="0" aria-label="Step">
<button type="button">Next</button>
</div>
<p role="status"></p>
<details open><summary>All steps</summary>
<ol start="0">
{steps}
</ol>
</details>
</div>
</div>
<script>
{script}</script>
</div>
"""
