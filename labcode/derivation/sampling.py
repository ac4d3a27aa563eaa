"""Compare two expressions to 50 digits, at random points and at the ends of their domain.

This shares with the proof only the expansion of expressions (:mod:`labcode.derivation.expressions`).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import mpmath
import sympy
from mpmath.libmp.libhyper import NoConvergence
from sympy import Dummy, Expr, Indexed, Lambda, Symbol
from sympy.core.function import AppliedUndef

from labcode.checks import whole_number
from labcode.derivation.expressions import confine, unfold
from labcode.derivation.statement import Name, Statement, StatementError, in_words, statement

Ends: TypeAlias = tuple[Expr, Expr]

#: Digits to which both sides are evaluated, and digits that must agree.
DIGITS = 50
AGREE = 45

#: Points that replace an infinite end of a domain, where every exponential has decayed, and the largest number of
#: working digits; points that need more are skipped. Points far out take the most time, and with more variables there
#: are more of them, so both are smaller for more than two variables.
FAR, MOST_DIGITS = (100, 1000), 1700
FAR_OF_MANY, MOST_DIGITS_OF_MANY = (50,), 600

#: What mpmath raises where a function has no value; a Piecewise without a default is None there.
NO_VALUE = (ZeroDivisionError, ValueError, TypeError, OverflowError, NoConvergence)

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

    @property
    def values(self) -> tuple[str, str]:
        """The two values, to 6 digits or to as many as it takes to tell them apart."""
        for digits in (6, 15, DIGITS):
            left, right = (_digits(value, digits) for value in (self.left, self.right))
            if left != right:
                break
        return left, right

    def __str__(self) -> str:
        left, right = self.values
        return f"A{self.where[1:]} the left side is {left}, the right side {right}."


def _digits(value: int | mpmath.mpf, digits: int = 6) -> str:
    if isinstance(value, int):
        return str(value)
    return "undefined" if mpmath.isnan(value) else mpmath.nstr(value, digits)


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
    Other whole numbers are also tried as -1 and as minus that number, where their assumptions allow. An unknown
    function is replaced with a random smooth one. The search stops at the first point where fewer than 45 digits agree.

    Parameters
    ----------
    left, right : the two sides.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    domain : maps a symbol or an indexed base to its two ends; by default they follow from the symbol's assumptions
        (positive: 0 to infinity). Every symbol must be known to be real.
    distinct : pairs of indices that get different numbers; pairs that occur on neither side are ignored.
    case : replaces a variable with an expression that confines it.
    points : the number of random points.
    seed : of the random points.

    Raises
    ------
    labcode.derivation.StatementError : a symbol is not known to be real, or the sides are malformed otherwise; at every
        point an exponential needs more working digits than are allowed (1700, or 600 with more than two variables); or
        the indices cannot all be ``distinct``, since each is tried only as the first and the last.

    >>> from sympy import exp, symbols
    >>> x = symbols("x", real=True)
    >>> tried, difference = sample(exp(x), exp(-x))
    >>> print(difference)  # doctest: +ELLIPSIS
    At x = ... the left side is ..., the right side ...
    >>> sample(exp(x) ** 2, exp(2 * x))[1] is None
    True
    """
    whole_number("points", points, at_least=1)
    chance = random.Random(whole_number("seed", seed))
    said = statement(left, right, definitions, domain, distinct, case)
    with in_words("Evaluating the two sides"):
        return _sample(said, points, chance)


def _sample(said: Statement, points: int, chance: random.Random) -> tuple[int, Difference | None]:
    choices = list(_choices(said))
    if not choices:
        pairs = ", ".join(f"{first} and {second}" for first, second in said.distinct)
        raise StatementError(
            f"The indices cannot all differ ({pairs}): each is tried only as 1 and as the number of terms."
        )
    tried = 0
    for numbers in choices:
        # Insert the numbers before expanding: sums are then added term by term and differentiated by concrete
        # variables, independently of how the proof treats a symbolic sum.
        concrete = {name: _with_numbers(meaning, numbers) for name, meaning in said.definitions.items()}
        case = {name: value.subs(numbers) for name, value in said.case.items()}
        left, right = (confine(unfold(s.subs(numbers), concrete), (), case) for s in (said.left, said.right))
        pair, names = _in_letters(_same_functions(left, right, chance))
        variables = list(names)
        functions = [sympy.lambdify(variables, side, modules="mpmath", cse=True) for side in pair]
        ends = [_ends(node, said.domain) for node in names.values()]
        needed = digits_needed(pair, variables)
        for values in _points(ends, max(3, points // len(choices)), chance):
            values = [_whole(value) if v.is_integer else value for v, value in zip(variables, values, strict=True)]
            digits = needed(values)
            if digits > (MOST_DIGITS if len(variables) <= 2 else MOST_DIGITS_OF_MANY):
                continue
            tried += 1
            here = [value_at(function, values, digits) for function in functions]
            if not _agree(*here):
                named = {v.name: mpmath.mpf(x) for v, x in zip(variables, values, strict=True)}
                sizes = {str(symbol): value for symbol, value in numbers.items()}
                return tried, Difference({**sizes, **named}, *here)
    if not tried:
        raise StatementError("No point could be tried: each needs more working digits than are allowed.")
    return tried, None


def _choices(said: Statement) -> Iterator[dict[Symbol, int]]:
    """Numbers for each whole number: for every size, the first and the last index; other numbers also below zero."""
    ends = {end for side in said.expressions for total in side.atoms(sympy.Sum) for e in total.limits for end in e[1:]}
    places = {index for side in said.expressions for node in side.atoms(Indexed) for index in node.indices}
    places |= {index for side in said.expressions for node in side.atoms(sympy.KroneckerDelta) for index in node.args}
    labels = {node.base.label for side in said.expressions for node in side.atoms(Indexed)}
    free = {s for side in said.expressions for s in side.free_symbols if isinstance(s, Symbol) and s.is_integer}
    integers = sorted(free - labels, key=str)
    sizes = [s for s in integers if s in ends]
    others = [s for s in integers if s not in ends]
    for size in SIZES if integers else SIZES[:1]:
        # An index lies within the limits of its sums; any other whole number may be negative.
        tried = [
            _allowed(s, said.domain, (1, size) if s in places else (-size, -1, 1, size), (-size - 1, size + 1))
            for s in others
        ]
        # Different sizes get different numbers, so that a matrix is not confused with its transpose.
        tried += [_allowed(s, said.domain, range(size + k, size + k + 10))[:1] for k, s in enumerate(sizes)]
        for choice in itertools.product(*tried):
            numbers = dict(zip([*others, *sizes], choice, strict=True))
            if all(numbers.get(first, first) != numbers.get(second, second) for first, second in said.distinct):
                yield numbers


def _allowed(symbol: Symbol, domain: Mapping[Name, Ends], *choices: Iterable[int]) -> list[int]:
    """The numbers of the first choice that keep what the symbol promises and lie in its domain, if there are any."""
    low, high = domain.get(symbol, (-sympy.oo, sympy.oo))
    promises = [(f"is_{fact}", value) for fact, value in symbol.assumptions0.items()]
    for choice in choices:
        inside = [number for number in choice if low <= number <= high]
        kept = [n for n in inside if all(getattr(sympy.Integer(n), fact, value) == value for fact, value in promises)]
        if kept:
            return kept
    raise StatementError(f"None of the whole numbers that are tried for {symbol} fits its assumptions and domain.")


def _with_numbers(meaning: Expr | Lambda, numbers: Mapping[Symbol, int]) -> Expr | Lambda:
    if not isinstance(meaning, Lambda):
        return meaning.subs(numbers)
    inside = {s: value for s, value in numbers.items() if s not in meaning.variables}
    return Lambda(meaning.signature, meaning.expr.subs(inside))


def _in_letters(pair: Iterable[Expr]) -> tuple[list[Expr], dict[Dummy, Expr]]:
    """Replace ``x[1]`` with a letter, which lambdify accepts, and so each symbol, whose name may be any text.

    Return the two sides, and what each letter stands for; the letters are sorted by name.
    """
    pair = list(pair)
    entries = {entry for side in pair for entry in side.atoms(Indexed)}
    names = {entry: f"{entry.base}_{'_'.join(map(str, entry.indices))}" for entry in entries}
    letters = {entry: Dummy(name, **entry.assumptions0) for entry, name in names.items()}
    # Derivatives and integrals that SymPy has left to do cannot be evaluated at a point.
    pair = [side.doit() if side.has(sympy.Derivative, sympy.Integral) else side for side in pair]
    pair = [side.xreplace(letters) for side in pair]
    symbols = {s for side in pair for s in side.free_symbols} - set(letters.values())
    letters |= {symbol: Dummy(symbol.name, **symbol.assumptions0) for symbol in symbols}
    meanings = {letter: node for node, letter in sorted(letters.items(), key=lambda item: (item[1].name, str(item[0])))}
    return [side.xreplace(letters) for side in pair], meanings


def _same_functions(left: Expr, right: Expr, chance: random.Random) -> tuple[Expr, Expr]:
    """Replace each unknown function with a random smooth function, the same on both sides."""
    applied = {node for side in (left, right) for node in side.atoms(AppliedUndef)}
    for function in sorted({node.func for node in applied}, key=str):
        arities = {len(node.args) for node in applied if node.func == function}
        if len(arities) > 1:
            raise StatementError(f"{function} is used with {' and with '.join(map(str, sorted(arities)))} arguments.")
        (arity,) = arities
        arguments = sympy.symbols(f"u0:{arity}", real=True)
        numbers = [sympy.Rational(chance.randint(1, 40), 20) for _ in range(2 * arity)]
        inside = sum(a * u for a, u in zip(numbers, arguments, strict=False))
        # A sine for curvature, and a linear part to keep the derivatives from vanishing.
        smooth = sympy.sin(inside) + 3 * sum(b * u for b, u in zip(numbers[arity:], arguments, strict=True))
        meaning = Lambda(arguments, smooth)
        left, right = (side.subs(function, meaning).doit(deep=True) for side in (left, right))
    return left, right


def _ends(variable: Expr, domain: Mapping[Name, Ends]) -> Ends:
    """The domain of a symbol or of an entry of an indexed base, by default what its assumptions allow."""
    for name in (variable, getattr(variable, "base", None)):
        if name in domain:
            return domain[name]
    zero = sympy.S.Zero
    return (zero if variable.is_nonnegative else -sympy.oo, zero if variable.is_nonpositive else sympy.oo)


def _whole(value: mpmath.mpf) -> mpmath.mpf:
    """A whole number near a value: away from 0, which its domain may exclude."""
    return mpmath.ceil(value) if value > 0 else mpmath.floor(value)


def _points(ends: list[Ends], count: int, chance: random.Random) -> Iterator[list]:
    """Random points, then each variable at each of its ends, then all variables at their ends together."""
    far = FAR if len(ends) <= 2 else FAR_OF_MANY

    def inside(low: Expr, high: Expr) -> mpmath.mpf:
        if low == -sympy.oo and high == sympy.oo:
            return mpmath.mpf(chance.choice((1, 1, 10)) * chance.gauss(0, 2))
        if high == sympy.oo:
            return _number(low) + mpmath.mpf(chance.expovariate(0.5))
        if low == -sympy.oo:
            return _number(high) - mpmath.mpf(chance.expovariate(0.5))
        low, high = _number(low), _number(high)
        return low + (high - low) * mpmath.mpf(chance.uniform(0.01, 0.99))

    def limits(low: Expr, high: Expr) -> list[mpmath.mpf]:
        """Near a finite end, and far from it (or from 0) towards an infinite one."""
        finite = [_number(end) for end in (low, high) if end.is_finite] or [mpmath.mpf(0)]
        with mpmath.workdps(2 * DIGITS):
            near = mpmath.mpf(10) ** -20 * (min(1, high - low) if high - low < sympy.oo else 1)
            lower = [finite[0] + near] if low.is_finite else [finite[0] - f for f in far]
            upper = [finite[-1] - near] if high.is_finite else [finite[-1] + f for f in far]
        return lower + upper

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


def _number(end: Expr) -> mpmath.mpf:
    """A finite end, such as pi, to more digits than are compared."""
    with mpmath.workdps(2 * DIGITS):
        return mpmath.mpf(str(sympy.N(end, 2 * DIGITS)))


def digits_needed(pair: list[Expr], variables: list[Symbol]) -> Callable[[Sequence[mpmath.mpf]], int]:
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
                # An exponent without a value needs no digits: the side has no value either.
                largest = max((abs(size) for size in sizes(*values) if mpmath.isfinite(size)), default=0)
            except NO_VALUE:
                return 120
            return 120 + int(1.5 * min(largest, MOST_DIGITS))

    return needed


def value_at(function: Callable, values: Sequence[mpmath.mpf], digits: int) -> mpmath.mpf:
    """Return the value to 50 digits, on which two working precisions agree, or NaN if there is none."""
    results = []
    for precision in (digits, 2 * digits):
        with mpmath.workdps(precision):
            try:
                results.append(mpmath.mpmathify(function(*values)))
            except NO_VALUE:
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
