"""Answers of readers: right in any form, wrong with a reason, blank is not right."""

import math

import mpmath
import pytest
from sympy import symbols, tanh

from labcode.answers import WrongAnswer, judge, judge_chain, judge_function
from labcode.derivation import DerivationError, Partial, Step

x = symbols("x", real=True)
TRUTH = Partial(tanh(x), x)


@pytest.mark.parametrize("answer", [1 - tanh(x) ** 2, (1 - tanh(x)) * (1 + tanh(x)), TRUTH])
def test_right_in_any_form(answer, capsys):
    judge(answer, TRUTH)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize("answer", [1 - tanh(x), tanh(x) ** 2 - 1, 1 + tanh(x) ** 2, 0, 1])
def test_wrong_says_where(answer):
    with pytest.raises(WrongAnswer, match=r"^Wrong: at x = .* the right answer"):
        judge(answer, TRUTH)


def test_blank_is_not_right():
    for blank in (
        lambda: judge(..., TRUTH),
        lambda: judge_chain("c", TRUTH, ..., x),
        lambda: judge_chain("c", TRUTH, [...], x),
        lambda: judge_function(lambda x: ..., mpmath.exp, [1.0], 1e-9),
    ):
        with pytest.raises(WrongAnswer, match="Not answered yet"):
            blank()


def test_a_chain_must_hold_and_must_arrive():
    with pytest.raises(DerivationError):
        judge_chain("c", TRUTH, [Step(tanh(x), "no")], tanh(x))
    with pytest.raises(WrongAnswer, match="it should end at"):
        judge_chain("c", TRUTH, [Step(1 - tanh(x) ** 2, "yes")], TRUTH)


@pytest.mark.parametrize(
    "wrong",
    [lambda x: math.exp(x) - 1, lambda x: x, lambda x: None, lambda x: float("nan"), lambda x: [math.expm1(x)] * 2],
)
def test_a_function_is_judged_where_digits_are_lost(wrong):
    with pytest.raises(WrongAnswer, match=r"^Wrong: at"):
        judge_function(wrong, mpmath.expm1, [1.0, 1e-9], 1e-14)
