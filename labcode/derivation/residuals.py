"""Residuals of computed gradients, and tables of those that lie below their tolerances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from labcode.checks import real_number
from labcode.derivation.statement import StatementError, in_words, shown
from labcode.errors import LabcodeError

#: Tolerances, each with its reason. Float64 rounds to eps = 2.2e-16, and a formula of a few operations on numbers of
#: ordinary size stays within a few thousand eps.
COMPLEX = (1e-12, "no subtraction, so only rounding error: a few thousand times 2e-16")
CENTRAL = (1e-7, "rounding and truncation error: at best about 4e-11 times the third derivative")
AUTOGRAD = (1e-12, "only rounding error: a few thousand times 2e-16")


class GradientError(LabcodeError, ArithmeticError):
    """A formula and a computed derivative differ by more than rounding explains, or cannot be compared."""


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    compared : what the formula was compared with.
    residual : the largest relative residual.
    tolerance : the bound that the residual must stay below.
    reason : why this tolerance.
    """

    compared: str
    residual: float
    tolerance: float
    reason: str


@dataclass(frozen=True)
class ResidualTable:
    """Residuals that all lie below their tolerances. Only :func:`tabulate` makes one.

    It shows the tolerances, not the residuals: the last digits of a residual differ between processors.
    """

    title: str
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        cells = [(row.compared, f"below {row.tolerance:.0e}", row.reason) for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
        lines = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in cells]
        return "\n".join([f"{self.title}", *lines])

    def _repr_markdown_(self) -> str:
        lines = [
            f"{self.title}\n",
            "| compared with | largest relative residual | why this tolerance |",
            "|---|---|---|",
        ]
        for row in self.rows:
            power = round(np.log10(row.tolerance))
            lines.append(f"| {row.compared} | below $10^{{{power}}}$ | {row.reason} |")
        return "\n".join(lines) + "\n"


def tabulate(title: str, rows: Sequence[Row]) -> ResidualTable:
    """Return a table of residuals, all of which lie below their tolerances.

    Raises
    ------
    GradientError : a residual reaches its tolerance, or is not a number.
    ValueError : there are no rows, a residual is no number, or a tolerance is not a positive one.

    >>> tabulate("a gradient", [Row("autograd", 3e-16, 1e-12, "only rounding error")])
    a gradient
      autograd  below 1e-12  only rounding error
    """
    if not isinstance(rows, Sequence) or not rows or not all(isinstance(row, Row) for row in rows):
        raise StatementError(f"The rows are {shown(rows)}; they must be one Row or more, in a list.")
    for row in rows:
        real_number("tolerance", row.tolerance, above=0)
        if not isinstance(row.residual, Real):
            raise StatementError(f"The residual is {shown(row.residual)}; it must be a number.")
        if not row.residual < row.tolerance:
            raise GradientError(
                f"{title}: the largest relative residual against {row.compared} is {row.residual:.1e}; "
                f"it must be below {row.tolerance:.0e} ({row.reason})."
            )
    return ResidualTable(title, tuple(rows))


def residual(value: ArrayLike, reference: ArrayLike) -> float:
    """Largest difference between two arrays, relative to the largest entry of either.

    Infinite if the shapes differ, an entry is not finite or there is none, so that no such comparison passes.

    Raises
    ------
    ValueError : one of them does not consist of numbers.

    >>> residual([1.0, 2.0], [1.0, 2.5])
    0.2
    """
    with in_words("Reading the arrays to compare"):
        value, reference = (np.asarray(each, dtype=complex) for each in (value, reference))
    if value.shape != reference.shape or not (value.size and np.isfinite([value, reference]).all()):
        return np.inf
    scale = max(np.abs(value).max(), np.abs(reference).max())
    return float(np.abs(value - reference).max() / scale) if scale > 0 else 0.0
