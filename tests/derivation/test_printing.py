"""Printing keeps the order of factors and terms, and every bracket that is needed."""

import pytest
from sympy import Abs, Function, IndexedBase, KroneckerDelta, Max, Rational, Sum, exp, log, symbols

from labcode.derivation import Partial, Product, Ratio, Total, latex, latex_lines, text
from labcode.derivation.printing import WIDEST, width

x, y, x_in, beta, t = symbols("x y x_in beta t", real=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
p, w, g = (IndexedBase(name, real=True) for name in "pwg")
sigma = Function("sigma")

WRITTEN = [
    # expression, LaTeX, plain text
    (1 - x, "1 - x", "1 - x"),
    (x - Rational(1, 2), r"x - \frac{1}{2}", "x - 1/2"),
    (1 / (1 + exp(-x)), r"\frac{1}{1 + e^{- x}}", "1/(1 + exp(-x))"),
    (x_in, r"x_{\mathrm{in}}", "x_in"),
    (sigma(x_in), r"\sigma(x_{\mathrm{in}})", "σ(x_in)"),
    (sigma(x) ** 2, r"\sigma^{2}(x)", "σ(x)**2"),
    (beta, r"\beta", "β"),
    (p[i], "p_{i}", "p[i]"),
    (w[i, k], "w_{ik}", "w[i, k]"),
    (w[i + 1, k], r"w_{1 + i,\,k}", "w[1 + i, k]"),
    (KroneckerDelta(i, j), r"\delta_{ij}", "δ[i,j]"),
    (p[i] ** 2, "p_{i}^{2}", "p[i]**2"),
    (Product(y, x), r"y \cdot x", "y·x"),
    (Product(1 - x, x), r"\left[1 - x\right] \cdot x", "(1 - x)·x"),
    (Product(x, -y), r"x \cdot \left[- y\right]", "x·(-y)"),
    (Product(-x, y), r"- x \cdot y", "-x·y"),
    (Product(x, Total(x, y)), r"x \cdot \left[x + y\right]", "x·(x + y)"),
    (Product(Sum(p[k], (k, 1, n)), x), r"\left[\sum_{k=1}^{n} p_{k}\right] \cdot x", "Sum(p[k], (k, 1, n))·x"),
    (Product(x, Sum(p[k], (k, 1, n))), r"x \cdot \sum_{k=1}^{n} p_{k}", "x·Sum(p[k], (k, 1, n))"),
    (Total(y, -x), "y - x", "y - x"),
    (Total(x, Total(1, -x)), r"x + \left[1 - x\right]", "x + (1 - x)"),
    (Ratio(x, y), r"\frac{x}{y}", "x/y"),
    (Ratio(x + y, y), r"\frac{x + y}{y}", "(x + y)/y"),
    (Ratio(x, Product(x, y)), r"\frac{x}{x \cdot y}", "x/(x·y)"),
    (Ratio(x, 2 * y), r"\frac{x}{2\,y}", "x/(2*y)"),
    (Ratio(x, y) ** 2, r"\left(\frac{x}{y}\right)^{2}", "(x/y)**2"),
    (Total(x, 1) ** 2, r"\left(x + 1\right)^{2}", "(x + 1)**2"),
    (Product(x, 2) ** 2, r"\left(x \cdot 2\right)^{2}", "(x·2)**2"),
    (Partial(x, y), r"\frac{\partial x}{\partial y}", "∂x/∂y"),
    (Partial(p[i], p[j]), r"\frac{\partial p_{i}}{\partial p_{j}}", "∂p[i]/∂p[j]"),
    (Partial(sigma(x), x), r"\frac{\partial}{\partial x} \sigma(x)", "∂σ(x)/∂x"),
    (Partial(2 * x, x), r"\frac{\partial}{\partial x} 2\,x", "∂[2*x]/∂x"),
    (
        Partial(-log(p[i]), x),
        r"\frac{\partial}{\partial x} \left[- \log{\left(p_{i} \right)}\right]",
        "∂[-log(p[i])]/∂x",
    ),
    (Partial(Total(x, y), x), r"\frac{\partial}{\partial x} \left[x + y\right]", "∂[x + y]/∂x"),
]


@pytest.mark.parametrize(("expression", "as_latex", "as_text"), WRITTEN, ids=[row[2] for row in WRITTEN])
def test_expressions_are_printed_as_written(expression, as_latex, as_text):
    assert latex(expression) == as_latex
    assert text(expression) == as_text


#: Formulas and their widths in em, measured in a browser as typeset by MathJax.
MEASURED = [
    (r"\frac{\partial E}{\partial x_{1}} \cdot \left[1 - \sigma(x_{1})\right] \cdot \sigma(x_{1})", 11.2),
    (r"g_{00} \cdot w_{11} + g_{01} \cdot w_{10} + g_{10} \cdot w_{01} + g_{11} \cdot w_{00}", 18.6),
    (r"\frac{a + b + \left|{a - b}\right|}{2} + \frac{a + b - \left|{a - b}\right|}{2}", 14.5),
    (r"- \beta \cdot p_{j} \cdot \left[g_{j} - \sum_{i=1}^{n} g_{i} \cdot p_{i}\right]", 11.2),
]


@pytest.mark.parametrize(("formula", "measured"), MEASURED)
def test_the_estimated_width_is_near_the_measured_one(formula, measured):
    assert width(formula) == pytest.approx(measured, rel=0.25)


def test_wide_sums_and_products_break_between_their_parts():
    for wide in (
        Total(*(Product(g[a, b], w[1 - a, 1 - b]) for a in (0, 1) for b in (0, 1))),
        Product(*(1 - x / (1 + exp(-x)) for _ in range(4))),
    ):
        assert width(latex(wide)) > WIDEST
        first, *middle, last = latex_lines(wide).splitlines()
        assert (first, last) == (r"{}\begin{aligned}[t]", r"\end{aligned}")
        lines = [line.removeprefix("& ").removesuffix(r" \\") for line in middle]
        assert len(lines) > 1
        assert all(width(line) <= WIDEST for line in lines)
        assert " ".join(lines) == latex(wide)


def test_other_expressions_are_not_broken():
    wide = Ratio(sum(symbols("a1:20")), 2)
    assert latex_lines(wide) == latex(wide)
    assert latex_lines(Max(x, y)) == latex(Max(x, y))
    assert "aligned" not in latex_lines(Total(x, Abs(y)))
