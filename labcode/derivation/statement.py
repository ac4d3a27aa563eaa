"""Check what is stated: expressions in real symbols, one symbol per name, definitions without circles.

SymPy takes a symbol without assumptions for a complex number. Several rules of a proof hold for real numbers only, and
only real points are sampled, so a symbol that is not known to be real is refused rather than taken for one.
"""

from __future__ import annotations

import ast
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Indexed, IndexedBase, KroneckerDelta, Lambda, Symbol, SympifyError
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.parsing.sympy_parser import parse_expr, rationalize, standard_transformations

from labcode.errors import LabcodeError

Name: TypeAlias = Any  # a Symbol, an IndexedBase or an UndefinedFunction

#: What a symbol may promise and a replacement must keep, the strongest first.
PROMISES = ("integer", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "real")


#: What a formula in Python's notation is made of.
FORMULA = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Subscript, ast.Tuple, ast.Load),
    *(ast.operator, ast.unaryop),
)


LARGEST_POWER = 1_000


class StatementError(LabcodeError, ValueError):
    """What is stated cannot be decided; the message says what is wrong with it."""


def expression(value: Any, role: str) -> Expr:
    """Return an expression or a number as a SymPy expression.

    Raises
    ------
    StatementError : it is something else, such as a string, a matrix or an equation.

    >>> expression(0.5, "The answer")
    0.500000000000000
    >>> expression([1, 2], "The answer")
    Traceback (most recent call last):
    ...
    labcode.derivation.statement.StatementError: The answer is [1, 2], a list; it must be one expression or number.
    """
    # A number of NumPy or PyTorch has no dimensions; SymPy would take an array of one entry for a number.
    dimensions = getattr(value, "ndim", None)
    try:
        read = sympy.sympify(value if dimensions is None else value.item(), strict=True) if not dimensions else None
    except (SympifyError, TypeError, ValueError, AttributeError):
        read = None
    if not isinstance(read, Expr) or isinstance(read, IndexedBase) or read.is_Matrix:
        raise StatementError(f"{role} is {shown(value)}; it must be one expression or number.")
    return read


def parse(text: str, names: Mapping[str, Any]) -> Any:
    """Return what a formula in Python's notation means, without running any code in it.

    Parameters
    ----------
    text : numbers, ``names``, SymPy's functions, arithmetic, indices and calls; an unknown name becomes a symbol.
    names : by spelling, what each stands for.

    Raises
    ------
    SyntaxError : it holds anything else, such as an attribute, a string or a function that is not one of mathematics.

    >>> x = Symbol("x", real=True)
    >>> parse("2*sin(x)**2", {"x": x})
    2*sin(x)**2
    >>> parse("open(x)", {"x": x})
    Traceback (most recent call last):
    ...
    SyntaxError: open is not a function of mathematics
    """
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if not isinstance(node, FORMULA) or isinstance(getattr(node, "value", None), str | bytes):
            raise SyntaxError(f"{ast.unparse(node)} is not part of a formula")
        if isinstance(node, ast.Call):
            function = names.get(ast.unparse(node.func), getattr(sympy, ast.unparse(node.func), None))
            if not (isinstance(function, type) or function in (*names.values(), sympy.sqrt, sympy.cbrt, sympy.root)):
                raise SyntaxError(f"{ast.unparse(node.func)} is not a function of mathematics")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_huge(node.right):
            raise SyntaxError(f"{ast.unparse(node)} is too large a power")
    return parse_expr(
        text,
        local_dict=dict(names),
        transformations=(*standard_transformations, rationalize),  # decimals are the fractions that they write
        global_dict={**vars(sympy), "__builtins__": {}},
    )


def _is_huge(exponent: ast.expr) -> bool:
    """Whether a number with this exponent would take minutes: one above a thousand, or a tower."""
    parts = list(ast.walk(exponent))
    if any(isinstance(part, ast.Name) for part in parts):
        return False
    return any(isinstance(part, ast.Pow) or getattr(part, "value", 0) > LARGEST_POWER for part in parts)


def shown(value: Any) -> str:
    """A value of any type in one short line, with its type."""
    if value is None:
        return "None"
    kind = type(value).__name__
    if callable(value) and hasattr(value, "__name__"):
        return f"the {kind} {value.__name__}"
    return f"{' '.join(reprlib.repr(value).split())}, {'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


@contextmanager
def in_words(task: str) -> Iterator[None]:
    """Report an error of SymPy, mpmath or a reader's function as a sentence that begins with ``task``."""
    try:
        yield
    except LabcodeError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or "no reason given"
        raise StatementError(f"{task} failed ({type(error).__name__}: {reason}).") from error


def function(value: Any, role: str) -> Callable:
    """Return a function whose errors are reported as sentences.

    >>> function(3, "The layer")
    Traceback (most recent call last):
    ...
    labcode.derivation.statement.StatementError: The layer is 3, an int; it must be a function.
    """
    if not callable(value):
        raise StatementError(f"{role} is {shown(value)}; it must be a function.")

    def called(*arguments: Any) -> Any:
        with in_words(role):
            return value(*arguments)

    return called


@dataclass(frozen=True)
class Statement:
    """Two sides that may be equal, and what their names stand for. Only :func:`statement` makes one."""

    left: Expr
    right: Expr
    definitions: dict[Name, Expr | Lambda]
    domain: dict[Expr, tuple[Expr, Expr]]
    distinct: tuple[tuple[Expr, Expr], ...]
    case: dict[Expr, Expr]

    @property
    def expressions(self) -> list[Expr]:
        """Everything in which names occur: the sides, the definitions and the case."""
        return [self.left, self.right, *self.definitions.values(), *self.case.values()]


def statement(
    left: Any,
    right: Any,
    definitions: Mapping | None = None,
    domain: Mapping | None = None,
    distinct: Iterable[tuple] = (),
    case: Mapping | None = None,
) -> Statement:
    """Check two sides and their names; see :func:`labcode.derivation.sample` for the parameters.

    A decimal number stands for the fraction that it writes: 0.1 is 1/10.

    Raises
    ------
    StatementError : one of them is malformed, a symbol is not known to be real, two symbols have the same name, a
        definition refers to itself, or a case or domain contradicts what a symbol promises.
    """
    checked = Statement(
        exact(expression(left, "The left side")),
        exact(expression(right, "The right side")),
        {name: exact(meaning) for name, meaning in check_definitions(definitions).items()},
        {name: _domain(name, pair) for name, pair in _mapping(domain, "domain").items()},
        tuple(_pairs(distinct)),
        {name: exact(_replacement(name, value)) for name, value in _mapping(case, "case").items()},
    )
    keys = [*checked.definitions, *checked.domain, *checked.case]
    used = [thing for each in checked.expressions for thing in names_in(each)]
    one_per_name([*used, *(thing for key in keys for thing in names_in(key))])
    for name in used:
        _require_real(name)
    for each in checked.expressions:
        for total in each.atoms(sympy.Sum):
            _check_limits(total)
    return checked


def exact(expression: Expr) -> Expr:
    """Replace each decimal number with the fraction that it writes.

    >>> exact(0.1 * Symbol("x"))
    x/10
    """
    return expression.xreplace({number: _fraction(number) for number in expression.atoms(sympy.Float)})


def _fraction(number: sympy.Float) -> Expr:
    # repr writes a double with as many digits as tell it from its neighbours; other precisions are SymPy's own.
    written = repr(float(number)) if number._prec == 53 else str(number)
    return sympy.Rational(written if "inf" not in written else str(number))


def check_definitions(definitions: Mapping | None) -> dict[Name, Expr | Lambda]:
    """Return the definitions, each of them an expression or a ``Lambda``.

    Raises
    ------
    StatementError : one is of something else, or refers to itself through others.

    >>> x, y = sympy.symbols("x y", real=True)
    >>> check_definitions({x: y + 1, y: 2 * x})
    Traceback (most recent call last):
    ...
    labcode.derivation.statement.StatementError: The definition of x refers to itself: x needs y, y needs x.
    """
    checked: dict[Name, Expr | Lambda] = {}
    for name, meaning in _mapping(definitions, "definitions").items():
        if isinstance(name, Symbol):
            checked[name] = expression(meaning, f"The definition of {name}")
        elif not isinstance(name, UndefinedFunction | IndexedBase):
            raise StatementError(
                f"A definition is of {shown(name)}; it must be of a symbol, a function or an indexed base."
            )
        elif not isinstance(meaning, Lambda) or not isinstance(meaning.expr, Expr):
            raise StatementError(f"The definition of {name} is {shown(meaning)}; it must be a Lambda of its arguments.")
        else:
            checked[name] = meaning
    needs = {name: {other for other in names_in(meaning) if other in checked} for name, meaning in checked.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        steps = ", ".join(f"{name} needs {other}" for name, other in pairwise(circle))
        raise StatementError(f"The definition of {circle[0]} refers to itself: {steps}.") from None
    return checked


def names_in(thing: Any) -> list[Name]:
    """The free symbols, indexed bases and unknown functions in an expression, or the name itself; sorted."""
    if isinstance(thing, UndefinedFunction | IndexedBase):
        return [thing]
    entries = [thing] if isinstance(thing, Indexed) else thing.atoms(Indexed)
    bases = {entry.base for entry in entries}
    free = {s for s in thing.free_symbols if isinstance(s, Symbol)} - {base.label for base in bases}
    return sorted(free | bases | {node.func for node in thing.atoms(AppliedUndef)}, key=str)


def one_per_name(names: Iterable[Name]) -> dict[tuple[type, str], Name]:
    """Return the names by kind and spelling.

    Raises
    ------
    StatementError : two of them are spelled alike but differ in their assumptions, which makes them different to SymPy.
    """
    found: dict[tuple[type, str], Name] = {}
    for name in names:
        if isinstance(name, sympy.Dummy):  # distinct by construction
            continue
        other = found.setdefault(spelling(name), name)
        if other != name:
            first, second = (sympy.srepr(getattr(each, "label", each)) for each in (other, name))
            raise StatementError(f"Two names are spelled {name}: {first} and {second}. Use one of them throughout.")
    return found


def spelling(name: Name) -> tuple[type, str]:
    """What a reader takes two names for the same by: their kind and their letters."""
    kind = next(kind for kind in (UndefinedFunction, IndexedBase, Symbol) if isinstance(name, kind))
    return kind, str(name)


def _require_real(name: Name) -> None:
    """An unknown function need not say that it is real: it is taken for a smooth real function of real arguments."""
    if isinstance(name, UndefinedFunction):
        known = name(Symbol("x", real=True)).is_real is not False
        declared = f'Function("{name}")'
    elif isinstance(name, IndexedBase):
        known, declared = name.label.is_real or name[1].is_real, f'IndexedBase("{name}", real=True)'
    else:
        known, declared = name.is_real, f'symbols("{name}", real=True)'
    if not known:
        raise StatementError(
            f"{name} is not known to be real; equalities are decided for real numbers only. Declare it as {declared}."
        )


def _check_limits(total: sympy.Sum) -> None:
    """The index of a sum promises no more than its limits keep, and there are finitely many terms."""
    for index, *ends in total.limits:
        if len(ends) != 2 or not all(end.is_integer for end in ends):
            raise StatementError(f"{total} has no whole numbers as its two limits; a sum needs them.")
        low, high = ends
        for promise, end in (("positive", low), ("nonnegative", low), ("negative", high), ("nonpositive", high)):
            if getattr(index, f"is_{promise}") and not getattr(end, f"is_{promise}"):
                raise StatementError(f"{total} begins or ends at {end}, but its index {index} is {promise}.")


def _mapping(value: Any, role: str) -> Mapping:
    if value is not None and not isinstance(value, Mapping):
        raise StatementError(f"{role} is {shown(value)}; it must be a dictionary.")
    return value or {}


def _domain(name: Any, pair: Any) -> tuple[Expr, Expr]:
    if not isinstance(name, Symbol | Indexed | IndexedBase):
        raise StatementError(f"A domain is of {shown(name)}; it must be of a symbol or an indexed base.")
    low, high = ends(f"The domain of {name}", pair)
    if (name.is_nonnegative and low < 0) or (name.is_nonpositive and high > 0):
        sign = next(p for p in ("positive", "negative", "nonnegative", "nonpositive") if getattr(name, f"is_{p}"))
        raise StatementError(f"The domain of {name} is ({low}, {high}), but {name} is {sign} by its assumptions.")
    return low, high


def ends(role: str, pair: Any, finite: bool = False) -> tuple[Expr, Expr]:
    """Return the two ends of an interval, as SymPy numbers.

    Raises
    ------
    StatementError : they are not two real numbers of which the first is smaller, or not ``finite`` where that is asked.

    >>> ends("The domain of x", (0, sympy.pi))
    (0, pi)
    >>> ends("The span", (1, 0))
    Traceback (most recent call last):
    ...
    labcode.derivation.statement.StatementError: The span is (1, 0), a tuple; it must be two numbers, smaller first.
    """
    try:
        low, high = (exact(expression(end, "An end")) for end in pair)
        fits = (low < high) is sympy.true and (not finite or (high - low).is_finite)
    except (TypeError, ValueError):  # not two of them, not numbers, or complex ones
        fits = False
    if not fits:
        numbers = "two finite numbers" if finite else "two numbers"
        raise StatementError(f"{role} is {shown(pair)}; it must be {numbers}, smaller first.")
    return low, high


def _pairs(distinct: Any) -> Iterator[tuple[Expr, Expr]]:
    try:
        pairs = [(expression(first, "An index"), expression(second, "An index")) for first, second in distinct]
    except (TypeError, ValueError):
        raise StatementError(f"distinct is {shown(distinct)}; it must be pairs of indices, as in [(i, j)].") from None
    for first, second in pairs:
        if KroneckerDelta(first, second) == 1:
            raise StatementError(f"The indices cannot all differ ({first} and {second}): these two are equal.")
        yield first, second


def _replacement(name: Any, value: Any) -> Expr:
    """What a case puts in a variable's place keeps the variable's promises, on which SymPy has already relied."""
    if not isinstance(name, Symbol | Indexed):
        raise StatementError(f"A case replaces {shown(name)}; it must replace a symbol or an indexed symbol.")
    value = expression(value, f"What replaces {name}")
    for promise in PROMISES:
        if getattr(name, f"is_{promise}") and not getattr(value, f"is_{promise}"):
            raise StatementError(f"The case replaces {name}, which is {promise}, with {value}, which may not be.")
    return value
