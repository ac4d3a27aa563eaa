"""A derivative that a reader types is judged right, wrong or undecided, and never by evaluating arbitrary code."""

import pytest
import sympy
from sympy import Symbol

from labcode.derivation import StatementError, TrialError, try_derivative
from labcode.derivation.trial import read

x, y = Symbol("x", real=True), Symbol("y", real=True)


@pytest.mark.parametrize(
    ("function", "by"),
    [
        ("x^3*y", "x"),
        ("exp(-x^2/2)*sin(y)", "x"),
        ("log(1 + exp(-beta*x))", "beta"),
        ("tanh(x)/x", "x"),
        ("sqrt(x^2 + y^2)", "y"),
        ("erf(x)", "x"),
        ("1/3*x + 0.25", "x"),
    ],
)
def test_sympys_derivative_is_proved_and_a_wrong_factor_is_not(function, by):
    right = str(sympy.diff(read(function), Symbol(by, real=True)))
    trial = try_derivative(function, by, right)
    assert trial.verdict == "Proved"
    assert trial.checks["complex steps"].startswith("equal to a relative error of 1e-12 at ")
    wrong = try_derivative(function, by, f"1.001*({right})")
    assert wrong.verdict == "Wrong"
    assert "the derivative is" in wrong.checks["50 digits"]
    assert "they give" in wrong.checks["complex steps"]


def test_a_positive_variable_can_decide():
    assert try_derivative("sqrt(x^2)", "x", "1").verdict == "Wrong"
    assert try_derivative("sqrt(x^2)", "x", "1", positive="x").verdict == "Proved"


def test_a_point_without_a_value_decides_nothing():
    trial = try_derivative("gamma(x)", "x", "gamma(x)*digamma(x)")
    assert trial.verdict == "Not decided"
    assert "positive" in trial.checks["proof"]
    assert try_derivative("gamma(x)", "x", "gamma(x)*digamma(x)", positive="x").verdict == "Proved"


def test_corners_have_no_complex_steps():
    trial = try_derivative("Abs(x)", "x", "sign(x)")
    assert trial.verdict == "Proved"
    assert trial.checks["complex steps"] == "not possible: the function has corners or jumps"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("__import__('os')", "not an expression"),
        ("x.__class__", "not an expression"),
        ("sinus(x)", "sinus is not a function of mathematics"),
        ("eval(x)", "eval is not a function of mathematics"),
        ("2x", "not an expression"),
        ("(1", "not an expression"),
        ("x[0]", "not an expression"),
        ("1/0", "finite value"),
        ("x, y", "finite value"),
        ("", "not an expression"),
        ("9^9^9^9", "too large a power"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(written, sentence):
    with pytest.raises(TrialError, match=sentence):
        read(written)


def test_the_variable_is_a_name():
    for by in ("2", "x + y", "pi", ""):
        with pytest.raises((TrialError, StatementError), match="not a variable"):
            try_derivative("x", by, "1")
