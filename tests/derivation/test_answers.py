"""Judges accept a right answer in any form and refuse wrong and blank ones with a reason."""

import math
from decimal import Decimal

import mpmath
import numpy as np
import pytest
import torch
from sympy import Abs, Eq, Function, IndexedBase, Lambda, Matrix, Rational, Sum, exp, pi, sqrt, symbols, sympify, tanh

from labcode.derivation import (
    DerivationError,
    Partial,
    StatementError,
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


x1, x2 = symbols("x1 x2", real=True)
PLAIN = symbols("x1 x2")
i, k, n = symbols("i k n", integer=True, positive=True)
z = IndexedBase("z", real=True)
PLAIN_I, PLAIN_K, PLAIN_N = symbols("i k n")
PLAIN_Z = IndexedBase("z")
sigma, u = Function("sigma"), symbols("u", real=True)
LOGISTIC = {sigma: Lambda(u, 1 / (1 + exp(-u)))}


@pytest.mark.parametrize(
    ("answer", "truth", "definitions"),
    [
        (PLAIN[0] * PLAIN[1] + PLAIN[1] ** 2, x2 * (x1 + x2), None),
        ("x1*x2 + x2**2", x2 * (x1 + x2), None),
        (2 * symbols("x1", positive=True), Partial(x1**2, x1), None),
        (sqrt(PLAIN[0] ** 2), Abs(x1), None),
        (Abs(PLAIN[0]) ** 2, x1**2, None),
        ("sigma(x1)*(1 - sigma(x1))", Partial(sigma(x1), x1), LOGISTIC),
        (Function("sigma")(PLAIN[0]) * (1 - sigma(PLAIN[0])), Partial(sigma(x1), x1), LOGISTIC),
        (
            exp(PLAIN_Z[PLAIN_I]) / Sum(exp(PLAIN_Z[PLAIN_K]), (PLAIN_K, 1, PLAIN_N)),
            exp(z[i]) / Sum(exp(z[k]), (k, 1, n)),
            None,
        ),
        ("Sum(z[k], (k, 1, n))/n", Sum(z[k] / n, (k, 1, n)), None),
        (0.5, Rational(1, 2), None),
        (0.1 * x1, x1 / 10, None),
        (np.float32(0.5), Rational(1, 2), None),
        (np.array(3), Rational(3), None),
        (torch.tensor(0.25), Rational(1, 4), None),
        ("lambda_ + 1", symbols("lambda_", real=True) + 1, None),
    ],
)
def test_names_in_an_answer_are_those_of_the_question(answer, truth, definitions, capsys):
    judge(answer, truth, definitions)
    assert capsys.readouterr().out.startswith("Right")


def test_an_answer_with_the_names_of_the_question_can_still_be_wrong():
    with pytest.raises(WrongAnswer, match=r"^Wrong: at x1 = "):
        judge(sqrt(PLAIN[0] ** 2), x1)
    digits = r"is 0\.0347946588515929; the right answer is 0\.0347946588550723"
    with pytest.raises(WrongAnswer, match=rf"^Wrong: at x1 = .* {digits}"):
        judge(0.3333333333 * PLAIN[0], x1 / 3)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "Wrong: the answer is None; it must be one expression or number."),
        ([x], "Wrong: the answer is [x], a list; it must be one expression or number."),
        (lambda x: x, "Wrong: the answer is the function <lambda>; it must be one expression or number."),
        (Eq(x, 1), "Wrong: the answer is Eq(x, 1), an Equality; it must be one expression or number."),
        (Matrix([x]), "Wrong: the answer is Matrix([[x]]), a MutableDenseMatrix; it must be one expression or number."),
        (True, "Wrong: the answer is True, a bool; it must be one expression or number."),
        (torch.ones(1), "Wrong: the answer is tensor([1.]), a Tensor; it must be one expression or number."),
        ("1 - tanh(x", 'Wrong: the answer is "1 - tanh(x", which is no expression in Python, such as 2*x**2.'),
        ("1 - tanh(y)**2", "Wrong: the answer contains y; the names in the question are x."),
    ],
)
def test_an_answer_that_is_no_expression_is_refused_in_words(answer, says):
    with pytest.raises(WrongAnswer) as refused:
        judge(answer, TRUTH)
    assert str(refused.value) == says


def test_a_question_without_a_value_is_not_the_students_fault():
    with pytest.raises(StatementError, match=r"^Neither the answer nor the right answer has a value at x = 100\.0"):
        judge(1 / (x - 100), 1 / (x - 100))


def test_a_chain_is_read_like_an_answer():
    plain = symbols("x")
    right = 1 - tanh(x) ** 2
    assert judge_chain("c", TRUTH, [Step(1 - tanh(plain) ** 2, "r")], right).result == right
    assert judge_chain("c", TRUTH, [Step("1 - tanh(x)**2", "r")], right).result == right
    for steps in (None, x, [x], [Step(None, "r")], [Step("1 -", "r")]):
        with pytest.raises(WrongAnswer, match=r"^Wrong: step 1 is "):
            judge_chain("c", TRUTH, steps, right)
    with pytest.raises(WrongAnswer, match="No answer yet"):
        judge_chain("c", TRUTH, [Step(..., "r")], right)


@pytest.mark.parametrize(
    "three",
    [
        *(3, 3.0, Rational(3), sympify("9/3"), Decimal(3), mpmath.mpf(3), np.float32(3), np.array(3), np.array([[3]])),
        *(
            torch.tensor(3.0),
            torch.tensor([3]),
            torch.tensor(3.0, requires_grad=True),
            (3,),
            iter([3]),
            {"a": 3}.values(),
        ),
    ],
)
def test_a_value_may_be_any_kind_of_number(three, capsys):
    judge_value(three, 3)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize(
    "wrong", ["3", lambda: 3, {"a": 3}, {3}, 3j, symbols("x"), b"3", Eq(x, 3), sympify("zoo"), np.nan]
)
def test_what_is_no_number_is_said_not_to_be_one(wrong):
    with pytest.raises(WrongAnswer, match=r"^Wrong: .* is not a number\.$"):
        judge_value(wrong, 3)


def test_a_value_off_by_just_the_tolerance_is_right(capsys):
    """Not so in binary: 1.1 - 1.0 is 0.10000000000000009."""
    judge_value([1.1, pi, math.inf, 10**400], [1.0, math.pi, math.inf, 10**400], 0.1)
    assert capsys.readouterr().out == "Right, within 0.1.\n"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: 1 / 0, "Wrong: your function at 1.0 failed (ZeroDivisionError: division by zero)."),
        (3, "Wrong: your function at 1.0 is 3, an int; it must be a function."),
        (lambda x: "a", "Wrong: at 1.0, got nan, expected 2.718281828459045."),
        (lambda x: [None], "Wrong: at 1.0, got nan, expected 2.718281828459045."),
        (lambda x: x + 1j, "Wrong: at 1.0, got (1+1j), expected 2.718281828459045."),
    ],
)
def test_a_function_that_fails_is_refused_in_words(answer, says):
    with pytest.raises(WrongAnswer) as refused:
        judge_function(answer, mpmath.exp, [1.0], 1e-9)
    assert str(refused.value) == says


def test_a_comparison_at_no_points_is_refused():
    with pytest.raises(ValueError, match="no points"):
        judge_function(math.exp, mpmath.exp, [], 1e-9)
