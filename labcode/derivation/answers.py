"""Judge answers to exercises.

A student's copy leaves a blank, ``...``, for each answer. Every function here prints one line if the answer is right
and raises :class:`WrongAnswer` otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import mpmath
from sympy import Expr, sympify

from labcode.derivation.chain import Derivation, Step, derive
from labcode.derivation.printing import text
from labcode.derivation.proof import prove_equal
from labcode.derivation.sampling import sample
from labcode.errors import LabcodeError

Value: TypeAlias = Any  # a number, a sequence of numbers, or whatever a student returns instead


class WrongAnswer(LabcodeError, AssertionError):  # noqa: N818  (students read this name)
    """The answer is wrong or missing; the message says where it differs."""


def judge(answer: Expr, truth: Expr, definitions: Mapping | None = None, **options: Any) -> None:
    """Compare an expression with the right one, in whatever form either is written.

    Parameters
    ----------
    answer, truth : the expressions to compare.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    **options : ``domain``, ``distinct`` and ``case``, as in :func:`labcode.derivation.derive`.

    Raises
    ------
    WrongAnswer : the two differ (with a point where they do), or no proof was found that they agree.

    >>> from sympy import cos, sin, symbols
    >>> from labcode.derivation import Partial
    >>> x = symbols("x", real=True)
    >>> judge(2 * sin(x) * cos(x), Partial(sin(x) ** 2, x))
    Right: 2*sin(x)*cos(x), proved.
    >>> judge(..., Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: No answer yet: replace the ... with your answer.
    >>> judge(2 * sin(x), Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: at x = 0.104384, 2*sin(x) is 0.208389; the right answer is 0.207255.
    """
    _require_answers(answer)
    answer = sympify(answer)
    _, difference = sample(answer, truth, definitions, **options)
    if difference is not None:
        left, right = mpmath.nstr(difference.left, 6), mpmath.nstr(difference.right, 6)
        raise WrongAnswer(f"Wrong: {difference.where}, {text(answer)} is {left}; the right answer is {right}.")
    options.pop("domain", None)
    if prove_equal(answer, truth, definitions, **options) is None:
        raise WrongAnswer(
            f"Not proved: {text(answer)} agrees with the right answer at every point tried, "
            "but no proof was found. Try a simpler form."
        )
    print(f"Right: {text(answer)}, proved.")


def judge_chain(
    name: str, start: Expr, steps: Sequence[Step], end: Expr, definitions: Mapping | None = None, **options: Any
) -> Derivation:
    """Check a chain of steps from ``start`` to ``end``; its last expression must be written exactly like ``end``.

    Parameters
    ----------
    name, start, steps, definitions, **options : as in :func:`labcode.derivation.derive`.
    end : the expression to arrive at.

    Raises
    ------
    WrongAnswer : ``steps`` or one of them is still ``...``, or the last expression is not written like ``end``.
    labcode.derivation.DerivationError : a step is false, or could not be proved.
    ValueError : there are no steps, or a step cannot be evaluated at any point (:func:`labcode.derivation.sample`).

    >>> from sympy import symbols
    >>> x, y = symbols("x y", real=True)
    >>> steps = [Step(x**2 + 2 * x * y + y**2, "expand")]
    >>> judge_chain("square", (x + y) ** 2, steps, x**2 + 2 * x * y + y**2)
    square: 1 step, each proved, then compared to 50 digits at 22 points or more
          (x + y)**2
    (1) = x**2 + 2*x*y + y**2    expand
    """
    _require_answers(steps, *steps if steps is not ... else ())
    chain = derive(name, start, *steps, definitions=definitions, **options)
    if chain.result != end:
        raise WrongAnswer(
            f"Every step is right, but the chain ends at {text(chain.result)}; it should end at {text(end)}."
        )
    return chain


def judge_value(answer: Value, truth: Value, tolerance: float = 0.0) -> None:
    """Compare a number with the right one, or a sequence of numbers entry by entry.

    The message says which value is wrong and in which direction, but not what is right.

    Parameters
    ----------
    answer, truth : numbers, or sequences of the same length.
    tolerance : the largest absolute error accepted in any entry.

    Raises
    ------
    WrongAnswer : a value is off by more than the tolerance, missing, or not a number.

    >>> judge_value([2, 3, 5], [2, 3, 5])
    Right: 2, 3, 5.
    >>> judge_value(0.25, 0.2501, tolerance=0.001)
    Right, within 0.001.
    >>> judge_value(541, 540)
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: 541 is too large.
    >>> judge_value([1, 2], [1, 2, 3])
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: got 2 values, expected 3.
    """
    _require_answers(answer)
    values = list(answer) if hasattr(answer, "__iter__") else [answer]
    right = list(truth) if hasattr(truth, "__iter__") else [truth]
    _require_answers(*values)
    if any(value is None for value in values):
        raise WrongAnswer("Wrong: a value is None. Does your function return its result?")
    if len(values) != len(right):
        raise WrongAnswer(f"Wrong: got {len(values)} value{'s' * (len(values) != 1)}, expected {len(right)}.")
    for number, (value, entry) in enumerate(zip(values, right, strict=True), 1):
        if not abs(value - entry) <= tolerance:
            how = "not a number" if value != value else "too small" if value < entry else "too large"
            place = f"value {number} of {len(right)}: " if len(right) > 1 else ""
            raise WrongAnswer(f"Wrong: {place}{value} is {how}.")
    print(f"Right, within {tolerance:g}." if tolerance else f"Right: {', '.join(map(str, values)) or 'none'}.")


def judge_function(answer: Callable, truth: Callable, points: Sequence, tolerance: float) -> None:
    """Compare a function with the right one at given points.

    Parameters
    ----------
    answer : takes a point, a float or a list of floats, and returns a number or a sequence of numbers.
    truth : the same, but called with 50 working digits; may compute with mpmath.
    points : where to compare.
    tolerance : bounds the relative error of each entry, or the absolute error where the right value is 0.

    Raises
    ------
    WrongAnswer : a value is off by more than the tolerance, or the number of values differs.

    >>> import math
    >>> judge_function(math.expm1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Right at 2 points: error below 1e-15.
    >>> judge_function(lambda x: math.exp(x) - 1, mpmath.expm1, [0.001], 1e-15)
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: at 0.001, got 0.0010005001667083846, expected 0.0010005001667083417.
    """
    for point in points:
        given = answer(point)
        _require_answers(given)
        values = _entries(given)
        with mpmath.workdps(50):
            right = _entries(truth(mpmath.mpf(point) if isinstance(point, float) else point))
            fits = len(values) == len(right) and all(
                abs(value - entry) <= tolerance * (abs(entry) or 1) for value, entry in zip(values, right, strict=True)
            )
        if not fits:
            got, expected = (", ".join(repr(float(v)) for v in entries) or "nothing" for entries in (values, right))
            raise WrongAnswer(f"Wrong: at {point}, got {got}, expected {expected}.")
    print(f"Right at {len(points)} points: error below {tolerance:.0e}.")


def _entries(value: Value) -> list[mpmath.mpf]:
    """The numbers that a function returned, none for None."""
    if value is None:
        return []
    return [mpmath.mpmathify(v) for v in value] if hasattr(value, "__iter__") else [mpmath.mpmathify(value)]


def _require_answers(*parts: object) -> None:
    if any(part is ... for part in parts):
        raise WrongAnswer("No answer yet: replace the ... with your answer.")
