"""Print expressions as LaTeX, for pages, and as plain text, for terminals and snapshots.

Nothing is reordered or simplified: the reader sees what was proved, factor by factor.
"""

# SymPy's printers look methods up by the name of the class to print.
# ruff: noqa: N802, N815

import re

import sympy
from sympy import Expr, Indexed
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from labcode.derivation.expressions import Product, Ratio, Total
from labcode.derivation.statement import expression as as_expression

#: Names printed as Greek letters in plain text.
_GREEK = {"sigma": "σ", "beta": "β", "delta": "δ", "eta": "η", "epsilon": "ε"}


def _ordered_terms(printer: StrPrinter | LatexPrinter, expr: Expr, order: str | None = None) -> list[Expr]:
    """Order the terms of a sum: negative terms last, otherwise numbers first."""
    return sorted(
        super(type(printer), printer)._as_ordered_terms(expr, order="lex"),
        key=lambda term: (term.could_extract_minus_sign(), not term.is_Number),
    )


class _Latex(LatexPrinter):
    """SymPy's LaTeX, with ∂, upright words in subscripts, and no reordering."""

    _as_ordered_terms = _ordered_terms

    def __init__(self) -> None:
        super().__init__({"mul_symbol": r"\,"})

    def _print_Symbol(self, expr: Expr, style: str = "plain") -> str:
        head, _, tail = expr.name.partition("_")
        if len(tail) > 1 and tail.isalpha():
            return rf"{super()._print_Symbol(sympy.Symbol(head))}_{{\mathrm{{{tail}}}}}"
        return super()._print_Symbol(expr)

    def _print_Partial(self, expr: Expr) -> str:
        function, variable = map(self._print, expr.args)
        if expr.args[0].is_Symbol or isinstance(expr.args[0], Indexed):
            return rf"\frac{{\partial {function}}}{{\partial {variable}}}"
        return rf"\frac{{\partial}}{{\partial {variable}}} {self._factor(expr.args[0])}"

    def parts(self, expr: Expr) -> list[str]:
        """The terms of a Total with their signs, or the factors of a Product with their dots."""
        if isinstance(expr, Total):
            terms = [
                rf"\left[{self._print(term)}\right]" if isinstance(term, Total) else self._print(term)
                for term in expr.args
            ]
            return [terms[0], *(term if term.startswith("-") else f"+ {term}" for term in terms[1:])]
        *factors, last = expr.args
        shown = [self._factor(factor, isinstance(factor, sympy.Sum)) for factor in factors]
        if expr.args[0].could_extract_minus_sign() and not expr.args[0].is_Add:
            shown[0] = self._print(expr.args[0])  # a leading minus needs no brackets
        first, *rest = [*shown, self._factor(last)]
        return [first, *(rf"\cdot {factor}" for factor in rest)]

    def _print_Product(self, expr: Expr) -> str:
        return " ".join(self.parts(expr))

    _print_Total = _print_Product

    def _print_Ratio(self, expr: Expr) -> str:
        return rf"\frac{{{self._print(expr.args[0])}}}{{{self._print(expr.args[1])}}}"

    def _factor(self, expr: Expr, loose: bool = False) -> str:
        written = self._print(expr)
        loose = loose or expr.is_Add or isinstance(expr, Total) or written.startswith("-")
        return rf"\left[{written}\right]" if loose else written

    # SymPy passes the exponent of sigma(x)**2 to the method that prints sigma(x).
    def _print_AppliedUndef(self, expr: Expr, exp: str | None = None) -> str:
        name = self._print(sympy.Symbol(expr.func.__name__))
        power = "" if exp is None else f"^{{{exp}}}"
        return f"{name}{power}({', '.join(map(self._print, expr.args))})"

    def _print_KroneckerDelta(self, expr: Expr) -> str:
        return rf"\delta_{{{''.join(map(self._print, expr.args))}}}"

    def _print_Indexed(self, expr: Expr) -> str:
        indices = [self._print(index) for index in expr.indices]
        # No comma in W_ik, a comma in x_{u+1,v}.
        separator = "" if all(index.is_Atom for index in expr.indices) else ",\\,"
        return rf"{self._print(expr.base.label)}_{{{separator.join(indices)}}}"


class _Text(StrPrinter):
    _as_ordered_terms = _ordered_terms

    def _print_Symbol(self, expr: Expr) -> str:
        return _GREEK.get(expr.name, expr.name)

    def _print_Partial(self, expr: Expr) -> str:
        function, variable = map(self._print, expr.args)
        named = expr.args[0].is_Symbol or isinstance(expr.args[0], Indexed | AppliedUndef)
        return f"∂{function}/∂{variable}" if named else f"∂[{function}]/∂{variable}"

    def _print_Product(self, expr: Expr) -> str:
        first, *rest = (self._factor(factor) for factor in expr.args)
        return "·".join([first, *(f"({f})" if f.startswith("-") else f for f in rest)])

    def _print_Total(self, expr: Expr) -> str:
        terms = [f"({self._print(term)})" if isinstance(term, Total) else self._print(term) for term in expr.args]
        return " + ".join(terms).replace("+ -", "- ")

    def _print_Ratio(self, expr: Expr) -> str:
        numerator, denominator = map(self._factor, expr.args)
        loose = isinstance(expr.args[1], Product) or expr.args[1].is_Mul
        return f"{numerator}/({denominator})" if loose else f"{numerator}/{denominator}"

    def _factor(self, expr: Expr) -> str:
        written = self._print(expr)
        return f"({written})" if expr.is_Add or isinstance(expr, Total | Ratio) else written

    def _print_Function(self, expr: Expr) -> str:
        name = expr.func.__name__
        return f"{_GREEK.get(name, name)}({', '.join(map(self._print, expr.args))})"

    def _print_Indexed(self, expr: Expr) -> str:
        return f"{self._print(expr.base.label)}[{','.join(map(self._print, expr.indices))}]"

    def _print_KroneckerDelta(self, expr: Expr) -> str:
        return f"δ[{','.join(map(self._print, expr.args))}]"


def latex(expression: Expr) -> str:
    """Return the expression as LaTeX, in the order in which it was written.

    >>> from sympy import Symbol
    >>> from labcode.derivation import Partial
    >>> latex(Partial(Symbol("E"), Symbol("x_in")))
    '\\\\frac{\\\\partial E}{\\\\partial x_{\\\\mathrm{in}}}'
    """
    return _Latex().doprint(as_expression(expression, "What is printed"))


def text(expression: Expr) -> str:
    """Return the expression as one line of plain text.

    >>> from sympy import Symbol
    >>> from labcode.derivation import Partial
    >>> text(Partial(Symbol("E"), Symbol("x_in")))
    '∂E/∂x_in'
    """
    return _Text().doprint(as_expression(expression, "What is printed"))


# Line breaks for narrow screens

#: The widest line, in em: a phone's column less the equation number.
WIDEST = 14.0


def latex_lines(expression: Expr) -> str:
    r"""Return the expression as LaTeX, breaking a sum or product between its parts if it is wider than ``WIDEST``.

    >>> from sympy import symbols
    >>> print(latex_lines(Total(*symbols("a b c"))))
    a + b + c
    >>> print(latex_lines(Total(*symbols("a1:10"))))
    {}\begin{aligned}[t]
    & a_{1} + a_{2} + a_{3} + a_{4} + a_{5} + a_{6} + a_{7} \\
    & + a_{8} + a_{9}
    \end{aligned}
    """
    expression = as_expression(expression, "What is printed")
    printer = _Latex()
    whole = printer.doprint(expression)
    if width(whole) <= WIDEST or not isinstance(expression, Total | Product):
        return whole
    lines: list[str] = []
    for part in printer.parts(expression):
        if lines and width(f"{lines[-1]} {part}") <= WIDEST:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return "{}\\begin{aligned}[t]\n& " + " \\\\\n& ".join(lines) + "\n\\end{aligned}"


_SHAPES = {r"\left": 0, r"\right": 0, r"\mathrm": 0, r"\operatorname": 0, r"\,": 0.17, r"\cdot": 0.72, r"\sqrt": 0.9}
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")


def width(tex: str) -> float:
    r"""Estimate the width of a formula in em, a fraction being as wide as the wider of its two parts.

    >>> width(r"\frac{a + b + c}{d}") < 2 * width("a + b") < 2 * width(r"a \cdot b \cdot c")
    True
    """
    total, position = 0.0, 0
    while position < len(tex):
        character = tex[position]
        if found := _COMMAND.match(tex, position):
            command, position = found[0], found.end()
            if command == r"\frac":
                above, position = _braced(tex, position)
                below, position = _braced(tex, position)
                total += max(width(above), width(below)) + 0.25
            elif command == r"\sum":
                limits = [0.0]
                while tex[position : position + 2] in ("_{", "^{"):
                    limit, position = _braced(tex, position + 1)
                    limits.append(0.7 * width(limit))
                total += max(1.45, *limits) + 0.15
            else:
                total += _SHAPES.get(command, 0.6)
                # The name of a function is spelled out; that of a Greek letter is one symbol.
                total += 0.5 * (len(command) - 2) if command[1:] in ("log", "tanh", "max", "min") else 0
        elif character in "_^":
            braced = tex[position + 1] == "{"
            script, position = _braced(tex, position + 1) if braced else (tex[position + 1], position + 2)
            total += 0.72 * width(script)
        else:
            position += 1
            if character not in "{} \n":
                total += 1.2 if character in "+-=:" else 0.4 if character in "()[]|,." else 0.55
    return total


def _braced(tex: str, start: int) -> tuple[str, int]:
    """The content of the braces that open at ``start``, and the position after them."""
    depth = 0
    for position in range(start, len(tex)):
        depth += {"{": 1, "}": -1}.get(tex[position], 0)
        if depth == 0:
            return tex[start + 1 : position], position + 1
    return tex[start + 1 :], len(tex)  # the name of a symbol holds a brace
