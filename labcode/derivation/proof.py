"""Prove by exact algebra that two expressions are equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sympy
from sympy import Expr, KroneckerDelta, Symbol

from labcode.derivation.expressions import confine, tidy_sums, unfold, without_max


def prove_equal(
    left: Expr,
    right: Expr,
    definitions: Mapping | None = None,
    *,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
) -> str | None:
    """Prove ``left == right``; return the name of the strategy that succeeded, or None.

    None means "not proved", not "false". Both strategies are exact and are tried in this order:

    1. *rational identity*: expand both sides and write hyperbolic functions as exponentials. Replace every
       exponential, root, sum and unknown function with a letter, and bring the difference to one fraction. It is zero
       if its expanded numerator is zero, once the n-th power of an n-th root is replaced with its content. An absolute
       value is its sign times its content, except at 0. If a Kronecker delta occurs, equal and distinct indices are
       treated as two cases.
    2. *simplification*: SymPy's ``simplify`` reduces the difference to 0.

    Parameters
    ----------
    left, right : the two sides.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    distinct : pairs of indices that differ.
    case : replaces a variable with an expression that confines it, as in ``{x: t}`` with a positive symbol ``t``.

    >>> from sympy import cosh, symbols
    >>> x = symbols("x", real=True)
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 - 1)
    'rational identity'
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 + 1) is None
    True
    """
    distinct = tuple(distinct)
    difference = confine(unfold(sympy.sympify(left), definitions), distinct, case) - confine(
        unfold(sympy.sympify(right), definitions), distinct, case
    )
    difference = without_max(difference)
    if all(_is_rational_zero(branch) for branch in _split_deltas(difference)):
        return "rational identity"
    if sympy.simplify(difference) == 0:
        return "simplification"
    return None


def _split_deltas(expression: Expr) -> Iterator[Expr]:
    """The expression for equal and for distinct indices of each Kronecker delta in it."""
    deltas = sorted(expression.atoms(KroneckerDelta), key=str)
    if not deltas:
        yield expression
        return
    first, second = deltas[0].args
    yield from _split_deltas(tidy_sums(expression.subs(second, first)))
    yield from _split_deltas(expression.xreplace({deltas[0]: sympy.S.Zero}))


def _is_rational_zero(expression: Expr) -> bool:
    """Whether the expression is zero as a rational function of its exponentials, roots and unknown functions."""
    expression = expression.rewrite([sympy.tanh, sympy.sinh, sympy.cosh, sympy.coth, sympy.sech], sympy.exp)
    letters: dict[Expr, Symbol] = {}
    relations: dict[Symbol, Expr] = {}  # letter -> a polynomial in it that equals zero

    def letter(kernel: Expr) -> Symbol:
        return letters.setdefault(kernel, sympy.Dummy(f"l{len(letters)}"))

    def sign(argument: Expr) -> Expr:
        if argument.could_extract_minus_sign():
            return -sign(-argument)
        mark = letter(sympy.Function("sign")(argument))
        relations[mark] = mark**2 - 1
        return mark

    def spell(node: Expr) -> Expr:
        """Write a node as a rational expression in letters."""
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
