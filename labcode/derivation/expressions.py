"""Expressions that stay as they were written, and their expansion into plain SymPy.

A page of formulas names its quantities: ``x_out`` stands for ``sigma(x_in)``, ``sigma`` for a formula. The classes here
keep what an author writes, factor by factor. :func:`unfold` replaces every name with its definition and takes every
partial derivative, until only plain SymPy is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache

import sympy
from sympy import Dummy, Expr, Indexed, KroneckerDelta, Symbol
from sympy.core.function import AppliedUndef
from sympy.printing.precedence import PRECEDENCE

from labcode.derivation.statement import StatementError, check_definitions, in_words, shown
from labcode.derivation.statement import expression as as_expression

#: The most terms of a sum whose limits are numbers.
MOST_TERMS = 1000


class Partial(Expr):
    """The partial derivative of a named quantity, kept as written until it is unfolded.

    ``Partial(f, v)`` means: expand ``f`` until it is a formula in ``v``, then differentiate with every other name in
    that formula held fixed.

    Raises
    ------
    TypeError : ``v`` is neither a symbol nor an indexed symbol such as ``z[k]``, or it is a whole number.

    >>> from sympy import symbols
    >>> y, x = symbols("y x", real=True)
    >>> unfold(Partial(y, x), {y: x**3})
    3*x**2
    """

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, function: Expr, variable: Expr) -> Partial:
        if not isinstance(variable, Symbol | Indexed):
            raise TypeError(
                f"The variable of a partial derivative is {variable!r}; it must be a symbol or an indexed symbol."
            )
        if variable.is_integer:
            raise TypeError(f"The variable of a partial derivative is {variable}, a whole number, which has no slope.")
        return Expr.__new__(cls, as_expression(function, "What a partial derivative is of"), variable)


class Product(Expr):
    """A product that keeps its factors in the order in which they were written."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, *factors: Expr) -> Product:
        return Expr.__new__(cls, *_parts(factors, "A product", "factor"))


class Total(Expr):
    """A sum that keeps its terms in the order in which they were written."""

    precedence = PRECEDENCE["Add"]

    def __new__(cls, *terms: Expr) -> Total:
        return Expr.__new__(cls, *_parts(terms, "A sum", "term"))


class Ratio(Expr):
    """A fraction that is not cancelled or simplified."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, numerator: Expr, denominator: Expr) -> Ratio:
        return Expr.__new__(cls, *_parts((numerator, denominator), "A fraction", "part"))


def _parts(parts: Iterable, whole: str, part: str) -> list[Expr]:
    found = [as_expression(each, f"A {part} of {whole.lower()}") for each in parts]
    if not found:
        raise StatementError(f"{whole} has no {part}s; it needs at least one.")
    return found


_WRITTEN = {
    Product: sympy.Mul,
    Total: sympy.Add,
    Ratio: lambda numerator, denominator: numerator / denominator,
}


def unfold(expression: Expr, definitions: Mapping | None = None, held: Collection = frozenset()) -> Expr:
    """Expand an expression until it contains no defined name and no :class:`Partial`.

    Parameters
    ----------
    expression : to expand.
    definitions : maps a symbol to its expression, and a function or an indexed base to a ``Lambda`` of its arguments
        or indices.
    held : names that are not replaced.

    Raises
    ------
    labcode.derivation.StatementError : a definition is malformed or refers to itself, or SymPy cannot expand.

    >>> from sympy import Function, Lambda, exp, symbols
    >>> x, u = symbols("x u", real=True)
    >>> sigma = Function("sigma")
    >>> unfold(sigma(2 * x), {sigma: Lambda(u, 1 / (1 + exp(-u)))})
    1/(1 + exp(-2*x))
    """
    if not isinstance(held, Collection):
        raise StatementError(f"held is {shown(held)}; it must be a set of names.")
    with in_words("Expanding an expression"):
        return _unfold(as_expression(expression, "The expression"), check_definitions(definitions), frozenset(held))


def _unfold(expression: Expr, definitions: Mapping, held: frozenset) -> Expr:
    if isinstance(expression, Partial):
        function, variable = expression.args
        written = _unfold(function, definitions, held | {_name(variable)})
        # The variable was held fixed; now it may be expanded as well.
        return _unfold(differentiate(written, variable), definitions, held)
    name = _name(expression)
    if name is not None and name in definitions and name not in held:
        meaning = definitions[name]
        if not isinstance(expression, Symbol):
            given = expression.indices if isinstance(expression, Indexed) else expression.args
            if len(given) not in meaning.nargs:
                raise StatementError(f"{expression} has {len(given)} arguments; its definition takes {meaning.nargs}.")
            meaning = meaning(*(_unfold(argument, definitions, held) for argument in given))
        return _unfold(meaning, definitions, held)
    if not expression.args or isinstance(expression, Indexed):
        return expression
    if isinstance(expression, sympy.Sum):
        if all(ends[1].is_Integer and ends[2].is_Integer for ends in expression.limits):
            return sympy.Add(*(_unfold(term, definitions, held) for term in _terms(expression)))
        # Rename the index, so that it cannot coincide with the variable of a derivative.
        renamed = {ends[0]: Dummy(ends[0].name, **ends[0].assumptions0) for ends in expression.limits}
        expression = expression.xreplace(renamed)
    rebuild = _WRITTEN.get(expression.func, expression.func)
    return rebuild(*(_unfold(argument, definitions, held) for argument in expression.args))


def _terms(node: sympy.Sum) -> list[Expr]:
    """The terms of a sum whose limits are numbers."""
    terms = [node.function]
    for index, low, high in node.limits:
        if len(terms) * (high - low) >= MOST_TERMS:
            raise StatementError(f"{node} has more than {MOST_TERMS} terms, which are too many to be written out.")
        terms = [t.subs(index, value) for t in terms for value in range(int(low), int(high) + 1)]
    return terms


def _name(expression: Expr) -> Expr | None:
    """The key under which ``definitions`` and ``held`` may contain an expression, or None."""
    if isinstance(expression, Indexed):
        return expression.base
    if isinstance(expression, AppliedUndef):
        return expression.func
    return expression if isinstance(expression, Symbol) else None


def differentiate(expression: Expr, variable: Expr) -> Expr:
    """Differentiate an expression that may contain sums over an index.

    An index in ``variable`` is assumed to lie within the limits of every sum, so that a sum over a Kronecker delta
    keeps exactly one term.

    >>> from sympy import IndexedBase, Sum, symbols
    >>> k, j, n = symbols("k j n", integer=True, positive=True)
    >>> z = IndexedBase("z", real=True)
    >>> differentiate(Sum(z[k] ** 2, (k, 1, n)), z[j])
    2*z[j]
    """
    if not isinstance(variable, Symbol | Indexed):
        raise StatementError(f"The variable is {shown(variable)}; it must be a symbol or an indexed symbol.")
    expression = as_expression(expression, "The expression to differentiate")
    with in_words(f"Differentiating {expression}"):
        return tidy_sums(_detach(sympy.diff(without_max(expression), variable)))


def _detach(expression: Expr) -> Expr:
    """Write the derivative of an unknown function as ``Subs``: its derivative, taken at a point.

    The point can be expanded further; the variable of a derivative cannot.
    """

    def detach(node: sympy.Derivative) -> sympy.Subs:
        places = {variable: Dummy("xi", real=True) for variable in dict.fromkeys(node.variables)}
        return sympy.Subs(node.xreplace(places), list(places.values()), list(places))

    unknown = [
        node
        for node in expression.atoms(sympy.Derivative)
        if isinstance(node.expr, AppliedUndef) and not any(isinstance(v, Dummy) for v in node.variables)
    ]
    return expression.xreplace({node: detach(node) for node in unknown})


def without_max(expression: Expr) -> Expr:
    """Write ``max(a, b)`` as ``(a + b + |a - b|) / 2``, and ``min(a, b)`` likewise.

    Assumes that the arguments are real, as they are wherever the maximum has a value. The derivative is then a sign,
    which is 0 at a tie, where the maximum has no derivative.

    >>> from sympy import Max, symbols
    >>> a, b = symbols("a b", real=True)
    >>> without_max(Max(a, b))
    a/2 + b/2 + Abs(a - b)/2
    """

    def rewrite(direction: int) -> Callable[..., Expr]:
        def pairwise(*arguments: Expr) -> Expr:
            first, *rest = arguments
            for other in rest:
                first = (first + other + direction * sympy.Abs(first - other)) / 2
            return first

        return pairwise

    return expression.replace(sympy.Max, rewrite(1)).replace(sympy.Min, rewrite(-1))


def tidy_sums(expression: Expr) -> Expr:
    """Split each sum into terms, move factors without its index outside, and resolve Kronecker deltas.

    Assumes that an index lies within the limits of every sum whose upper limit is a symbol (a number of terms).

    >>> from sympy import IndexedBase, Sum, symbols
    >>> k, j, n = symbols("k j n", integer=True, positive=True)
    >>> z = IndexedBase("z", real=True)
    >>> tidy_sums(Sum(2 * z[k] + KroneckerDelta(j, k) * z[k], (k, 1, n)))
    z[j] + 2*Sum(z[_k0], (_k0, 1, n))
    """
    return expression.replace(lambda node: isinstance(node, sympy.Sum), _tidy_sum)


@cache
def _index(depth: int, **promises: bool) -> Dummy:
    """The same index for every sum of one depth, so that equal sums compare equal; it is no symbol of the author's."""
    return Dummy(f"k{depth}", integer=True, **promises)


def _tidy_sum(node: sympy.Sum) -> Expr:
    if len(node.limits) != 1:
        return node
    index, low, high = node.limits[0]
    whole = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(node.function)):
        outside, inside = term.as_independent(index, as_Add=False)
        if (place := _place_of_delta(inside, index)) is not None and _within(place, low, high):
            whole += outside * inside.xreplace({KroneckerDelta(index, place): sympy.S.One}).xreplace({index: place})
        elif inside == 1 and (high - low + 1).is_nonnegative:  # a sum that ends before it begins is empty, not negative
            whole += outside * (high - low + 1)
        else:
            # An index that begins at 0 may be 0: it promises what the lower limit promises, and no more.
            promise = {} if not low.is_nonnegative else {"positive": True} if low.is_positive else {"nonnegative": True}
            common = _index(len(inside.atoms(sympy.Sum)), **promise)
            whole += outside * sympy.Sum(inside.xreplace({index: common}), (common, low, high))
    return whole


def _place_of_delta(product: Expr, index: Symbol) -> Expr | None:
    """Where the first Kronecker delta among the factors picks the index, or None."""
    for factor in sympy.Mul.make_args(product):
        if isinstance(factor, KroneckerDelta) and index in factor.args:
            (place,) = set(factor.args) - {index}
            return None if place.has(index) else place
    return None


def _within(place: Expr, low: Expr, high: Expr) -> bool:
    """Whether an index lies within limits: an index by itself is assumed not to exceed a number of terms."""
    reaches = (place.is_Symbol and high.is_Symbol) or (high - place).is_nonnegative
    return bool((place - low).is_nonnegative and reaches)


def confine(expression: Expr, distinct: Iterable[tuple], case: Mapping | None) -> Expr:
    """Restrict an expression to distinct indices and to a case.

    Parameters
    ----------
    expression : to restrict.
    distinct : pairs of indices that differ; their Kronecker delta is 0. Assumes that no pair is of equal indices.
    case : replaces variables, all at once. Assumes that what replaces a variable keeps the variable's assumptions.

    >>> from sympy import symbols
    >>> i, j = symbols("i j", integer=True)
    >>> x, t = symbols("x", real=True), symbols("t", positive=True)
    >>> confine(abs(x) + KroneckerDelta(i, j), distinct=[(i, j)], case={x: -t})
    t
    """
    for first, second in distinct:
        expression = expression.xreplace({KroneckerDelta(first, second): sympy.S.Zero})
    if case:
        expression = expression.subs(case, simultaneous=True)
    return tidy_sums(expression)
