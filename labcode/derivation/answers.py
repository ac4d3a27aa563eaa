"""Judge a reader's answer to an exercise: right, or wrong and where.

The blank that a student's copy leaves is ``...``. Each function prints one line if the answer is
right and raises :class:`WrongAnswer` if it is not.
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

Value: TypeAlias = Any  # a number of any kind, or several of them, or something that is neither


class WrongAnswer(AssertionError):  # noqa: N818  (this is what the student reads)
    """The answer is not the right one; the message says where it differs."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def judge(answer: Expr, truth: Expr, definitions: Mapping | None = None, **confined: Any) -> None:
    """Compare an expression with the truth, whatever form either has.

    ``confined`` is passed on: ``domain``, ``distinct``, ``case``, as in
    :func:`labcode.derivation.derive`.

    >>> from sympy import cos, sin, symbols
    >>> from labcode.derivation.expressions import Partial
    >>> x = symbols("x", real=True)
    >>> judge(2 * sin(x) * cos(x), Partial(sin(x) ** 2, x))
    Right: 2*sin(x)*cos(x), proved.
    >>> judge(..., Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Not answered yet: replace the ... by your answer.
    >>> judge(2 * sin(x), Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: at x = 0.104384, 2*sin(x) is 0.208389, the right answer 0.207255.
    """
    _answered(answer)
    answer = sympify(answer)
    _, difference = sample(answer, truth, definitions, **confined)
    if difference is not None:
        left, right = mpmath.nstr(difference.left, 6), mpmath.nstr(difference.right, 6)
        raise WrongAnswer(f"Wrong: {difference.where}, {text(answer)} is {left}, the right answer {right}.")
    confined.pop("domain", None)
    if prove_equal(answer, truth, definitions, **confined) is None:
        raise WrongAnswer(
            f"Not proved: {text(answer)} agrees with the right answer wherever it was tried, but "
            "no proof was found. Write it more simply."
        )
    print(f"Right: {text(answer)}, proved.")


def judge_chain(
    name: str, start: Expr, steps: Sequence[Step], end: Expr, definitions: Mapping | None = None, **confined: Any
) -> Derivation:
    """Check a chain of steps that leads from ``start`` to ``end``, written exactly like that.

    Raises
    ------
    WrongAnswer
        ``steps``, or one of them, is still ``...``; or every step is right, but the last expression is not written as
        ``end`` is.
    labcode.derivation.chain.DerivationError
        A step is false, or could not be proved.
    ValueError
        There are no steps; or a step has no point at which it could be tried (:func:`labcode.derivation.sample`).

    >>> from sympy import symbols
    >>> x, y = symbols("x y", real=True)
    >>> steps = [Step(x**2 + 2 * x * y + y**2, "expand")]
    >>> judge_chain("square", (x + y) ** 2, steps, x**2 + 2 * x * y + y**2)
    square: 1 step, each proved, then compared to 50 digits at 22 points or more
          (x + y)**2
    (1) = x**2 + 2*x*y + y**2    expand
    """
    _answered(steps, *steps if steps is not ... else ())
    chain = derive(name, start, *steps, definitions=definitions, **confined)
    if chain.result != end:
        raise WrongAnswer(
            f"Every step is right, but the chain ends at {text(chain.result)}; it should end at {text(end)}."
        )
    return chain


def judge_value(answer: Value, truth: Value, tolerance: float = 0.0) -> None:
    """Compare a number with the truth, or a sequence of numbers entry by entry.

    ``tolerance`` bounds each absolute error. The message says which value is wrong and in which direction, not the
    right one.

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
    labcode.derivation.answers.WrongAnswer: Wrong: you give 2 values, wanted are 3.
    """
    _answered(answer)
    values = list(answer) if hasattr(answer, "__iter__") else [answer]
    right = list(truth) if hasattr(truth, "__iter__") else [truth]
    _answered(*values)
    if any(value is None for value in values):
        raise WrongAnswer("Wrong: a value is None. Does your function return its result?")
    if len(values) != len(right):
        raise WrongAnswer(f"Wrong: you give {len(values)} values, wanted are {len(right)}.")
    for place, (value, entry) in enumerate(zip(values, right, strict=True), 1):
        if not abs(value - entry) <= tolerance:
            how = "not a number" if value != value else "too small" if value < entry else "too large"
            wrong = f"{value} is {how}"
            raise WrongAnswer(
                f"Wrong: {wrong}." if len(right) == 1 else f"Wrong: of your values, number {place}, {wrong}."
            )
    print(f"Right, within {tolerance:g}." if tolerance else f"Right: {', '.join(map(str, values)) or 'none'}.")


def judge_function(answer: Callable, truth: Callable, points: Sequence, tolerance: float) -> None:
    """Compare a function with the truth at points, each a float or a list of floats, as are the values.

    ``truth`` is called with 50 working digits and may compute in mpmath. ``tolerance`` bounds the relative error of
    each entry (the absolute error where the truth is 0).

    >>> import math
    >>> judge_function(math.expm1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Right at 2 points: error below 1e-15.
    >>> judge_function(lambda x: math.exp(x) - 1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: at 1e-09 you compute 1.000000082740371e-09, the truth is 1.0000000005000001e-09.
    """
    for point in points:
        given = answer(point)
        _answered(given)
        values = _entries(given)
        with mpmath.workdps(50):
            right = _entries(truth(mpmath.mpf(point) if isinstance(point, float) else point))
            fits = len(values) == len(right) and all(
                abs(value - entry) <= tolerance * (abs(entry) or 1) for value, entry in zip(values, right, strict=True)
            )
        if not fits:
            shown = [", ".join(repr(float(v)) for v in entries) or "nothing" for entries in (values, right)]
            raise WrongAnswer(f"Wrong: at {point} you compute {shown[0]}, the truth is {shown[1]}.")
    print(f"Right at {len(points)} points: error below {tolerance:.0e}.")


def _entries(value: Value | None) -> list[mpmath.mpf]:
    if value is None:
        return []
    return [mpmath.mpmathify(v) for v in value] if hasattr(value, "__iter__") else [mpmath.mpmathify(value)]


def _answered(*parts: object) -> None:
    if any(part is ... for part in parts):
        raise WrongAnswer("Not answered yet: replace the ... by your answer.")
