"""Check a derivative three ways: the formula, finite differences, automatic differentiation.

The formula is the answer of a derivation. The differences know only the function. The framework
knows only its own rules. A wrong factor would have to be wrong in all three to go unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import mpmath
import numpy as np
import sympy
from numpy.typing import ArrayLike
from sympy import Expr, Symbol

from labcode.derivation.expressions import unfold
from labcode.derivation.printing import text

if TYPE_CHECKING:
    import torch

#: Tolerance, and why: float64 rounds to eps = 2.2e-16, and a formula of a few operations on numbers
#: of ordinary size stays within some thousand of those.
COMPLEX = (1e-12, "a step without subtraction: rounding alone, some thousand times 2e-16")
CENTRAL = (1e-7, "rounding against curvature: best is near 4e-11 times the third derivative")
AUTOGRAD = (1e-12, "rounding alone, some thousand times 2e-16")


class GradientError(ArithmeticError):
    """A formula and a computed derivative differ by more than rounding explains."""

    def _render_traceback_(self) -> list[str]:
        # In a notebook the sentence is what the reader needs; the call stack is not.
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Row:
    """One comparison: largest relative residual seen, its tolerance, and why that tolerance."""

    compared: str
    residual: float
    tolerance: float
    reason: str


@dataclass(frozen=True)
class ResidualTable:
    """Residuals that all lie below their tolerances (:func:`tabulate` makes no other).

    Shown is the bound that was kept, not the residual: the last digits of a residual differ from
    one processor to the next.
    """

    title: str
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        cells = [(r.compared, f"below {r.tolerance:.0e}", r.reason) for r in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
        lines = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in cells]
        return "\n".join([self.title, *lines])

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
    """The table, if every residual lies below its tolerance.

    >>> tabulate("a gradient", [Row("autograd", 3e-16, 1e-12, "rounding alone")])
    a gradient
      autograd  below 1e-12  rounding alone

    Raises
    ------
    GradientError
        A residual reaches its tolerance, or is not a number.
    """
    for row in rows:
        if not row.residual < row.tolerance:
            raise GradientError(
                f"{title}: against {row.compared} the largest relative residual is "
                f"{row.residual:.1e}; allowed is less than {row.tolerance:.0e} ({row.reason})."
            )
    return ResidualTable(title, tuple(rows))


def residual(value: ArrayLike, reference: ArrayLike) -> float:
    """Largest difference of two arrays, relative to the larger of their largest entries.

    Infinite where the shapes differ or an entry is not a number, so that no comparison passes.

    >>> residual([1.0, 2.0], [1.0, 2.5])
    0.2
    """
    value, reference = np.asarray(value), np.asarray(reference)
    if value.shape != reference.shape or not (np.isfinite(value).all() and np.isfinite(reference).all()):
        return np.inf
    scale = max(np.abs(value).max(), np.abs(reference).max())
    return float(np.abs(value - reference).max() / scale) if scale > 0 else 0.0


def check_gradient(
    answer: Expr | Sequence[Sequence[Expr]],
    function: Expr | Sequence[Expr],
    variables: Sequence,
    framework: Callable,
    *,
    definitions: Mapping | None = None,
    smooth: bool = True,
    span: tuple[float, float] = (-4.0, 4.0),
    points: int = 25,
    seed: int = 0,
) -> ResidualTable:
    """Compare a formula with differences of the function, and with autograd.

    Parameters
    ----------
    answer
        The claimed derivatives: one expression, or a Jacobian as rows (outputs) of columns
        (variables). Evaluated to 50 digits, then rounded.
    function
        One expression, or one for each output.
    variables
        The n symbols that the derivative is taken by.
    framework
        The same function in PyTorch: takes a float64 tensor of shape (n,), returns a scalar or a
        tensor of shape (m,).
    definitions
        What names stand for, see :func:`labcode.derivation.unfold`.
    smooth
        True takes complex steps, which need an analytic function; False central differences.
    span, points, seed
        The points are drawn uniformly from ``span``, in each variable.

    Raises
    ------
    GradientError
        The formula differs from either; the sentence says where, and shows both values.
    ValueError
        ``answer`` does not have one row for each output, or a row not one entry for each variable; or ``points``
        is below 1.

    >>> from sympy import symbols, exp
    >>> x = symbols("x", real=True)
    >>> check_gradient(2 * exp(2 * x), exp(2 * x), [x], lambda t: (2 * t).exp())
    exp(2*x), 25 points
      complex-step differences  below 1e-12  a step without subtraction: rounding alone, some thousand times 2e-16
      autograd, float64         below 1e-12  rounding alone, some thousand times 2e-16
    """
    if points < 1:
        raise ValueError(f"The number of points is {points}; without at least 1 nothing is checked.")
    outputs = list(function) if isinstance(function, Sequence) else [function]
    rows = answer if isinstance(answer, Sequence) else [[answer]]
    if not all(isinstance(row, Sequence) for row in rows):
        raise ValueError(
            "The answer is a list of expressions; a Jacobian is a list of rows, one for each output: [[...], [...]]."
        )
    claimed = [list(row) for row in rows]
    if [len(row) for row in claimed] != [len(variables)] * len(outputs):
        raise ValueError(
            f"The answer has rows of {sorted({len(row) for row in claimed})} entries, {len(claimed)} "
            f"of them; {len(outputs)} outputs of {len(variables)} variables need "
            f"{len(outputs)} rows of {len(variables)}."
        )
    written = [unfold(output, definitions) for output in outputs]
    exact = sympy.lambdify([variables], [[unfold(c, definitions) for c in row] for row in claimed], modules="mpmath")
    values = sympy.lambdify([variables], written, modules="numpy")
    difference = complex_step if smooth else central_differences
    ways = {
        ("complex-step differences" if smooth else "central differences"): (
            lambda point: difference(values, point),
            COMPLEX if smooth else CENTRAL,
        ),
        "autograd, float64": (lambda point: _autograd(framework, point), AUTOGRAD),
    }
    worst = dict.fromkeys(ways, 0.0)
    draw = np.random.default_rng(seed)
    for point in draw.uniform(*span, size=(points, len(variables))):
        with mpmath.workdps(50):
            rows = exact([mpmath.mpf(float(x)) for x in point])
        # A complex value is none: the functions here are of real variables.
        formula = np.array([[np.nan if isinstance(v, mpmath.mpc) else float(v) for v in row] for row in rows])
        for way, (derivative, (tolerance, _)) in ways.items():
            found = derivative(point)
            worst[way] = max(worst[way], residual(found, formula))
            if not worst[way] < tolerance:
                _refuse(
                    text(function) if isinstance(function, Expr) else "the function",
                    way,
                    variables,
                    point,
                    formula,
                    found,
                )
    title = ", ".join(map(text, outputs)) if len(outputs) == 1 else f"{len(outputs)} outputs"
    return tabulate(
        f"{title}, {points} points",
        [Row(way, worst[way], *tolerance) for way, (_, tolerance) in ways.items()],
    )


def _refuse(
    name: str, way: str, variables: Sequence[Symbol], point: np.ndarray, formula: np.ndarray, found: np.ndarray
) -> NoReturn:
    where = ", ".join(f"{text(v)} = {x:.4g}" for v, x in zip(variables, point, strict=True))
    entry = ""
    if formula.shape == np.shape(found):
        row, column = map(int, np.unravel_index(np.argmax(np.abs(formula - found)), formula.shape))
        formula, found = formula[row, column], found[row, column]
        if (row, column) != (0, 0) or len(variables) > 1:
            entry = f", output {row + 1} by {text(variables[column])}"
    shown = [f"an array of shape {np.shape(value)}" for value in (formula, found)]
    if np.ndim(found) == 0:
        # As many digits as it takes to tell the two apart.
        close = abs(formula - found) < 1e-3 * abs(found)
        shown = [f"{value:.{16 if close else 4}g}" for value in (formula, found)]
    raise GradientError(
        f"The formula for the derivative of {name} is wrong. At {where}{entry} it gives {shown[0]}, "
        f"but {way} give {shown[1]}."
    )


def complex_step(function: Callable, point: np.ndarray) -> np.ndarray:
    """The Jacobian (m, n) of an analytic function by steps along the imaginary axis.

    f(x + ih) = f(x) + ih f'(x) - ..., so Im f(x + ih) / h is f'(x) without any subtraction, and h
    may be as small as 1e-30 (Squire and Trapp, SIAM Review 40, 1998).

    >>> complex_step(lambda x: [x[0] ** 3], np.array([2.0]))
    array([[12.]])
    """
    columns = []
    for position in range(len(point)):
        moved = point.astype(complex)
        moved[position] += 1e-30j
        columns.append([complex(value).imag / 1e-30 for value in function(moved)])
    return np.array(columns).T


def central_differences(function: Callable, point: np.ndarray) -> np.ndarray:
    """The Jacobian (m, n) by central differences, with the step ``eps^(1/3) max(1, |x|)``.

    >>> abs(central_differences(lambda x: [x[0] ** 3], np.array([2.0]))[0, 0] - 12) < 1e-8
    np.True_
    """
    columns = []
    for position in range(len(point)):
        step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(point[position]))
        up, down = point.copy(), point.copy()
        up[position] += step
        down[position] -= step
        # The step that was taken is the difference of two float64 numbers, not `step` itself.
        taken = up[position] - down[position]
        columns.append((np.array(function(up)) - np.array(function(down))) / taken)
    return np.array(columns, dtype=float).T


def _autograd(framework: Callable, point: np.ndarray) -> np.ndarray:
    # Chapters of symbols alone must not wait for PyTorch.
    import torch

    tensor = torch.tensor(point, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda t: framework(t).reshape(-1), tensor)
    return jacobian.numpy()


def check_backward(
    title: str, layer: Callable, hand: Callable, inputs: Mapping[str, torch.Tensor], *, seed: int = 0
) -> ResidualTable:
    """Compare a backward pass written by hand with autograd of the layer itself, in float64.

    Parameters
    ----------
    title
        What is compared; the table's heading.
    layer
        Takes the inputs' tensors, in order, returns a tensor y.
    hand
        Takes g, the error by y (of y's shape), then the inputs; returns the error by each input, in their order
        (a tensor alone for one input).
    inputs
        Tensors by name: x, weight, bias, ...
    seed
        Draws g.

    Raises
    ------
    GradientError
        One of them differs in shape or by more than rounding.

    >>> import torch
    >>> x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    >>> check_backward("A square", lambda x: x**2, lambda g, x: 2 * x * g, {"x": x})
    A square
      autograd, by x  below 1e-12  rounding alone, some thousand times 2e-16
    """
    import torch

    tensors = [value.detach().clone().requires_grad_() for value in inputs.values()]
    output = layer(*tensors)
    g = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed), dtype=output.dtype)
    expected = torch.autograd.grad(output, tensors, g)
    with torch.no_grad():
        found = hand(g, *(tensor.detach() for tensor in tensors))
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(expected) or not all(isinstance(value, torch.Tensor) for value in found):
        kinds = ", ".join(type(value).__name__ for value in found)
        raise GradientError(f"{title}: by hand there came {kinds}; wanted is a tensor for each of {', '.join(inputs)}.")
    return tabulate(
        title,
        [
            Row(f"autograd, by {name}", residual(value, reference), *AUTOGRAD)
            for name, value, reference in zip(inputs, found, expected, strict=True)
        ],
    )
