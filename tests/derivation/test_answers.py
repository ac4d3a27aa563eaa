"""Answers of readers: right in any form, wrong with a reason, blank is not right."""

import math

import mpmath
import pytest
from sympy import symbols, tanh

from labcode.derivation import (
    DerivationError,
    Partial,
    Step,
    WrongAnswer,
    judge,
    judge_chain,
    judge_function,
    judge_value,
)

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


@pytest.mark.parametrize(
    ("answer", "truth", "said"),
    [
        (3.1, 3, "Wrong: 3.1 is too large."),
        (2.9, 3, "Wrong: 2.9 is too small."),
        (math.nan, 3, "Wrong: nan is not a number."),
        ([1, 2], [1, 3], "Wrong: of your values, number 2, 2 is too small."),
        ([1], [1, 3], "Wrong: you give 1 values, wanted are 2."),
        (None, 3, "Wrong: a value is None. Does your function return its result?"),
    ],
)
def test_a_wrong_value_is_told_in_which_way(answer, truth, said):
    with pytest.raises(WrongAnswer) as refused:
        judge_value(answer, truth, tolerance=0.05)
    assert str(refused.value) == said


def test_a_value_within_the_tolerance_is_right(capsys):
    judge_value([1.04, 2.0], [1, 2], tolerance=0.05)
    assert capsys.readouterr().out == "Right, within 0.05.\n"
