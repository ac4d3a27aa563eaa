"""Judge a reader's answer to an exercise: right, or wrong and where.

The blank that a student's copy leaves is ``...``. Each function prints one line if the answer is
right and raises :class:`WrongAnswer` if it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import mpmath
from sympy import Expr, sympify

from labcode.derivation import Derivation, Step, derive
from labcode.notation import text
from labcode.proof import prove_equal, sample


class WrongAnswer(AssertionError):  # noqa: N818  (this is what the student reads)
    """The answer is not the right one; the message says where it differs."""

    def _render_traceback_(self):
        return [str(self)]


def judge(answer: Expr, truth: Expr, definitions: Mapping | None = None, **confined) -> None:
    """Compare an expression with the truth, whatever form either has.

    ``confined`` is passed on: ``domain``, ``distinct``, ``case``, as in
    :func:`labcode.derivation.derive`.

    >>> from sympy import cos, sin, symbols
    >>> from labcode.proof import Partial
    >>> x = symbols("x", real=True)
    >>> judge(2 * sin(x) * cos(x), Partial(sin(x) ** 2, x))
    Right: 2*sin(x)*cos(x), proved.
    >>> judge(..., Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.answers.WrongAnswer: Not answered yet: replace the ... by your answer.
    >>> judge(2 * sin(x), Partial(sin(x) ** 2, x))
    Traceback (most recent call last):
        ...
    labcode.answers.WrongAnswer: Wrong: at x = 0.104384, 2*sin(x) is 0.208389, the right answer 0.207255.
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
    name: str, start: Expr, steps: Sequence[Step], end: Expr, definitions: Mapping | None = None, **confined
) -> Derivation:
    """Check a chain of steps that leads from ``start`` to ``end``, written exactly like that.

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


def judge_function(answer: Callable, truth: Callable, points: Sequence[float], tolerance: float) -> None:
    """Compare a function of one float with the truth, which computes in mpmath, to 50 digits.

    ``tolerance`` bounds the relative error.

    >>> import math
    >>> judge_function(math.expm1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Right at 2 points: relative error below 1e-15.
    >>> judge_function(lambda x: math.exp(x) - 1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Traceback (most recent call last):
        ...
    labcode.answers.WrongAnswer: Wrong: at 1e-09 you compute 1.000000082740371e-09, the truth is 1.0000000005e-9.
    """
    for point in points:
        value = answer(point)
        _answered(value)
        if value is None:
            raise WrongAnswer(f"Wrong: at {point:g} your function returns nothing.")
        with mpmath.workdps(50):
            right = truth(mpmath.mpf(point))
            error = abs(mpmath.mpf(float(value)) - right) / abs(right)
        if not error <= tolerance:
            raise WrongAnswer(
                f"Wrong: at {point:g} you compute {float(value)!r}, the truth is {mpmath.nstr(right, 16)}."
            )
    print(f"Right at {len(points)} points: relative error below {tolerance:.0e}.")


def _answered(*parts) -> None:
    if any(part is ... for part in parts):
        raise WrongAnswer("Not answered yet: replace the ... by your answer.")
