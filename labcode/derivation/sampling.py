"""Compare two expressions to 50 digits, at random points and at the ends of their domain.

This shares with the proof only the expansion of expressions (:mod:`labcode.derivation.expressions`).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import mpmath
import sympy
from sympy import Expr, Indexed, IndexedBase, Lambda, Symbol
from sympy.core.function import AppliedUndef

from labcode.derivation.expressions import confine, unfold

#: Digits to which both sides are evaluated, and digits that must agree.
DIGITS = 50
AGREE = 45

#: Points that replace an infinite end of a domain, where every exponential has decayed, and the largest number of
#: working digits; points that need more are skipped. Points far out take the most time, and with more variables there
#: are more of them, so both are smaller for more than two variables.
FAR, MOST_DIGITS = (100, 1000), 1700
FAR_OF_MANY, MOST_DIGITS_OF_MANY = (50,), 600

#: Numbers tried for a symbolic number of terms, such as the n outputs of a softmax.
SIZES = (2, 3, 5)


@dataclass(frozen=True)
class Difference:
    """A point at which two expressions have different values, or at which one has none."""

    point: dict
    left: mpmath.mpf
    right: mpmath.mpf

    @property
    def where(self) -> str:
        """The point in words: "at x = 1.5, n = 3"."""
        values = ", ".join(f"{name} = {_digits(value)}" for name, value in self.point.items())
        return f"at {values or 'every point'}"

    def __str__(self) -> str:
        return f"A{self.where[1:]} the left side is {_digits(self.left)}, the right side {_digits(self.right)}."


def _digits(value: int | mpmath.mpf) -> str:
    return str(value) if isinstance(value, int) else mpmath.nstr(value, 6)


def sample(
    left: Expr,
    right: Expr,
    definitions: Mapping | None = None,
    *,
    domain: Mapping | None = None,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
    points: int = 12,
    seed: int = 0,
) -> tuple[int, Difference | None]:
    """Evaluate both sides to 50 digits; return the number of points tried, and the first difference or None.

    Random points are tried first, then the ends of the domain: a finite end is approached to within 1e-20, an infinite
    one replaced with 100 and 1000. A symbolic number of terms is tried as 2, 3 and 5, an index as 1 and as that number.
    An unknown function is replaced with a random smooth one. The search stops at the first point where fewer than
    45 digits agree.

    Parameters
    ----------
    left, right : the two sides.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    domain : maps a symbol or an indexed base to its two ends; by default they follow from the symbol's assumptions
        (positive: 0 to infinity).
    distinct : pairs of indices that get different numbers; pairs that occur on neither side are ignored.
    case : replaces a variable with an expression that confines it.
    points : the number of random points.
    seed : of the random points.

    Raises
    ------
    ValueError : at every point an exponential needs more working digits than are allowed (1700, or 600 with more than
        two variables); or the indices cannot all be ``distinct``, since each is tried only as the first and the last.

    >>> from sympy import exp, symbols
    >>> x = symbols("x", real=True)
    >>> tried, difference = sample(exp(x), exp(-x))
    >>> print(difference)  # doctest: +ELLIPSIS
    At x = ... the left side is ..., the right side ...
    >>> sample(exp(x) ** 2, exp(2 * x))[1] is None
    True
    """
    chance = random.Random(seed)
    domain = domain or {}
    distinct = tuple(distinct)
    choices = list(_choices(left, right, definitions or {}, distinct))
    if not choices:
        pairs = ", ".join(f"{first} and {second}" for first, second in distinct)
        raise ValueError(
            f"The indices cannot all differ ({pairs}): each is tried only as 1 and as the number of terms."
        )
    tried = 0
    for numbers in choices:
        # Insert the numbers before expanding: sums are then added term by term and differentiated by concrete
        # variables, independently of how the proof treats a symbolic sum.
        concrete = {name: _with_numbers(meaning, numbers) for name, meaning in (definitions or {}).items()}
        first, second = (confine(unfold(sympy.sympify(s).subs(numbers), concrete), (), case) for s in (left, right))
        pair = [_index_free(side) for side in _same_functions(first, second, chance)]
        variables = sorted(set().union(*(side.free_symbols for side in pair)), key=str)
        functions = [sympy.lambdify(variables, side, modules="mpmath", cse=True) for side in pair]
        ends = [_ends(variable, domain) for variable in variables]
        needed = _digits_needed(pair, variables)
        for values in _points(ends, max(3, points // len(choices)), chance):
            digits = needed(values)
            if digits > (MOST_DIGITS if len(variables) <= 2 else MOST_DIGITS_OF_MANY):
                continue
            tried += 1
            here = [_value(function, values, digits) for function in functions]
            if not _agree(*here):
                named = {str(v): mpmath.mpf(x) for v, x in zip(variables, values, strict=True)}
                sizes = {str(symbol): value for symbol, value in numbers.items()}
                return tried, Difference({**sizes, **named}, *here)
    if not tried:
        raise ValueError("No point could be tried: each needs more working digits than are allowed.")
    return tried, None


def _choices(left: Expr, right: Expr, definitions: Mapping, distinct: Sequence[tuple]) -> Iterator[dict[Symbol, int]]:
    """Numbers for each symbolic size and index: for every size, the first and the last index."""
    expressions = [sympy.sympify(side) for side in (left, right)]
    everything = [*expressions, *map(sympy.sympify, definitions.values())]
    limits = {end for side in everything for node in side.atoms(sympy.Sum) for ends in node.limits for end in ends[1:]}
    integers = sorted({s for side in everything for s in side.free_symbols if s.is_integer}, key=str)
    integers = [s for s in integers if isinstance(s, Symbol)]
    sizes = [s for s in integers if s in limits]
    indices = [s for s in integers if s not in limits]
    if not integers:
        yield {}
        return
    for size in SIZES:
        for choice in itertools.product((1, size), repeat=len(indices)):
            # Different sizes get different numbers, so that a matrix is not confused with its transpose.
            numbers = dict(zip(indices, choice, strict=True)) | {s: size + k for k, s in enumerate(sizes)}
            if all(
                numbers[first] != numbers[second] for first, second in distinct if {first, second} <= numbers.keys()
            ):
                yield numbers


def _with_numbers(meaning: Expr | Lambda, numbers: Mapping[Symbol, int]) -> Expr | Lambda:
    if not isinstance(meaning, Lambda):
        return sympy.sympify(meaning).subs(numbers)
    inside = {s: value for s, value in numbers.items() if s not in meaning.variables}
    return Lambda(meaning.signature, meaning.expr.subs(inside))


def _index_free(expression: Expr) -> Expr:
    """Replace ``x[1]`` with a plain symbol, which lambdify accepts."""
    names = {
        node: Symbol(f"{node.base}_{'_'.join(map(str, node.indices))}", **node.assumptions0)
        for node in expression.atoms(Indexed)
    }
    return expression.xreplace(names)


def _same_functions(left: Expr, right: Expr, chance: random.Random) -> tuple[Expr, Expr]:
    """Replace each unknown function with a random smooth function, the same on both sides."""
    unknown = sorted({node.func for side in (left, right) for node in side.atoms(AppliedUndef)}, key=str)
    for function in unknown:
        arity = {
            len(node.args) for side in (left, right) for node in side.atoms(AppliedUndef) if node.func == function
        }.pop()
        arguments = sympy.symbols(f"u0:{arity}", real=True)
        numbers = [sympy.Rational(chance.randint(1, 40), 20) for _ in range(2 * arity)]
        inside = sum(a * u for a, u in zip(numbers, arguments, strict=False))
        # A sine for curvature, and a linear part to keep the derivatives from vanishing.
        smooth = sympy.sin(inside) + 3 * sum(b * u for b, u in zip(numbers[arity:], arguments, strict=True))
        meaning = Lambda(arguments, smooth)
        left, right = (side.subs(function, meaning).doit(deep=True) for side in (left, right))
    return left, right


def _ends(variable: Symbol, domain: Mapping) -> tuple:
    for key, ends in domain.items():
        name = str(key.args[0]) if isinstance(key, IndexedBase) else None
        if key == variable or (name and str(variable).startswith(f"{name}_")):
            return ends
    if variable.is_positive:
        return (0, sympy.oo)
    if variable.is_negative:
        return (-sympy.oo, 0)
    return (-sympy.oo, sympy.oo)


def _points(ends: list[tuple], count: int, chance: random.Random) -> Iterator[list]:
    """Random points, then each variable at each of its ends, then all variables at their ends together."""
    far = FAR if len(ends) <= 2 else FAR_OF_MANY

    def inside(low: Expr, high: Expr) -> mpmath.mpf:
        if low == -sympy.oo and high == sympy.oo:
            return mpmath.mpf(chance.choice((1, 1, 10)) * chance.gauss(0, 2))
        if high == sympy.oo:
            return mpmath.mpf(str(low)) + mpmath.mpf(chance.expovariate(0.5))
        if low == -sympy.oo:
            return mpmath.mpf(str(high)) - mpmath.mpf(chance.expovariate(0.5))
        low, high = mpmath.mpf(str(low)), mpmath.mpf(str(high))
        return low + (high - low) * mpmath.mpf(chance.uniform(0.01, 0.99))

    def limits(low: Expr, high: Expr) -> list[mpmath.mpf]:
        with mpmath.workdps(DIGITS):
            near = mpmath.mpf(10) ** -20
            lower = [-f for f in far] if low == -sympy.oo else [mpmath.mpf(str(low)) + near]
            upper = list(far) if high == sympy.oo else [mpmath.mpf(str(high)) - near]
        return [*map(mpmath.mpf, lower), *map(mpmath.mpf, upper)]

    for _ in range(count):
        yield [inside(*pair) for pair in ends]
    for position, pair in enumerate(ends):
        for limit in limits(*pair):
            values = [inside(*other) for other in ends]
            values[position] = limit
            yield values
    if len(ends) > 1:
        yield [limits(*pair)[0] for pair in ends]
        yield [limits(*pair)[-1] for pair in ends]


def _digits_needed(pair: list[Expr], variables: list[Symbol]) -> Callable[[Sequence[mpmath.mpf]], int]:
    """Return a function that gives the working digits needed at a point.

    An exponent of size m gives factors as small as exp(-m), about 10^(-0.43 m). Products of three of them must remain
    visible beside numbers of size 1, as in 1 - sigma(1000). That takes 1.5 m digits, plus a reserve.
    """
    growing = (sympy.exp, sympy.tanh, sympy.sinh, sympy.cosh)
    exponents = [node.args[0] for side in pair for node in side.atoms(*growing)]
    sizes = sympy.lambdify(variables, exponents, modules="mpmath")

    def needed(values: Sequence[mpmath.mpf]) -> int:
        with mpmath.workdps(15):
            try:
                return 120 + int(1.5 * max((abs(size) for size in sizes(*values)), default=0))
            except ZeroDivisionError:
                return 120

    return needed


def _value(function: Callable, values: Sequence[mpmath.mpf], digits: int) -> mpmath.mpf:
    """Return the value to 50 digits, on which two working precisions agree, or NaN if there is none."""
    results = []
    for precision in (digits, 2 * digits):
        with mpmath.workdps(precision):
            try:
                results.append(mpmath.mpmathify(function(*values)))
            except (ZeroDivisionError, ValueError):
                return mpmath.nan
    coarse, fine = results
    # `digits` is chosen so that no true value is this small: it is the rounding error of a zero.
    if abs(fine) < mpmath.mpf(10) ** -digits:
        return mpmath.mpf(0)
    return fine if _agree(coarse, fine, DIGITS) else mpmath.nan


def _agree(first: mpmath.mpf, second: mpmath.mpf, digits: int = AGREE) -> bool:
    if not (mpmath.isfinite(first) and mpmath.isfinite(second)):
        return False
    with mpmath.workdps(2 * DIGITS):
        return abs(first - second) <= max(abs(first), abs(second)) / 10**digits
