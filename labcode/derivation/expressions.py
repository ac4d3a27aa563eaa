"""Expressions that stay as they were written, and their expansion into plain SymPy.

A page of formulas names its quantities: ``x_out`` stands for ``sigma(x_in)``, ``sigma`` for a formula. The classes here
keep what an author writes, factor by factor. :func:`unfold` replaces every name with its definition and takes every
partial derivative, until only plain SymPy is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import sympy
from sympy import Expr, Indexed, KroneckerDelta, Symbol
from sympy.concrete.delta import deltasummation
from sympy.core.function import AppliedUndef
from sympy.printing.precedence import PRECEDENCE


class Partial(Expr):
    """The partial derivative of a named quantity, kept as written until it is unfolded.

    ``Partial(f, v)`` means: expand ``f`` until it is a formula in ``v``, then differentiate with every other name in
    that formula held fixed.

    Raises
    ------
    TypeError : ``v`` is neither a symbol nor an indexed symbol such as ``z[k]``.

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
        return Expr.__new__(cls, sympy.sympify(function), variable)


class Product(Expr):
    """A product that keeps its factors in the order in which they were written."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, *factors: Expr) -> Product:
        return Expr.__new__(cls, *map(sympy.sympify, factors))


class Total(Expr):
    """A sum that keeps its terms in the order in which they were written."""

    precedence = PRECEDENCE["Add"]

    def __new__(cls, *terms: Expr) -> Total:
        return Expr.__new__(cls, *map(sympy.sympify, terms))


class Ratio(Expr):
    """A fraction that is not cancelled or simplified."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, numerator: Expr, denominator: Expr) -> Ratio:
        return Expr.__new__(cls, sympy.sympify(numerator), sympy.sympify(denominator))


_WRITTEN = {
    Product: sympy.Mul,
    Total: sympy.Add,
    Ratio: lambda numerator, denominator: numerator / denominator,
}


def unfold(expression: Expr, definitions: Mapping | None = None, held: frozenset = frozenset()) -> Expr:
    """Expand an expression until it contains no defined name and no :class:`Partial`.

    Parameters
    ----------
    expression : to expand.
    definitions : maps a symbol to its expression, and a function or an indexed base to a ``Lambda`` of its arguments
        or indices.
    held : names that are not replaced.

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
        # The variable was held fixed; now it may be expanded as well.
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
        # Rename the index, so that it cannot coincide with the variable of a derivative.
        renamed = {ends[0]: sympy.Dummy(ends[0].name, **ends[0].assumptions0) for ends in expression.limits}
        expression = expression.xreplace(renamed)
    rebuild = _WRITTEN.get(expression.func, expression.func)
    return rebuild(*(unfold(argument, definitions, held) for argument in expression.args))


def _terms(node: sympy.Sum) -> list[Expr]:
    """The terms of a sum whose limits are numbers."""
    terms = [node.function]
    for index, low, high in node.limits:
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
    return tidy_sums(_detach(sympy.diff(without_max(expression), variable)))


def _detach(expression: Expr) -> Expr:
    """Write the derivative of an unknown function as ``Subs``: its derivative, taken at a point.

    The point can be expanded further; the variable of a derivative cannot.
    """

    def detach(node: sympy.Derivative) -> sympy.Subs:
        variable, place = node.variables[0], sympy.Dummy("xi", real=True)
        return sympy.Subs(node.xreplace({variable: place}), place, variable)

    unknown = [
        node
        for node in expression.atoms(sympy.Derivative)
        if isinstance(node.expr, AppliedUndef) and not isinstance(node.variables[0], sympy.Dummy)
    ]
    return expression.xreplace({node: detach(node) for node in unknown})


def without_max(expression: Expr) -> Expr:
    """Write ``max(a, b)`` as ``(a + b + |a - b|) / 2``, and ``min(a, b)`` likewise, for real numbers.

    The derivative is then a sign, which is undefined at a tie, where the maximum has no derivative.

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

    >>> from sympy import IndexedBase, Sum, symbols
    >>> k, j, n = symbols("k j n", integer=True, positive=True)
    >>> z = IndexedBase("z", real=True)
    >>> tidy_sums(Sum(2 * z[k] + KroneckerDelta(j, k) * z[k], (k, 1, n)))
    z[j] + 2*Sum(z[_k0], (_k0, 1, n))
    """
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
            # The same index name for every sum, so that equal sums compare equal.
            depth = len(inside.atoms(sympy.Sum))
            common = Symbol(f"_k{depth}", integer=True, positive=True)
            whole += outside * sympy.Sum(inside.xreplace({index: common}), (common, low, high))
    return whole


def confine(expression: Expr, distinct: Iterable[tuple], case: Mapping | None) -> Expr:
    """Restrict an expression to distinct indices and to a case.

    Parameters
    ----------
    expression : to restrict.
    distinct : pairs of indices that differ; their Kronecker delta is 0.
    case : replaces variables, all at once.

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
