"""Prove by exact algebra that two expressions are equal."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any

import sympy
from sympy import Dummy, Expr, KroneckerDelta
from sympy.core.function import AppliedUndef

from labcode.derivation.expressions import confine, tidy_sums, unfold, without_max
from labcode.derivation.statement import in_words, statement


def prove_equal(
    left: Expr,
    right: Expr,
    definitions: Mapping | None = None,
    *,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
) -> str | None:
    """Prove ``left == right`` for real variables, wherever both sides have a value.

    Return the name of the strategy that succeeded, or None, which means "not proved", not "false". Both strategies are
    exact and are tried in this order:

    1. *rational identity*: expand both sides and write hyperbolic functions as exponentials. Replace every
       exponential, root, sum and unknown function with a letter, and bring the difference to one fraction. It is zero
       if its expanded numerator is zero, once the n-th power of an n-th root is replaced with its content. The absolute
       value of a real number is its sign times the number; the sign squares to 1, except at 0, which is a case of its
       own. If a Kronecker delta occurs, equal and distinct indices are treated as two cases.
    2. *simplification*: SymPy's ``simplify`` reduces the difference to 0.

    Parameters
    ----------
    left, right : the two sides. An unknown function is smooth, and real for real arguments.
    definitions : what the names in them stand for, see :func:`labcode.derivation.unfold`.
    distinct : pairs of indices that differ.
    case : replaces a variable with an expression that confines it, as in ``{x: t}`` with a positive symbol ``t``.

    Raises
    ------
    labcode.derivation.StatementError : a symbol is not known to be real, or the sides are malformed otherwise.

    >>> from sympy import cosh, symbols
    >>> x = symbols("x", real=True)
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 - 1)
    'rational identity'
    >>> prove_equal(cosh(2 * x), 2 * cosh(x) ** 2 + 1) is None
    True
    """
    said = statement(left, right, definitions, distinct=distinct, case=case)
    with in_words("Proving the equality"):
        left, right = (
            confine(unfold(side, said.definitions), said.distinct, said.case) for side in (said.left, said.right)
        )
        difference = without_max(left - right)
        if all(_Spelling(branch).is_zero() for branch in _split_deltas(difference)):
            return "rational identity"
        if sympy.simplify(_with_letters(difference)) == 0:
            return "simplification"
    return None


def _with_letters(expression: Expr) -> Expr:
    """Replace each sum that may end before it begins with a letter: here it is then empty, for SymPy negative."""
    return expression.xreplace(
        {
            total: Dummy("sum", **total.assumptions0)
            for total in expression.atoms(sympy.Sum)
            if any(not (e[2] - e[1] + 1).is_nonnegative for each in total.atoms(sympy.Sum) for e in each.limits)
        }
    )


def _split_deltas(expression: Expr) -> Iterator[Expr]:
    """The expression for equal and for distinct indices of each Kronecker delta in it."""
    # A delta of a sum's own index is neither: it differs from term to term.
    deltas = sorted((d for d in expression.atoms(KroneckerDelta) if d.free_symbols <= expression.free_symbols), key=str)
    if not deltas:
        yield expression
        return
    second, first = sorted(deltas[0].args, key=lambda argument: not argument.is_Symbol)
    yield from _split_deltas(tidy_sums(expression.xreplace({deltas[0]: sympy.S.One}).subs(second, first)))
    yield from _split_deltas(expression.xreplace({deltas[0]: sympy.S.Zero}))


class _Spelling:
    """An expression as a rational expression in letters, which stand for its exponentials, roots and functions."""

    def __init__(self, expression: Expr) -> None:
        self.letters: dict[Hashable, Dummy] = {}
        self.relations: dict[Dummy, Expr] = {}  # letter -> a polynomial in it that equals zero, except a sign at 0
        self.signs: dict[Dummy, Expr] = {}  # the letter of a sign that may be 0 -> the number whose sign it is
        self.divisors: list[Expr] = []
        # True of complex numbers as well.
        hyperbolic = [sympy.tanh, sympy.sinh, sympy.cosh, sympy.coth, sympy.sech]
        self.spelled = self.spell(expression.rewrite(hyperbolic, sympy.exp))

    def is_zero(self) -> bool:
        """Whether the expression is zero wherever it has a value, and is not without a value everywhere."""
        if any(self._vanishes(divisor) for divisor in self.divisors):
            return False
        choices = itertools.product((False, True), repeat=len(self.signs))
        zeros = (list(itertools.compress(self.signs, choice)) for choice in choices)
        return all(any(self._vanishes(part, zero) for part in (self.spelled, *self.divisors)) for zero in zeros)

    def letter(self, kernel: Hashable) -> Dummy:
        return self.letters.setdefault(kernel, Dummy(f"l{len(self.letters)}"))

    def spell(self, node: Expr) -> Expr:
        """Write a node as a rational expression in letters. Each rule holds for complex numbers unless it says more."""
        if node.is_Number or node.is_Symbol:
            return node
        if isinstance(node, sympy.exp):
            spelled = sympy.S.One
            # exp(2 a - b) = exp(a)^2 / exp(b): independent letters for independent exponents. An exponential is not 0.
            for term in sympy.Add.make_args(sympy.expand(node.args[0])):
                number, rest = term.as_coeff_Mul()
                power, rest = (number, rest) if number.is_Integer else (sympy.S.One, term)
                spelled *= self.letter(sympy.exp(rest)) ** power
            return spelled
        if node.is_Add or node.is_Mul:
            return node.func(*map(self.spell, node.args))
        if node.is_Pow and node.exp.is_Integer:
            base = self.spell(node.base)
            if node.exp.is_negative:  # assumes that the base is not 0 everywhere
                self.divisors.append(base)
            return base**node.exp
        if node.is_Pow and node.exp.is_Rational:
            # b^(p/q) is the p-th power of the principal q-th root, whose q-th power is b: for negative b as well.
            # Not so (b^q)^(1/q) = b, which no rule says.
            base = self.spell(node.base)
            root = self.letter(("root", node.base, node.exp.q))
            self.relations[root] = root**node.exp.q - base
            if node.exp.is_negative:
                self.divisors.append(base)
            return root**node.exp.p
        if isinstance(node, sympy.Abs) and is_real(node.args[0]):
            return self.sign(node.args[0]) * self.spell(node.args[0])  # of a real number; at 0 as well
        if isinstance(node, sympy.sign) and is_real(node.args[0]):
            return self.sign(node.args[0])
        if isinstance(node, sympy.Heaviside) and node.args[1] == sympy.S.Half and is_real(node.args[0]):
            return (1 + self.sign(node.args[0])) / 2
        return self.letter(node)

    def sign(self, number: Expr) -> Expr:
        """The sign of a real number: 1 or -1, or 0 if the number is."""
        if number.could_extract_minus_sign():
            return -self.sign(-number)
        mark = self.letter(("sign", number))
        self.relations[mark] = mark**2 - 1
        if not number.is_nonzero:
            self.signs[mark] = self.spell(number)
        return mark

    def _vanishes(self, spelled: Expr, zero: Collection[Dummy] = ()) -> bool:
        """Whether it is zero where the numbers of these signs are 0 and every other sign is 1 or -1."""
        branch = self._reduce(spelled, zero)
        return branch == 0 or any(self._divides(self.signs[mark], branch) for mark in zero)

    def _reduce(self, spelled: Expr, zero: Collection[Dummy] = ()) -> Expr:
        """The numerator, less what the relations between the letters say is zero."""
        signs = dict.fromkeys(zero, 0)
        numerator = _numerator(spelled.subs(signs))
        # Backwards, since the content of a root is spelled before the root's own relation is noted.
        for mark, relation in reversed(self.relations.items()):
            if numerator.has(mark):
                numerator = sympy.expand(sympy.prem(numerator, _numerator(relation.subs(signs)), mark))
        return numerator

    def _divides(self, number: Expr, branch: Expr) -> bool:
        """Whether the branch is zero wherever the number is, because it contains the number as a factor."""
        factor = self._reduce(number)
        names = sorted(branch.free_symbols | factor.free_symbols, key=str)
        return factor != 0 and (not factor.free_symbols or sympy.rem(branch, factor, *names) == 0)


def _numerator(spelled: Expr) -> Expr:
    return sympy.expand(sympy.fraction(sympy.together(spelled))[0])


def is_real(node: Any) -> bool:
    """Whether an expression in real symbols is real: ``log(x)`` is not, for negative x. Unknown functions are.

    >>> x = sympy.Symbol("x", real=True)
    >>> is_real(x - sympy.Function("f")(x)), is_real(sympy.sqrt(x))
    (True, False)
    """
    if isinstance(node, AppliedUndef):
        return all(map(is_real, node.args))
    if isinstance(node, sympy.Derivative):
        return isinstance(node.expr, AppliedUndef) and is_real(node.expr)
    if isinstance(node, sympy.Subs):
        places = {variable: Dummy(real=True) for variable in node.variables}
        return is_real(node.expr.xreplace(places)) and all(map(is_real, node.point))
    if not node.has(AppliedUndef, sympy.Subs):
        return bool(node.is_extended_real)
    real = [Dummy(real=True) if is_real(argument) else argument for argument in node.args]
    return bool(node.func(*real).is_extended_real)
