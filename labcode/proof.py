"""Prove that two expressions are equal, or find a point where they differ.

A page of formulas names its quantities: ``x_out`` stands for ``sigma(x_in)``, ``sigma`` for a
formula. :func:`unfold` writes such an expression out, partial derivatives included; then
:func:`prove_equal` decides the equality by exact algebra and :func:`sample` evaluates both sides
to 50 digits at random points and at the edges of the domain. The two are independent: one never
uses the other's result.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import mpmath
import sympy
from sympy import Expr, Indexed, IndexedBase, KroneckerDelta, Lambda, Symbol
from sympy.concrete.delta import deltasummation
from sympy.core.function import AppliedUndef
from sympy.printing.precedence import PRECEDENCE

#: Digits to which both sides are evaluated, and the digits that have to agree.
DIGITS = 50
AGREE = 45

#: What stands for an infinite end of a domain: so far out that every exponential has died; and the most
#: working digits that a point may take, else it is left out. Many variables have many edges, and far-out
#: points are what costs time, so with more than two variables both are smaller.
FAR, MOST_DIGITS = (100, 1000), 1700
FAR_OF_MANY, MOST_DIGITS_OF_MANY = (50,), 600

#: Sizes tried for a symbolic number of terms (n outputs of a softmax).
SIZES = (2, 3, 5)


# Expressions that stay as they are written ----------------------------------------------------


class Partial(Expr):
    """The partial derivative of a named quantity, left as it is written until it is unfolded.

    ``Partial(f, v)`` means: write ``f`` out in terms of ``v``, hold everything on the same level
    as ``v`` fixed, differentiate.

    >>> from sympy import symbols
    >>> y, x = symbols("y x", real=True)
    >>> unfold(Partial(y, x), {y: x**3})
    3*x**2
    """

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, function, variable):
        if not isinstance(variable, Symbol | Indexed):
            raise TypeError(
                f"A partial derivative is taken with respect to a symbol or an indexed symbol, not {variable!r}."
            )
        return Expr.__new__(cls, sympy.sympify(function), variable)


class Product(Expr):
    """A product whose factors keep the order in which they were written."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, *factors):
        return Expr.__new__(cls, *map(sympy.sympify, factors))


class Total(Expr):
    """A sum whose terms keep the order in which they were written."""

    precedence = PRECEDENCE["Add"]

    def __new__(cls, *terms):
        return Expr.__new__(cls, *map(sympy.sympify, terms))


class Ratio(Expr):
    """A fraction whose numerator and denominator stay apart."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, numerator, denominator):
        return Expr.__new__(cls, sympy.sympify(numerator), sympy.sympify(denominator))


_WRITTEN = {
    Product: sympy.Mul,
    Total: sympy.Add,
    Ratio: lambda numerator, denominator: numerator / denominator,
}


# Writing out ----------------------------------------------------------------------------------


def unfold(expression, definitions: Mapping | None = None, held: frozenset = frozenset()) -> Expr:
    """Write an expression out until no defined name and no :class:`Partial` is left in it.

    ``definitions`` maps a symbol to its expression, and a function or an indexed base to a
    ``Lambda`` of its arguments or indices. Names in ``held`` are not replaced.

    >>> from sympy import Function, Lambda, exp, symbols
    >>> x, u = symbols("x u", real=True)
    >>> sigma = Function("sigma")
    >>> unfold(sigma(2 * x), {sigma: Lambda(u, 1 / (1 + exp(-u)))})
    1/(1 + exp(-2*x))
    """
    definitions = definitions or {}
    if isinstance(expression, Partial):
        function, variable = expression.args
        written = unfold(function, definitions, held | {_name(variable)})
        # What has just been differentiated may itself be a defined quantity.
        return unfold(differentiate(written, variable), definitions, held)
    name = _name(expression)
    if name is not None and name in definitions and name not in held:
        meaning = definitions[name]
        if isinstance(expression, AppliedUndef):
            meaning = meaning(*(unfold(a, definitions, held) for a in expression.args))
        elif isinstance(expression, Indexed):
            meaning = meaning(*expression.indices)
        return unfold(meaning, definitions, held)
    if not expression.args or isinstance(expression, Indexed):
        return expression
    if isinstance(expression, sympy.Sum):
        if all(ends[1].is_Integer and ends[2].is_Integer for ends in expression.limits):
            return sympy.Add(*(unfold(term, definitions, held) for term in _terms(expression)))
        # Its index gets a name of its own, which no variable of a derivative can share.
        renamed = {ends[0]: sympy.Dummy(ends[0].name, **ends[0].assumptions0) for ends in expression.limits}
        expression = expression.xreplace(renamed)
    rebuild = _WRITTEN.get(expression.func, expression.func)
    return rebuild(*(unfold(argument, definitions, held) for argument in expression.args))


def _terms(node: sympy.Sum) -> list[Expr]:
    """The terms of a sum whose ends are numbers."""
    terms = [node.function]
    for index, low, high in node.limits:
        terms = [t.subs(index, value) for t in terms for value in range(int(low), int(high) + 1)]
    return terms


def _name(expression):
    """What ``definitions`` and ``held`` know an expression by, or None."""
    if isinstance(expression, Indexed):
        return expression.base
    if isinstance(expression, AppliedUndef):
        return expression.func
    return expression if isinstance(expression, Symbol) else None


def differentiate(expression: Expr, variable) -> Expr:
    """Differentiate, sums over an index included.

    An index that is named in ``variable`` is taken to lie within every sum's limits, so that a
    sum over a Kronecker delta keeps exactly one term.

    >>> from sympy import IndexedBase, Sum, symbols
    >>> k, j, n = symbols("k j n", integer=True, positive=True)
    >>> z = IndexedBase("z", real=True)
    >>> differentiate(Sum(z[k] ** 2, (k, 1, n)), z[j])
    2*z[j]
    """
    return _tidy_sums(_detach(sympy.diff(_without_max(expression), variable)))


def _detach(expression: Expr) -> Expr:
    """Write the slope of an unknown function as "its slope, at this point".

    The point can then be written out further, which the variable of a derivative cannot.
    """

    def detach(node):
        variable, place = node.variables[0], sympy.Dummy("xi", real=True)
        return sympy.Subs(node.xreplace({variable: place}), place, variable)

    unknown = [
        node
        for node in expression.atoms(sympy.Derivative)
        if isinstance(node.expr, AppliedUndef) and not isinstance(node.variables[0], sympy.Dummy)
    ]
    return expression.xreplace({node: detach(node) for node in unknown})


def _without_max(expression: Expr) -> Expr:
    """Write max(a, b) as (a + b + |a - b|) / 2, and min(a, b) likewise, for real numbers.

    Its derivative is then a sign, which says nothing at a tie, as it must be.
    """

    def rewrite(direction):
        def pairwise(*arguments):
            first, *rest = arguments
            for other in rest:
                first = (first + other + direction * sympy.Abs(first - other)) / 2
            return first

        return pairwise

    return expression.replace(sympy.Max, rewrite(1)).replace(sympy.Min, rewrite(-1))


def _tidy_sums(expression: Expr) -> Expr:
    """Split each sum into terms, pull out what its index does not touch, resolve its deltas."""
    return expression.replace(lambda node: isinstance(node, sympy.Sum), _tidy_sum)


def _tidy_sum(node: sympy.Sum) -> Expr:
    if len(node.limits) != 1:
        return node
    index, low, high = node.limits[0]
    whole = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(node.function)):
        outside, inside = term.as_independent(index, as_Add=False)
        if inside.has(KroneckerDelta):
            whole += outside * deltasummation(inside, (index, low, high), no_piecewise=True)
        elif inside == 1:
            whole += outside * (high - low + 1)
        else:
            # One name for every sum's index, so that equal sums look equal.
            depth = len(inside.atoms(sympy.Sum))
            common = Symbol(f"_k{depth}", integer=True, positive=True)
            whole += outside * sympy.Sum(inside.xreplace({index: common}), (common, low, high))
    return whole


# Proof ----------------------------------------------------------------------------------------


def prove_equal(
    left,
    right,
    definitions: Mapping | None = None,
    *,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
) -> str | None:
    """Prove ``left == right``; return the name of the strategy that did it, or None.

    The strategies, in this order, each of them exact:

    1. *rational identity*: write both sides out, express hyperbolic functions by exponentials,
       take every exponential, root, sum and unknown function as a letter of its own, and bring
       the difference to one fraction. It is zero when the numerator's expansion is zero, after
       the n-th power of an n-th root is put back. An absolute value is its sign times its
       content, off the tie. Where a Kronecker delta occurs, this is done once for equal and once
       for distinct indices.
    2. *simplification*: SymPy's ``simplify`` brings the difference to the literal 0.

    ``distinct`` lists pairs of indices known to differ. ``case`` replaces a variable by an
    expression that confines it, as ``{x: t}`` with a positive symbol ``t``.

    None means "not proved"; it does not mean "false".

    >>> from sympy import cosh, symbols
    >>> x = symbols("x", real=True)
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 - 1)
    'rational identity'
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 + 1) is None
    True
    """
    difference = _confine(unfold(sympy.sympify(left), definitions), distinct, case) - _confine(
        unfold(sympy.sympify(right), definitions), distinct, case
    )
    difference = _without_max(difference)
    if all(_is_rational_zero(branch) for branch in _split_deltas(difference)):
        return "rational identity"
    if sympy.simplify(difference) == 0:
        return "simplification"
    return None


def _confine(expression: Expr, distinct, case) -> Expr:
    for first, second in distinct:
        expression = expression.xreplace({KroneckerDelta(first, second): sympy.S.Zero})
    if case:
        expression = expression.subs(case, simultaneous=True)
    return _tidy_sums(expression)


def _split_deltas(expression: Expr) -> Iterator[Expr]:
    deltas = sorted(expression.atoms(KroneckerDelta), key=str)
    if not deltas:
        yield expression
        return
    first, second = deltas[0].args
    yield from _split_deltas(_tidy_sums(expression.subs(second, first)))
    yield from _split_deltas(expression.xreplace({deltas[0]: sympy.S.Zero}))


def _is_rational_zero(expression: Expr) -> bool:
    expression = expression.rewrite([sympy.tanh, sympy.sinh, sympy.cosh, sympy.coth, sympy.sech], sympy.exp)
    letters: dict[Expr, Symbol] = {}
    relations: dict[Symbol, Expr] = {}  # letter -> polynomial in it that is zero

    def letter(kernel: Expr) -> Symbol:
        return letters.setdefault(kernel, sympy.Dummy(f"l{len(letters)}"))

    def sign(argument: Expr) -> Expr:
        if argument.could_extract_minus_sign():
            return -sign(-argument)
        mark = letter(sympy.Function("sign")(argument))
        relations[mark] = mark**2 - 1
        return mark

    def spell(node: Expr) -> Expr:
        """The node as a rational expression in letters."""
        if node.is_Number or node.is_Symbol:
            return node
        if isinstance(node, sympy.exp):
            spelled = sympy.S.One
            # exp(2 a - b) = exp(a)^2 / exp(b): independent letters for independent exponents.
            for term in sympy.Add.make_args(sympy.expand(node.args[0])):
                number, rest = term.as_coeff_Mul()
                power, rest = (number, rest) if number.is_Integer else (sympy.S.One, term)
                spelled *= letter(sympy.exp(rest)) ** power
            return spelled
        if node.is_Add or node.is_Mul:
            return node.func(*map(spell, node.args))
        if node.is_Pow and node.exp.is_Integer:
            return spell(node.base) ** node.exp
        if node.is_Pow and node.exp.is_Rational:
            root = letter(node.base ** sympy.Rational(1, node.exp.q))
            relations[root] = root**node.exp.q - spell(node.base)
            return root**node.exp.p
        if isinstance(node, sympy.Abs):
            return sign(node.args[0]) * spell(node.args[0])
        if isinstance(node, sympy.sign):
            return sign(node.args[0])
        return letter(node)

    numerator, _ = sympy.fraction(sympy.together(spell(expression)))
    numerator = sympy.expand(numerator)
    for mark, relation in relations.items():
        if numerator.has(mark):
            relation, _ = sympy.fraction(sympy.together(relation))
            numerator = sympy.expand(sympy.prem(numerator, relation, mark))
    return numerator == 0


# Sampling -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A point at which two expressions have different values, or one has none."""

    point: dict
    left: mpmath.mpf
    right: mpmath.mpf

    @property
    def where(self) -> str:
        """The point, in words: "at x = 1.5, n = 3"."""
        values = ", ".join(f"{name} = {_digits(value)}" for name, value in self.point.items())
        return f"at {values or 'every point'}"

    def __str__(self):
        return f"A{self.where[1:]} the left side is {_digits(self.left)}, the right side {_digits(self.right)}."


def _digits(value) -> str:
    return str(value) if isinstance(value, int) else mpmath.nstr(value, 6)


def sample(
    left,
    right,
    definitions: Mapping | None = None,
    *,
    domain: Mapping | None = None,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
    points: int = 12,
    seed: int = 0,
) -> tuple[int, Difference | None]:
    """Evaluate both sides to 50 digits; return how many points were tried, and a difference.

    ``domain`` maps a symbol or an indexed base to its two ends; without it the ends follow from
    the symbol's assumptions (positive: 0 to infinity). Tried are ``points`` random points, then
    the ends: a finite end is approached to 1e-20, an infinite one replaced by 100 and 1000. A
    symbolic number of terms is tried as 2, 3 and 5. An unknown function is replaced by a random
    smooth one. The first point where fewer than 45 digits agree ends the search.

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
    choices = list(_choices(left, right, definitions or {}, distinct))
    tried = 0
    for numbers in choices:
        # Numbers first, then the writing out: sums are added up term by term and differentiated
        # by concrete variables, so nothing here rests on how the proof treats a symbolic sum.
        concrete = {name: _with_numbers(meaning, numbers) for name, meaning in (definitions or {}).items()}
        pair = [_confine(unfold(sympy.sympify(side).subs(numbers), concrete), (), case) for side in (left, right)]
        pair = [_index_free(side) for side in _same_functions(*pair, chance)]
        variables = sorted(set().union(*(side.free_symbols for side in pair)), key=str)
        functions = [sympy.lambdify(variables, side, modules="mpmath", cse=True) for side in pair]
        ends = [_ends(variable, domain) for variable in variables]
        needed = _digits_needed(pair, variables)
        for values in _points(ends, max(3, points // len(choices)), chance):
            digits = needed(values)
            if digits > (MOST_DIGITS if len(variables) <= 2 else MOST_DIGITS_OF_MANY):
                continue  # too far out to be computed
            tried += 1
            here = [_value(function, values, digits) for function in functions]
            if not _agree(*here):
                named = {str(v): mpmath.mpf(x) for v, x in zip(variables, values, strict=True)}
                sizes = {str(symbol): value for symbol, value in numbers.items()}
                return tried, Difference({**sizes, **named}, *here)
    if not tried:
        raise ValueError("No point could be tried: every one needs more digits than can be computed.")
    return tried, None


def _choices(left, right, definitions, distinct) -> Iterator[dict]:
    """Numbers for every symbolic size and index: each size with its first and last index."""
    expressions = [sympy.sympify(side) for side in (left, right)]
    everything = [*expressions, *map(sympy.sympify, definitions.values())]
    limits = {end for side in everything for node in side.atoms(sympy.Sum) for end in node.limits[0][1:]}
    integers = sorted({s for side in everything for s in side.free_symbols if s.is_integer}, key=str)
    integers = [s for s in integers if isinstance(s, Symbol)]
    sizes = [s for s in integers if s in limits]
    indices = [s for s in integers if s not in limits]
    if not integers:
        yield {}
        return
    for size in SIZES:
        for choice in itertools.product((1, size), repeat=len(indices)):
            # Two sizes differ, so that a matrix is not taken for its transpose.
            numbers = dict(zip(indices, choice, strict=True)) | {s: size + k for k, s in enumerate(sizes)}
            if all(numbers[first] != numbers[second] for first, second in distinct):
                yield numbers


def _with_numbers(meaning, numbers):
    if not isinstance(meaning, Lambda):
        return sympy.sympify(meaning).subs(numbers)
    inside = {s: value for s, value in numbers.items() if s not in meaning.variables}
    return Lambda(meaning.signature, meaning.expr.subs(inside))


def _index_free(expression: Expr) -> Expr:
    """``x[1]`` as a plain symbol, which lambdify can take."""
    names = {
        node: Symbol(f"{node.base}_{'_'.join(map(str, node.indices))}", **node.assumptions0)
        for node in expression.atoms(Indexed)
    }
    return expression.xreplace(names)


def _same_functions(left, right, chance):
    """Replace each unknown function by one random smooth function, the same on both sides."""
    unknown = sorted({node.func for side in (left, right) for node in side.atoms(AppliedUndef)}, key=str)
    for function in unknown:
        arity = {
            len(node.args) for side in (left, right) for node in side.atoms(AppliedUndef) if node.func == function
        }.pop()
        arguments = sympy.symbols(f"u0:{arity}", real=True)
        numbers = [sympy.Rational(chance.randint(1, 40), 20) for _ in range(2 * arity)]
        inside = sum(a * u for a, u in zip(numbers, arguments, strict=False))
        # A sine for curvature, and a linear part so that no derivative vanishes.
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
    """Random points, then each variable at each of its edges, then the common corners."""
    far = FAR if len(ends) <= 2 else FAR_OF_MANY

    def inside(low, high):
        if low == -sympy.oo and high == sympy.oo:
            return mpmath.mpf(chance.choice((1, 1, 10)) * chance.gauss(0, 2))
        if high == sympy.oo:
            return mpmath.mpf(int(low)) + mpmath.mpf(chance.expovariate(0.5))
        if low == -sympy.oo:
            return mpmath.mpf(int(high)) - mpmath.mpf(chance.expovariate(0.5))
        low, high = mpmath.mpf(str(low)), mpmath.mpf(str(high))
        return low + (high - low) * mpmath.mpf(chance.uniform(0.01, 0.99))

    def edges(low, high):
        with mpmath.workdps(DIGITS):
            near = mpmath.mpf(10) ** -20
            lower = [-f for f in far] if low == -sympy.oo else [mpmath.mpf(str(low)) + near]
            upper = list(far) if high == sympy.oo else [mpmath.mpf(str(high)) - near]
        return [*map(mpmath.mpf, lower), *map(mpmath.mpf, upper)]

    for _ in range(count):
        yield [inside(*pair) for pair in ends]
    for position, pair in enumerate(ends):
        for edge in edges(*pair):
            values = [inside(*other) for other in ends]
            values[position] = edge
            yield values
    if len(ends) > 1:
        yield [edges(*pair)[0] for pair in ends]
        yield [edges(*pair)[-1] for pair in ends]


def _digits_needed(pair: list[Expr], variables: list[Symbol]):
    """A function of the point: working digits in which no exponential drowns beside 1.

    An exponent of size m makes factors down to exp(-m), 10^(-0.43 m); products of three of them must
    still be seen next to numbers of size 1, as in 1 - sigma(1000). So 1.5 m digits, and a reserve.
    """
    growing = (sympy.exp, sympy.tanh, sympy.sinh, sympy.cosh)
    exponents = [node.args[0] for side in pair for node in side.atoms(*growing)]
    sizes = sympy.lambdify(variables, exponents, modules="mpmath")

    def needed(values) -> int:
        with mpmath.workdps(15):
            try:
                return 120 + int(1.5 * max((abs(size) for size in sizes(*values)), default=0))
            except ZeroDivisionError:
                return 120

    return needed


def _value(function, values, digits: int):
    """The value to 50 correct digits: two working precisions agree on it, or both only see noise.

    NaN where it has no value.
    """
    results = []
    for precision in (digits, 2 * digits):
        with mpmath.workdps(precision):
            try:
                results.append(mpmath.mpmathify(function(*values)))
            except (ZeroDivisionError, ValueError):
                return mpmath.nan
    coarse, fine = results
    # By the choice of digits no true value is this small; what is left is the rounding of a zero.
    if abs(fine) < mpmath.mpf(10) ** -digits:
        return mpmath.mpf(0)
    return fine if _agree(coarse, fine, DIGITS) else mpmath.nan


def _agree(first, second, digits: int = AGREE) -> bool:
    if not (mpmath.isfinite(first) and mpmath.isfinite(second)):
        return False
    with mpmath.workdps(2 * DIGITS):
        return abs(first - second) <= max(abs(first), abs(second)) / 10**digits
