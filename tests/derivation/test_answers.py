"""Judges accept a right answer in any form and refuse wrong and blank ones with a reason."""

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
def test_a_right_answer_is_accepted_in_any_form(answer, capsys):
    judge(answer, TRUTH)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize("answer", [1 - tanh(x), tanh(x) ** 2 - 1, 1 + tanh(x) ** 2, 0, 1])
def test_a_wrong_answer_is_refused_with_a_point(answer):
    with pytest.raises(WrongAnswer, match=r"^Wrong: at x = .* the right answer is"):
        judge(answer, TRUTH)


def test_a_blank_is_refused():
    for blank in (
        lambda: judge(..., TRUTH),
        lambda: judge_chain("c", TRUTH, ..., x),
        lambda: judge_chain("c", TRUTH, [...], x),
        lambda: judge_function(lambda x: ..., mpmath.exp, [1.0], 1e-9),
    ):
        with pytest.raises(WrongAnswer, match="No answer yet"):
            blank()


def test_a_chain_must_hold_and_end_as_asked():
    with pytest.raises(DerivationError):
        judge_chain("c", TRUTH, [Step(tanh(x), "no")], tanh(x))
    with pytest.raises(WrongAnswer, match="it should end at"):
        judge_chain("c", TRUTH, [Step(1 - tanh(x) ** 2, "yes")], TRUTH)


@pytest.mark.parametrize(
    "wrong",
    [lambda x: math.exp(x) - 1, lambda x: x, lambda x: None, lambda x: float("nan"), lambda x: [math.expm1(x)] * 2],
)
def test_a_function_that_loses_digits_is_refused(wrong):
    with pytest.raises(WrongAnswer, match=r"^Wrong: at"):
        judge_function(wrong, mpmath.expm1, [1.0, 1e-9], 1e-14)


@pytest.mark.parametrize(
    ("answer", "truth", "message"),
    [
        (3.1, 3, "Wrong: 3.1 is too large."),
        (2.9, 3, "Wrong: 2.9 is too small."),
        (math.nan, 3, "Wrong: nan is not a number."),
        ([1, 2], [1, 3], "Wrong: value 2 of 2: 2 is too small."),
        ([1], [1, 3], "Wrong: got 1 value, expected 2."),
        (None, 3, "Wrong: a value is None. Does your function return its result?"),
    ],
)
def test_a_wrong_value_is_refused_with_its_direction(answer, truth, message):
    with pytest.raises(WrongAnswer) as refused:
        judge_value(answer, truth, tolerance=0.05)
    assert str(refused.value) == message


def test_a_value_within_the_tolerance_is_accepted(capsys):
    judge_value([1.04, 2.0], [1, 2], tolerance=0.05)
    assert capsys.readouterr().out == "Right, within 0.05.\n"
