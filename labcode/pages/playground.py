"""Softmax with sliders: an interactive figure in plain HTML with a short script and no library.

The HTML contains its script and style, so it works on the built site, in a notebook and from a local file. The sliders
are the browser's own and work with mouse and keyboard. The initial values are computed here, so a page without scripts
shows them as well, and tests can compare them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path


@dataclass(frozen=True)
class SoftmaxPlayground:
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

    def __post_init__(self) -> None:
        if not 2 <= len(self.inputs) <= len(_SUBSCRIPTS):
            raise ValueError(f"There are {len(self.inputs)} inputs; there must be 2 to {len(_SUBSCRIPTS)}.")
        for value in (*self.inputs, self.beta):
            if not -4 <= value <= 4:
                raise ValueError(f"{value!r} lies outside the sliders' range, which is -4 to 4.")

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
    def summary(self) -> str:
        """What is announced when a slider stops moving."""
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

    def _repr_html_(self) -> str:
        marks = _SUBSCRIPTS[: len(self.inputs)]
        largest = max(abs(entry) for row in self.jacobian for entry in row) or 1
        sliders = [
            f'<div class="softmax-row softmax-input"><label for="softmax-x{number}">X{mark}</label>'
            f'<input id="softmax-x{number}" type="range" min="-4" max="4" step="0.1" value="{x:g}">'
            f'<span class="softmax-value">{x:g}</span>'
            f'<span class="softmax-track"><span class="softmax-bar" style="width:{p:.2%}"></span></span>'
            f'<span class="softmax-share">{p:.2%}</span></div>'
            for number, (mark, x, p) in enumerate(zip(marks, self.inputs, self.probabilities, strict=True), 1)
        ]
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
        return _PAGE.format(
            style=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
            script=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
            beta=f"{self.beta:g}",
            sliders="\n".join(sliders),
            columns="".join(f'<th scope="col">X{mark}</th>' for mark in marks),
            heat="\n".join(heat),
            summary=html.escape(self.summary),
            unmoved=self._without_script(),
        )

    def _without_script(self) -> str:
        """A table of probabilities at five values of β, for browsers that run no script."""
        marks = _SUBSCRIPTS[: len(self.inputs)]
        rows = [
            f'<tr><th scope="row">{beta:g}</th>'
            + "".join(f"<td>{p:.2%}</td>" for p in SoftmaxPlayground(self.inputs, beta).probabilities)
            + "</tr>"
            for beta in (-4.0, -1.0, 0.0, 1.0, 4.0)
        ]
        head = "".join(f'<th scope="col">p{mark}</th>' for mark in marks)
        return (
            "<p>This browser runs no scripts, so the sliders have no effect. Probabilities at other values of β:"
            f'</p>\n<table><tr><th scope="col">β</th>{head}</tr>\n' + "\n".join(rows) + "\n</table>"
        )


def signed(value: float) -> str:
    """Format a number with four decimals, and a sign unless they are all 0.

    >>> signed(-0.25), signed(0.00001)
    ('−0.2500', '0.0000')
    """
    digits = f"{abs(value):.4f}"
    return digits if float(digits) == 0 else ("−" if value < 0 else "+") + digits


_HERE = Path(__file__)
_SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉"
_PAGE = """\
<div class="softmax-playground" role="group" aria-label="Softmax, with sliders">
<style>
{style}</style>
<div class="softmax-row softmax-beta"><label for="softmax-beta">β</label>
<input id="softmax-beta" type="range" min="-4" max="4" step="0.1" value="{beta}">
<span class="softmax-value">{beta}</span></div>
{sliders}
<table class="softmax-jacobian">
<caption>Jacobian: the derivative of each p by each X. Blue is positive, orange negative; the tint is relative to the
largest entry.</caption>
<thead><tr><th scope="col">∂p by ∂X</th>{columns}</tr></thead>
<tbody>{heat}</tbody>
</table>
<p role="status">{summary}</p>
<noscript>
{unmoved}
</noscript>
<script>
{script}</script>
</div>
"""
