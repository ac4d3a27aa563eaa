"""Figures that a reader moves: plain HTML and a few lines of script, no library, nothing from outside.

They work in the built site, in a notebook and from a file. They are made of the browser's own sliders, which the
keyboard moves as the mouse does. What they show at first is computed here: a page without scripts still shows
something true, and a test can compare text.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp


@dataclass(frozen=True)
class SoftmaxPlayground:
    """Bars of softmax probabilities, a slider for each input and one for β.

    The probabilities are exp(-βX_i) / Σ_k exp(-βX_k), the lab's sign (its question 2).

    Parameters
    ----------
    inputs : X_1, X_2, ..., each from -4 to 4.
    beta : from -4 to 4.

    >>> SoftmaxPlayground((0.0, 1.0), 1.0)
    A slider for β, now 1, and for each input. Probabilities:
      X_1 = 0: p_1 = 73.1%
      X_2 = 1: p_2 = 26.9%
    """

    inputs: Sequence[float]
    beta: float

    def __post_init__(self):
        for value in (*self.inputs, self.beta):
            if not -4 <= value <= 4:
                raise ValueError(f"The sliders reach from -4 to 4; {value!r} lies outside.")

    @property
    def probabilities(self) -> list[float]:
        """The lab's softmax of the inputs, largest exponent subtracted first."""
        exponents = [-self.beta * x for x in self.inputs]
        weights = [exp(z - max(exponents)) for z in exponents]
        return [w / sum(weights) for w in weights]

    def __repr__(self):
        lines = [f"A slider for β, now {self.beta:g}, and for each input. Probabilities:"]
        for number, (x, p) in enumerate(zip(self.inputs, self.probabilities, strict=True), 1):
            lines.append(f"  X_{number} = {x:g}: p_{number} = {p:.1%}")
        return "\n".join(lines)

    def _repr_html_(self):
        rows = []
        for number, (x, p) in enumerate(zip(self.inputs, self.probabilities, strict=True), 1):
            rows.append(
                f'<div class="softmax-row"><label for="softmax-x{number}">X<sub>{number}</sub></label>'
                f'<input id="softmax-x{number}" type="range" min="-4" max="4" step="0.1" value="{x:g}">'
                f'<span class="softmax-value">{x:g}</span>'
                f'<span class="softmax-track"><span class="softmax-bar" style="width:{p:.1%}"></span></span>'
                f'<span class="softmax-share">{p:.1%}</span></div>'
            )
        return _PAGE.format(beta=f"{self.beta:g}", rows="\n".join(rows), summary=html.escape(self._summary()))

    def _summary(self) -> str:
        shares = self.probabilities
        best = max(range(len(shares)), key=shares.__getitem__)
        return f"β is {self.beta:g}: the largest probability is that of input {best + 1}, {shares[best]:.1%}."


# The theme's colours where there is a theme, the system's elsewhere. A change is announced once the slider rests.
_PAGE = """\
<div class="softmax-playground" role="group" aria-label="Softmax, with sliders">
<style>
/* A dark theme puts HTML that knows no themes on a light ground; this knows. */
html[data-theme="dark"] .bd-content div.cell_output .text_html:has(.softmax-playground):not(:has(table.dataframe)) {{
  background: none; color: inherit; padding: 0; }}
.softmax-playground {{ border: 1px solid var(--pst-color-border, #888); border-radius: .4rem; padding: .8rem 1rem;
  color: var(--pst-color-text-base, inherit); max-width: 44rem; }}
.softmax-playground .softmax-row {{ display: grid; grid-template-columns: 2rem minmax(5rem, 1fr) 2.6rem
  minmax(4rem, 2fr) 3.6rem; gap: .5rem; align-items: center; margin: .35rem 0; }}
.softmax-playground .softmax-beta {{ grid-template-columns: 2rem 1fr 2.6rem; margin-bottom: .8rem; }}
.softmax-playground input {{ width: 100%; min-height: 1.6rem; accent-color: var(--pst-color-primary, #0072b2); }}
.softmax-playground .softmax-value, .softmax-playground .softmax-share {{ text-align: right;
  font-variant-numeric: tabular-nums; }}
.softmax-playground .softmax-track {{ background: var(--pst-color-surface, #8883); height: 1.1rem; display: block; }}
.softmax-playground .softmax-bar {{ background: var(--pst-color-primary, #0072b2); height: 100%; display: block; }}
.softmax-playground p {{ margin: .6rem 0 0; }}
</style>
<div class="softmax-row softmax-beta"><label for="softmax-beta">β</label>
<input id="softmax-beta" type="range" min="-4" max="4" step="0.1" value="{beta}">
<span class="softmax-value">{beta}</span></div>
{rows}
<p role="status">{summary}</p>
<script>
(function () {{
  var script = document.currentScript;
  var box = script ? script.parentNode : document.querySelector(".softmax-playground");  // a notebook names no script
  var rows = Array.from(box.querySelectorAll(".softmax-row:not(.softmax-beta)"));
  var beta = box.querySelector("#softmax-beta"), status = box.querySelector("[role=status]"), rest;
  function percent(p) {{ return (100 * p).toFixed(1) + "%"; }}
  function draw() {{
    var z = rows.map(function (row) {{ return -beta.value * row.querySelector("input").value; }});
    var top = Math.max.apply(null, z), w = z.map(function (v) {{ return Math.exp(v - top); }});
    var sum = w.reduce(function (a, b) {{ return a + b; }}, 0), best = w.indexOf(Math.max.apply(null, w));
    rows.forEach(function (row, i) {{
      row.querySelector(".softmax-value").textContent = row.querySelector("input").value;
      row.querySelector(".softmax-bar").style.width = percent(w[i] / sum);
      row.querySelector(".softmax-share").textContent = percent(w[i] / sum);
    }});
    beta.nextElementSibling.textContent = beta.value;
    clearTimeout(rest);
    rest = setTimeout(function () {{
      status.textContent = "β is " + beta.value + ": the largest probability is that of input " + (best + 1) + ", " +
        percent(w[best] / sum) + ".";
    }}, 400);
  }}
  box.addEventListener("input", draw);
}})();
</script>
</div>
"""
