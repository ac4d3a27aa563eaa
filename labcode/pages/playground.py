"""Formulas with sliders: interactive figures in plain HTML with a short script and no library.

The HTML contains its script and style, so it works on the built site, in a notebook and from a local file. The sliders
are the browser's own and work with mouse and keyboard. The initial values are computed here, so a page without scripts
shows them as well, and tests can compare them.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Slider:
    """A number that the reader moves between ``low`` and ``high``."""

    value: float
    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value!r} lies outside the slider's range, which is {self.low:g} to {self.high:g}.")


@dataclass(frozen=True)
class Row:
    """One line of a playground: a name, and a slider or a bar or both.

    Attributes
    ----------
    mark : what the reader sees, such as "X₁".
    slider : None if the value is computed.
    share : the length of the bar, from 0 to 1; None for no bar.
    """

    mark: str
    slider: Slider | None = None
    share: float | None = None


class Playground(ABC):
    """Sliders, and bars that follow them. The script ``playground.js`` computes the formula of the same name."""

    formula: ClassVar[str]
    title: ClassVar[str]
    unmoved: ClassVar[tuple[str, Sequence[float]]]
    """The field of the first slider, and the values that the page shows in a table if it runs no scripts."""

    def __post_init__(self) -> None:
        self.rows  # noqa: B018 - which checks the number of the values and their ranges

    @property
    @abstractmethod
    def rows(self) -> list[Row]: ...

    @property
    @abstractmethod
    def summary(self) -> str:
        """What is announced when a slider stops moving."""

    def below(self) -> str:
        """HTML below the rows."""
        return ""

    def _repr_html_(self) -> str:
        return _PAGE.format(
            formula=self.formula,
            title=self.title,
            style=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
            script=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
            rows="\n".join(self._row(number, row) for number, row in enumerate(self.rows)),
            below=self.below(),
            summary=html.escape(self.summary),
            unmoved=self._without_script(),
        )

    def _row(self, number: int, row: Row) -> str:
        """Return a row as HTML; a row without a slider has its name where the slider would be."""
        name = f"{self.formula}-{number}"
        parts = [f'<span class="playground-name">{row.mark}</span>']
        if row.slider:
            at = row.slider
            parts = [
                f'<label for="{name}">{row.mark}</label>',
                f'<input id="{name}" type="range" min="{at.low:g}" max="{at.high:g}" step="{at.step:g}" '
                f'value="{at.value:g}">',
                f'<span class="playground-value">{at.value:g}</span>',
            ]
        if row.share is not None:
            parts += [
                '<span class="playground-track">'
                f'<span class="playground-bar" style="width:{row.share:.2%}"></span></span>',
                f'<span class="playground-share">{row.share:.2%}</span>',
            ]
        return f'<div class="playground-row">{"".join(parts)}</div>'

    def _without_script(self) -> str:
        """A table of the bars at several values of the first slider, for browsers that run no script."""
        field, values = self.unmoved
        bars = [row.mark for row in self.rows if row.share is not None]
        lines = [
            f'<tr><th scope="row">{value:g}</th>'
            + "".join(
                f"<td>{row.share:.2%}</td>"
                for row in replace(self, **{field: value}).rows  # type: ignore[type-var]  # a dataclass
                if row.share is not None
            )
            + "</tr>"
            for value in values
        ]
        head = "".join(f'<th scope="col">{mark}</th>' for mark in bars)
        return (
            "<p>This browser runs no scripts, so the sliders have no effect. Here are some other positions:"
            f'</p>\n<table><tr><th scope="col">{self.rows[0].mark}</th>{head}</tr>\n' + "\n".join(lines) + "\n</table>"
        )


@dataclass(frozen=True)
class LogisticPlayground(Playground):
    """The logistic function and the share of the error that its slope lets pass, with a slider for the input.

    Parameters
    ----------
    x_in : from -6 to 6.

    Raises
    ------
    ValueError : the value lies outside the slider's range.

    >>> LogisticPlayground(2.0)
    A slider for the input, now 2. The output is 88.08%, and 10.50% of the error passes.
    """

    x_in: float

    formula: ClassVar[str] = "logistic"
    title: ClassVar[str] = "The logistic function, with a slider"
    unmoved: ClassVar = ("x_in", (-6.0, -2.0, 0.0, 2.0, 6.0))

    @property
    def output(self) -> float:
        return 1 / (1 + exp(-self.x_in))

    @property
    def rows(self) -> list[Row]:
        out = self.output
        return [
            Row("x<sub>in</sub>", Slider(self.x_in, -6, 6, 0.1)),
            Row("output, x<sub>out</sub>", share=out),
            Row("1 − x<sub>out</sub>", share=1 - out),
            Row("share of the error that passes", share=(1 - out) * out),
        ]

    @property
    def summary(self) -> str:
        out = self.output
        return f"The input is {self.x_in:g}. The output is {out:.2%}, and {(1 - out) * out:.2%} of the error passes."

    def __repr__(self) -> str:
        return self.summary.replace("The input is", "A slider for the input, now")


@dataclass(frozen=True)
class PoolingPlayground(Playground):
    """Lp pooling of one window: the error that each pixel gets, with a slider for the exponent and for each pixel.

    Pixel k gets (a_k / y)^(P - 1) of the error at the output y = (Σ_k a_k^P)^(1/P), and nothing if it is 0.

    Parameters
    ----------
    pixels : a_1, a_2, ..., at most nine, each from 0 to 1.
    exponent : P, from 1 to 10.

    Raises
    ------
    ValueError : a value lies outside the sliders' range, or there are fewer than two pixels or more than nine.

    >>> PoolingPlayground((0.5, 1.0), 2.0)
    Sliders for P, now 2, and for each pixel. Share of the error that each gets:
      a₁ is 0.5: 44.72%
      a₂ is 1: 89.44%
    """

    pixels: Sequence[float]
    exponent: float

    formula: ClassVar[str] = "pooling"
    title: ClassVar[str] = "Lp pooling of one window, with sliders"
    unmoved: ClassVar = ("exponent", (1.0, 2.0, 4.0, 10.0))

    @property
    def shares(self) -> list[float]:
        """∂y/∂a_k, computed with the largest pixel divided out, so that no power is rounded to 0."""
        top = max(self.pixels)
        if top == 0:
            return [0.0] * len(self.pixels)
        parts = [a / top for a in self.pixels]
        norm = sum(part**self.exponent for part in parts) ** (1 / self.exponent)
        return [(part / norm) ** (self.exponent - 1) if part else 0.0 for part in parts]

    @property
    def rows(self) -> list[Row]:
        exponent, pixels = Slider(self.exponent, 1, 10, 0.5), [Slider(a, 0, 1, 0.05) for a in self.pixels]
        marks = _numbered("a", self.pixels)
        return [Row("P", exponent), *map(Row, marks, pixels, self.shares)]

    @property
    def summary(self) -> str:
        low, high = min(self.shares), max(self.shares)
        return f"P is {self.exponent:g}. The pixels get from {low:.2%} to {high:.2%} of the error."

    def __repr__(self) -> str:
        lines = [f"Sliders for P, now {self.exponent:g}, and for each pixel. Share of the error that each gets:"]
        for mark, a, share in zip(_SUBSCRIPTS, self.pixels, self.shares, strict=False):
            lines.append(f"  a{mark} is {a:g}: {share:.2%}")
        return "\n".join(lines)


@dataclass(frozen=True)
class SoftmaxPlayground(Playground):
    """Softmax probabilities as bars and their Jacobian as a heat map, with a slider for each input and one for β.

    The probabilities are exp(-βX_i) / Σ_k exp(-βX_k), the lab's sign (its question 2).

    Parameters
    ----------
    inputs : X_1, X_2, ..., at most nine, each from -4 to 4.
    beta : from -4 to 4.

    Raises
    ------
    ValueError : a value lies outside the sliders' range, or there are fewer than two inputs or more than nine.

    >>> SoftmaxPlayground((0.0, 1.0), 1.0)
    Sliders for β, now 1, and for each input. Probabilities and rows of the Jacobian:
      X₁ is 0: p₁ is 73.11%   −0.1966 +0.1966
      X₂ is 1: p₂ is 26.89%   +0.1966 −0.1966
    """

    inputs: Sequence[float]
    beta: float

    formula: ClassVar[str] = "softmax"
    title: ClassVar[str] = "Softmax, with sliders"
    unmoved: ClassVar = ("beta", (-4.0, -1.0, 0.0, 1.0, 4.0))

    @property
    def probabilities(self) -> list[float]:
        """The lab's softmax of the inputs, computed with the largest exponent subtracted."""
        exponents = [-self.beta * x for x in self.inputs]
        weights = [exp(z - max(exponents)) for z in exponents]
        return [w / sum(weights) for w in weights]

    @property
    def jacobian(self) -> list[list[float]]:
        """∂p_i/∂X_j = -β p_i (δ_ij - p_j), one row per output and one column per input."""
        p = self.probabilities
        return [[-self.beta * pi * ((i == j) - pj) for j, pj in enumerate(p)] for i, pi in enumerate(p)]

    @property
    def rows(self) -> list[Row]:
        beta, *inputs = (Slider(value, -4, 4, 0.1) for value in (self.beta, *self.inputs))
        return [Row("β", beta), *map(Row, _numbered("X", self.inputs), inputs, self.probabilities)]

    @property
    def summary(self) -> str:
        shares = self.probabilities
        top = max(shares)
        winners = [f"p{_SUBSCRIPTS[i]}" for i, share in enumerate(shares) if top - share < 1e-9]
        those = "all" if len(winners) == len(shares) else " and ".join(winners)
        return f"β is {self.beta:g}. The largest probability is {top:.2%}, of {those}."

    def __repr__(self) -> str:
        lines = [f"Sliders for β, now {self.beta:g}, and for each input. Probabilities and rows of the Jacobian:"]
        for mark, x, p, row in zip(_SUBSCRIPTS, self.inputs, self.probabilities, self.jacobian, strict=False):
            lines.append(f"  X{mark} is {x:g}: p{mark} is {p:.2%}   {' '.join(map(signed, row))}")
        return "\n".join(lines)

    def below(self) -> str:
        """The Jacobian as a table."""
        marks = _SUBSCRIPTS[: len(self.inputs)]
        largest = max(abs(entry) for row in self.jacobian for entry in row) or 1
        heat = [
            f'<tr><th scope="row">p{mark}</th>'
            + "".join(
                f'<td class="{"negative" if entry < 0 else "positive"}" style="--strength:{abs(entry) / largest:.2f}">'
                f"{signed(entry)}</td>"
                for entry in row
            )
            + "</tr>"
            for mark, row in zip(marks, self.jacobian, strict=True)
        ]
        columns = "".join(f'<th scope="col">X{mark}</th>' for mark in marks)
        return _JACOBIAN.format(columns=columns, heat="\n".join(heat))


def signed(value: float) -> str:
    """Format a number with four decimals, and a sign unless they are all 0.

    >>> signed(-0.25), signed(0.00001)
    ('−0.2500', '0.0000')
    """
    digits = f"{abs(value):.4f}"
    return digits if float(digits) == 0 else ("−" if value < 0 else "+") + digits


def _numbered(name: str, values: Sequence[float]) -> list[str]:
    """Return a name for each value: X₁, X₂, ..."""
    if not 2 <= len(values) <= len(_SUBSCRIPTS):
        raise ValueError(f"There are {len(values)} values of {name}; there must be 2 to {len(_SUBSCRIPTS)}.")
    return [f"{name}{mark}" for mark in _SUBSCRIPTS[: len(values)]]


_HERE = Path(__file__)
_SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉"
_JACOBIAN = """\
<table class="softmax-jacobian">
<caption>Jacobian: the derivative of each p by each X. Blue is positive, orange negative; the tint is relative to the
largest entry.</caption>
<thead><tr><th scope="col">∂p by ∂X</th>{columns}</tr></thead>
<tbody>{heat}</tbody>
</table>"""
_PAGE = """\
<div class="playground" data-formula="{formula}" role="group" aria-label="{title}">
<style>
{style}</style>
{rows}
{below}
<p role="status">{summary}</p>
<noscript>
{unmoved}
</noscript>
<script>
{script}</script>
</div>
"""
