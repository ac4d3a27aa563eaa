"""Check what is stated; a formula given as text runs no code."""

import pytest
from sympy import Function, IndexedBase, Max, exp, pi, sqrt, symbols, tanh

from labcode.derivation.statement import parse


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "open(x)",
        "exit()",
        "eval('x')",
        "sympify('x')",
        "test()",
        "preview(x)",
        "(lambda: x)()",
        "[x for x in (1,)]",
        "'x'",
        "x if x else 1",
        "print(x)",
        "x := 1",
        "f'{x}'",
        "9**9**9**9",
        "x**(2**(3**4))",
        "2**100000",
    ],
)
def test_a_formula_as_text_runs_no_code(text, capfd):
    x = symbols("x", real=True)
    with pytest.raises(SyntaxError):
        parse(text, {"x": x})
    assert capfd.readouterr().out == ""


def test_a_formula_as_text_is_what_it_is_in_python():
    x, f, a = symbols("x", real=True), Function("f"), IndexedBase("a")
    names = {"x": x, "f": f, "a": a}
    for text, meant in {
        "1 - tanh(x)**2": 1 - tanh(x) ** 2,
        "f(x)/3": f(x) / 3,
        "a[1] * -x": -a[1] * x,
        "Max(x, 0) + sqrt(2)": Max(x, 0) + sqrt(2),
        "exp(-x**2/2)/sqrt(2*pi)": exp(-(x**2) / 2) / sqrt(2 * pi),
        "1e-3*x": x / 1000,
    }.items():
        assert parse(text, names) == meant
