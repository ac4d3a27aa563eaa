"""How the book writes an expression: as LaTeX for the page, as plain text for the record.

Nothing is reordered or simplified: the reader sees what was proved, factor by factor.
"""

# SymPy's printers find a method by the name of the class that it prints.
# ruff: noqa: N802

import sympy
from sympy import Expr, Indexed
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from labcode.proof import Product, Ratio, Total

#: Names whose plain-text form is a Greek letter.
_GREEK = {"sigma": "σ", "beta": "β", "delta": "δ", "eta": "η", "epsilon": "ε"}


def _ordered_terms(printer, expr, order=None):
    """Terms as they are spoken: what is subtracted comes last, otherwise a number first."""
    return sorted(
        super(type(printer), printer)._as_ordered_terms(expr, order="lex"),
        key=lambda term: (term.could_extract_minus_sign(), not term.is_Number),
    )


class _Latex(LatexPrinter):
    """SymPy's LaTeX, with ∂, upright words in subscripts, and no reordering of what was written."""

    _as_ordered_terms = _ordered_terms

    def __init__(self):
        super().__init__({"mul_symbol": r"\,"})

    def _print_Symbol(self, expr, style="plain"):
        head, _, tail = expr.name.partition("_")
        if len(tail) > 1 and tail.isalpha():
            return rf"{super()._print_Symbol(sympy.Symbol(head))}_{{\mathrm{{{tail}}}}}"
        return super()._print_Symbol(expr)

    def _print_Partial(self, expr):
        function, variable = map(self._print, expr.args)
        if expr.args[0].is_Symbol or isinstance(expr.args[0], Indexed):
            return rf"\frac{{\partial {function}}}{{\partial {variable}}}"
        return rf"\frac{{\partial}}{{\partial {variable}}} {self._factor(expr.args[0])}"

    def _print_Product(self, expr):
        *factors, last = expr.args
        shown = [self._factor(f, isinstance(f, sympy.Sum)) for f in factors]
        if expr.args[0].could_extract_minus_sign() and not expr.args[0].is_Add:
            shown[0] = self._print(expr.args[0])  # a leading minus needs no brackets
        return r" \cdot ".join([*shown, self._factor(last)])

    def _print_Total(self, expr):
        terms = [
            rf"\left[{self._print(term)}\right]" if isinstance(term, Total) else self._print(term) for term in expr.args
        ]
        return terms[0] + "".join(f" {term}" if term.startswith("-") else f" + {term}" for term in terms[1:])

    def _print_Ratio(self, expr):
        return rf"\frac{{{self._print(expr.args[0])}}}{{{self._print(expr.args[1])}}}"

    def _factor(self, expr, loose=False):
        written = self._print(expr)
        loose = loose or expr.is_Add or isinstance(expr, Total) or written.startswith("-")
        return rf"\left[{written}\right]" if loose else written

    def _print_AppliedUndef(self, expr):
        name = self._print(sympy.Symbol(expr.func.__name__))
        return rf"{name}({', '.join(map(self._print, expr.args))})"

    # SymPy dispatches on the function's own name first.
    def _print_Function(self, expr, exp=None):
        if isinstance(expr, AppliedUndef):
            written = self._print_AppliedUndef(expr)
            if exp is None:
                return written
            name, _, rest = written.partition("(")
            return rf"{name}^{{{exp}}}({rest}"
        return super()._print_Function(expr, exp)

    def _print_KroneckerDelta(self, expr, exp=None):
        return rf"\delta_{{{''.join(map(self._print, expr.args))}}}"

    def _print_Indexed(self, expr):
        indices = ",".join(map(self._print, expr.indices))
        return rf"{self._print(expr.base.label)}_{{{indices}}}"


class _Text(StrPrinter):
    _as_ordered_terms = _ordered_terms

    def _print_Symbol(self, expr):
        return _GREEK.get(expr.name, expr.name)

    def _print_Partial(self, expr):
        function, variable = map(self._print, expr.args)
        named = expr.args[0].is_Symbol or isinstance(expr.args[0], Indexed | AppliedUndef)
        return f"∂{function}/∂{variable}" if named else f"∂[{function}]/∂{variable}"

    def _print_Product(self, expr):
        first, *rest = (self._factor(factor) for factor in expr.args)
        return "·".join([first, *(f"({f})" if f.startswith("-") else f for f in rest)])

    def _print_Total(self, expr):
        terms = [f"({self._print(term)})" if isinstance(term, Total) else self._print(term) for term in expr.args]
        return " + ".join(terms).replace("+ -", "- ")

    def _print_Ratio(self, expr):
        numerator, denominator = map(self._factor, expr.args)
        loose = isinstance(expr.args[1], Product) or expr.args[1].is_Mul
        return f"{numerator}/({denominator})" if loose else f"{numerator}/{denominator}"

    def _factor(self, expr):
        written = self._print(expr)
        return f"({written})" if expr.is_Add or isinstance(expr, Total | Ratio) else written

    def _print_Function(self, expr):
        name = expr.func.__name__
        return f"{_GREEK.get(name, name)}({', '.join(map(self._print, expr.args))})"

    def _print_Indexed(self, expr):
        return f"{self._print(expr.base.label)}[{','.join(map(self._print, expr.indices))}]"

    def _print_KroneckerDelta(self, expr):
        return f"δ[{','.join(map(self._print, expr.args))}]"


def latex(expression: Expr) -> str:
    """The expression as LaTeX, in the order in which it was written.

    >>> from sympy import Symbol
    >>> from labcode.proof import Partial
    >>> latex(Partial(Symbol("E"), Symbol("x_in")))
    '\\\\frac{\\\\partial E}{\\\\partial x_{\\\\mathrm{in}}}'
    """
    return _Latex().doprint(expression)


def text(expression: Expr) -> str:
    """The expression as one line of plain text.

    >>> from sympy import Symbol
    >>> from labcode.proof import Partial
    >>> text(Partial(Symbol("E"), Symbol("x_in")))
    '∂E/∂x_in'
    """
    return _Text().doprint(expression)
