"""Judge answers to exercises.

A student's copy leaves a blank, ``...``, for each answer. Every function here prints one line if the answer is right
and raises :class:`WrongAnswer` otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from numbers import Rational
from typing import Any, TypeAlias

import mpmath
import sympy
from sympy import Expr, Indexed
from sympy.core.function import AppliedUndef

from labcode.checks import real_number
from labcode.derivation.chain import Derivation, Step, derive
from labcode.derivation.printing import text
from labcode.derivation.proof import prove_equal
from labcode.derivation.sampling import sample
from labcode.derivation.statement import (
    StatementError,
    check_definitions,
    expression,
    function,
    names_in,
    one_per_name,
    parse,
    shown,
    spelling,
)
from labcode.errors import LabcodeError

Value: TypeAlias = Any  # a number, a sequence of numbers, or whatever a student returns instead


class WrongAnswer(LabcodeError, AssertionError):  # noqa: N818  (students read this name)
    """The answer is wrong or missing; the message says where it differs."""


def judge(
    answer: Expr,
    truth: Expr,
    definitions: Mapping | None = None,
    *,
    domain: Mapping | None = None,
    distinct: tuple = (),
    case: Mapping | None = None,
) -> None:
    """Compare an expression with the right one, in whatever form either is written.

    Parameters
    ----------
    answer, truth : the expressions to compare. The answer may also be a string, and a name in it stands for what is
        spelled the same in ``truth`` or ``definitions``: a student need not declare ``real=True``.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    domain, distinct, case : as in :func:`labcode.derivation.derive`.

    Raises
    ------
    WrongAnswer : the two differ (with a point where they do), no proof was found that they agree, or the answer is not
        an expression in these names.
    labcode.derivation.StatementError : the question cannot be decided, see :func:`labcode.derivation.sample`.

    >>> from sympy import cos, sin, symbols
    >>> from labcode.derivation import Partial
    >>> x = symbols("x", real=True)
    >>> judge(2 * sin(x) * cos(x), Partial(sin(x) ** 2, x))
    Right: 2*sin(x)*cos(x), proved.
    >>> judge("sin(2*x)", Partial(sin(x) ** 2, x))
    Right: sin(2*x), proved.
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
    answer = _read(answer, "the answer", truth, definitions)
    _, difference = sample(answer, truth, definitions, domain=domain, distinct=distinct, case=case)
    if difference is not None:
        if not (mpmath.isfinite(difference.left) or mpmath.isfinite(difference.right)):
            raise StatementError(
                f"Neither the answer nor the right answer has a value {difference.where}; give a domain where they do."
            )
        left, right = difference.values
        raise WrongAnswer(f"Wrong: {difference.where}, {text(answer)} is {left}; the right answer is {right}.")
    if prove_equal(answer, truth, definitions, distinct=distinct, case=case) is None:
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
    WrongAnswer : ``steps`` or one of them is still ``...`` or no step, or the last expression is not written like
        ``end``.
    labcode.derivation.DerivationError : a step is false, or could not be proved.
    labcode.derivation.StatementError : there are no steps, or one cannot be decided, see
        :func:`labcode.derivation.derive`.

    >>> from sympy import symbols
    >>> x, y = symbols("x y", real=True)
    >>> steps = [Step(x**2 + 2 * x * y + y**2, "expand")]
    >>> judge_chain("square", (x + y) ** 2, steps, x**2 + 2 * x * y + y**2)
    square: 1 step, each proved, then compared to 50 digits at 22 points or more
          (x + y)**2
    (1) = x**2 + 2*x*y + y**2    expand
    """
    _require_answers(steps)
    written = []
    for number, step in enumerate(steps if isinstance(steps, list | tuple) else [steps], 1):
        _require_answers(step)
        if not isinstance(step, Step):
            raise WrongAnswer(f"Wrong: step {number} is {shown(step)}; it must be a Step(expression, rule).")
        _require_answers(step.expression)
        written.append(replace(step, expression=_read(step.expression, f"step {number}", start, definitions)))
    chain = derive(name, start, *written, definitions=definitions, **options)
    if chain.result != expression(end, "The end"):
        raise WrongAnswer(
            f"Every step is right, but the chain ends at {text(chain.result)}; it should end at {text(end)}."
        )
    return chain


def judge_value(answer: Value, truth: Value, tolerance: float = 0.0) -> None:
    """Compare a number with the right one, or a sequence of numbers entry by entry.

    The message says which value is wrong and in which direction, but not what is right.

    Parameters
    ----------
    answer, truth : numbers, or arrays, tensors or sequences of the same length.
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
    tolerance = real_number("tolerance", tolerance, at_least=0)
    values, right = list(_flat(answer)), list(_flat(truth))
    _require_answers(*values)
    if any(value is None for value in values):
        raise WrongAnswer("Wrong: a value is None. Does your function return its result?")
    if len(values) != len(right):
        raise WrongAnswer(f"Wrong: got {len(values)} value{'s' * (len(values) != 1)}, expected {len(right)}.")
    for number, (value, entry) in enumerate(zip(values, right, strict=True), 1):
        found, wanted = _decimal(value), _decimal(entry)
        if wanted is None:
            raise StatementError(f"The right value is {shown(entry)}; it must be a number.")
        # Infinities differ by no number, so they are compared first.
        if found is None or not (found == wanted or abs(found - wanted) <= _decimal(tolerance)):
            how = "not a number" if found is None or found != found else "too small" if found < wanted else "too large"
            place = f"value {number} of {len(right)}: " if len(right) > 1 else ""
            raise WrongAnswer(f"Wrong: {place}{shown(value) if found is None else value} is {how}.")
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
    WrongAnswer : a value is off by more than the tolerance, the number of values differs, or ``answer`` raises.
    ValueError : there are no points.

    >>> import math
    >>> judge_function(math.expm1, mpmath.expm1, [1e-9, 1.0], 1e-15)
    Right at 2 points: error below 1e-15.
    >>> judge_function(lambda x: math.exp(x) - 1, mpmath.expm1, [0.001], 1e-15)
    Traceback (most recent call last):
        ...
    labcode.derivation.answers.WrongAnswer: Wrong: at 0.001, got 0.0010005001667083846, expected 0.0010005001667083417.
    """
    _require_answers(answer)
    truth = function(truth, "The right function")
    tolerance = real_number("tolerance", tolerance, at_least=0)
    if not isinstance(points, Collection) or getattr(points, "ndim", 1) == 0 or len(points) == 0:
        raise StatementError(f"points is {shown(points)}, which has no points to compare at; at least one is needed.")
    for point in points:
        try:
            given = function(answer, f"your function at {point}")(point)
        except StatementError as error:
            raise WrongAnswer(f"Wrong: {error}") from error
        values = [] if given is None else list(_flat(given))
        _require_answers(*values)
        with mpmath.workdps(50):
            right = list(map(_number, _flat(truth(mpmath.mpf(point) if isinstance(point, float) else point))))
            found = list(map(_number, values))
            fits = len(found) == len(right) and all(
                abs(value - entry) <= tolerance * (abs(entry) or 1) for value, entry in zip(found, right, strict=True)
            )
        if not fits:
            got, expected = (", ".join(map(_digits, entries)) or "nothing" for entries in (found, right))
            raise WrongAnswer(f"Wrong: at {point}, got {got}, expected {expected}.")
    print(f"Right at {len(points)} point{'s' * (len(points) != 1)}: error below {tolerance:.0e}.")


def _read(answer: Any, role: str, truth: Any, definitions: Mapping | None) -> Expr:
    """The answer as an expression whose names are those of the question, where they are spelled the same."""
    asked = [name for thing in (truth, *check_definitions(definitions).items()) for name in _names(thing)]
    names = one_per_name(asked)
    if isinstance(answer, str):
        try:
            answer = parse(answer, {word: name for (_, word), name in names.items()})
        except Exception as error:
            raise WrongAnswer(
                f'Wrong: {role} is "{answer}", which is no expression in Python, such as 2*x**2.'
            ) from error
    try:
        answer = expression(answer, role)
    except StatementError as error:
        raise WrongAnswer(f"Wrong: {error}") from None
    own = {name: names.get(spelling(name), name) for name in names_in(answer)}
    for name in own.values():
        if name not in asked and isinstance(name, sympy.Symbol) and not name.is_real:
            known = ", ".join(dict.fromkeys(map(str, asked)))
            raise WrongAnswer(f"Wrong: {role} contains {name}; the names in the question are {known or 'none'}.")
    return answer.replace(
        lambda node: isinstance(node, sympy.Symbol | Indexed | AppliedUndef), lambda node: _named(node, own)
    )


def _named(node: Expr, names: Mapping) -> Expr:
    if isinstance(node, Indexed):
        return names.get(node.base, node.base)[node.indices]
    if isinstance(node, AppliedUndef):
        return names.get(node.func, node.func)(*node.args)
    return names.get(node, node)


def _names(thing: Any) -> list:
    """The names in a key and a meaning of the definitions, or in an expression; none in anything else."""
    parts = thing if isinstance(thing, tuple) else (thing,)
    return [name for part in parts if hasattr(part, "free_symbols") for name in names_in(part)]


def _flat(value: Value) -> Iterator[Value]:
    """The numbers in a number, an array, a tensor or nested sequences, in order; what is no number as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | set | frozenset):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _decimal(value: Value) -> Any:
    """A real number exactly as its decimal digits say, an infinity or NaN as it is, and None for anything else.

    0.1 is 1/10, so that 1.1 is within 0.1 of 1.
    """
    if isinstance(value, Expr) and value.is_number and value.is_extended_real:
        value = mpmath.mpmathify(sympy.N(value, 30)) if value.is_finite else float(value)
    if isinstance(value, Rational | Decimal) and value == value:
        return Fraction(value)
    if not isinstance(value, float | mpmath.mpf):
        return None
    if not mpmath.isfinite(value):
        return float(value)
    return Fraction(repr(value) if isinstance(value, float) else mpmath.nstr(value, 30))


def _number(value: Value) -> mpmath.mpf:
    """A number with all its digits, or NaN."""
    if isinstance(value, Expr):
        value = sympy.N(value, 50)
    try:  # mpmath would take one of its own classes for a number
        return mpmath.nan if isinstance(value, type) else mpmath.mpmathify(value)
    except (TypeError, ValueError):
        return mpmath.nan


def _digits(number: mpmath.mpf) -> str:
    return repr(complex(number) if isinstance(number, mpmath.mpc) else float(number))


def _require_answers(*parts: object) -> None:
    if any(part is ... for part in parts):
        raise WrongAnswer("No answer yet: replace the ... with your answer.")
