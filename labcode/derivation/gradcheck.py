"""Check a derivative against finite differences and automatic differentiation.

The formula is the result of a derivation. The differences know only the function, and the framework only its own
rules. A wrong factor goes unnoticed only if all three have it.
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

from labcode.checks import whole_number
from labcode.derivation.expressions import unfold
from labcode.derivation.printing import text
from labcode.errors import LabcodeError

if TYPE_CHECKING:
    import torch

#: Tolerances, each with its reason. Float64 rounds to eps = 2.2e-16, and a formula of a few operations on numbers of
#: ordinary size stays within a few thousand eps.
COMPLEX = (1e-12, "no subtraction, so only rounding error: a few thousand times 2e-16")
CENTRAL = (1e-7, "rounding and truncation error: at best about 4e-11 times the third derivative")
AUTOGRAD = (1e-12, "only rounding error: a few thousand times 2e-16")


class GradientError(LabcodeError, ArithmeticError):
    """A formula and a computed derivative differ by more than rounding explains."""


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
    """Return a table of residuals, all of which lie below their tolerances.

    Raises
    ------
    GradientError : a residual reaches its tolerance, or is not a number.

    >>> tabulate("a gradient", [Row("autograd", 3e-16, 1e-12, "only rounding error")])
    a gradient
      autograd  below 1e-12  only rounding error
    """
    for row in rows:
        if not row.residual < row.tolerance:
            raise GradientError(
                f"{title}: the largest relative residual against {row.compared} is {row.residual:.1e}; "
                f"it must be below {row.tolerance:.0e} ({row.reason})."
            )
    return ResidualTable(title, tuple(rows))


def residual(value: ArrayLike, reference: ArrayLike) -> float:
    """Largest difference between two arrays, relative to the largest entry of either.

    Infinite if the shapes differ or an entry is not finite, so that no such comparison passes.

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
    """Compare a formula with finite differences of the function and with autograd.

    Parameters
    ----------
    answer : the claimed derivatives: one expression, or a Jacobian as a list of rows, one row per output and one entry
        per variable. Evaluated to 50 digits, then rounded.
    function : one expression, or a list of m outputs.
    variables : the n symbols to differentiate by.
    framework : the same function in PyTorch; takes a float64 tensor of shape (n,) and returns a scalar or a tensor of
        shape (m,).
    definitions : what the names stand for, see :func:`labcode.derivation.unfold`.
    smooth : True for complex steps, which need an analytic function; False for central differences.
    span, points, seed : ``points`` points are drawn uniformly from ``span`` in each variable.

    Raises
    ------
    GradientError : the formula differs from one of the two; the message shows the point and both values.
    ValueError : ``answer`` does not have one row per output and one entry per variable, or ``points`` is below 1.

    >>> from sympy import symbols, exp
    >>> x = symbols("x", real=True)
    >>> check_gradient(2 * exp(2 * x), exp(2 * x), [x], lambda t: (2 * t).exp())
    exp(2*x), 25 points
      complex-step differences  below 1e-12  no subtraction, so only rounding error: a few thousand times 2e-16
      autograd, float64         below 1e-12  only rounding error: a few thousand times 2e-16
    """
    whole_number("points", points, at_least=1)
    outputs = list(function) if isinstance(function, Sequence) else [function]
    claimed = _rows(answer, len(outputs), len(variables))
    written = [unfold(output, definitions) for output in outputs]
    exact = sympy.lambdify([variables], [[unfold(c, definitions) for c in row] for row in claimed], modules="mpmath")
    values = sympy.lambdify([variables], written, modules="numpy")
    references: list[tuple[str, Callable, tuple[float, str]]] = [
        ("complex-step differences", lambda point: complex_step(values, point), COMPLEX)
        if smooth
        else ("central differences", lambda point: central_differences(values, point), CENTRAL),
        ("autograd, float64", lambda point: _autograd(framework, point), AUTOGRAD),
    ]
    worst = {name: 0.0 for name, _, _ in references}
    draw = np.random.default_rng(seed)
    for point in draw.uniform(*span, size=(points, len(variables))):
        with mpmath.workdps(50):
            rows = exact([mpmath.mpf(float(x)) for x in point])
        # These are functions of real variables: a complex value is no value.
        formula = np.array([[np.nan if isinstance(v, mpmath.mpc) else float(v) for v in row] for row in rows])
        for name, derivative, (tolerance, _) in references:
            found = derivative(point)
            worst[name] = max(worst[name], residual(found, formula))
            if not worst[name] < tolerance:
                described = text(function) if isinstance(function, Expr) else "the function"
                _refuse(described, name, variables, point, formula, found)
    title = text(outputs[0]) if len(outputs) == 1 else f"{len(outputs)} outputs"
    return tabulate(f"{title}, {points} points", [Row(name, worst[name], *limit) for name, _, limit in references])


def _rows(answer: Expr | Sequence[Sequence[Expr]], outputs: int, variables: int) -> list[list[Expr]]:
    """The answer as a Jacobian, one row per output and one entry per variable."""
    rows = answer if isinstance(answer, Sequence) else [[answer]]
    if not all(isinstance(row, Sequence) for row in rows):
        raise ValueError(
            "The answer is a list of expressions; a Jacobian is a list of rows, one per output: [[...], [...]]."
        )
    lengths = [len(row) for row in rows]
    if lengths != [variables] * outputs:
        raise ValueError(
            f"The answer has rows of lengths {lengths}; {outputs} outputs of {variables} variables need "
            f"{outputs} rows of length {variables}."
        )
    return [list(row) for row in rows]


def _refuse(
    function: str, way: str, variables: Sequence[Symbol], point: np.ndarray, formula: np.ndarray, found: np.ndarray
) -> NoReturn:
    where = ", ".join(f"{text(v)} = {x:.4g}" for v, x in zip(variables, point, strict=True))
    shown = [f"an array of shape {np.shape(value)}" for value in (formula, found)]
    if formula.shape == np.shape(found):
        row, column = map(int, np.unravel_index(np.argmax(np.abs(formula - found)), formula.shape))
        if formula.size > 1:
            where += f", output {row + 1} by {text(variables[column])}"
        expected, got = found[row, column], formula[row, column]
        # As many digits as it takes to tell the two apart.
        digits = 16 if abs(got - expected) < 1e-3 * abs(expected) else 4
        shown = [f"{value:.{digits}g}" for value in (got, expected)]
    raise GradientError(
        f"The formula for the derivative of {function} is wrong. At {where} it gives {shown[0]}, "
        f"but {way} give {shown[1]}."
    )


def complex_step(function: Callable, point: np.ndarray) -> np.ndarray:
    """The Jacobian (m, n) of an analytic function, by steps along the imaginary axis.

    f(x + ih) = f(x) + ih f'(x) - ..., so Im f(x + ih) / h is f'(x) without any subtraction, and h may be as small as
    1e-30 (Squire and Trapp, SIAM Review 40, 1998).

    Parameters
    ----------
    function : takes an array of shape (n,), real or complex, and returns m values.
    point : shape (n,).

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
    """The Jacobian (m, n) by central differences with the step ``eps^(1/3) max(1, |x|)``.

    Parameters
    ----------
    function : takes an array of shape (n,) and returns m values.
    point : shape (n,).

    >>> abs(central_differences(lambda x: [x[0] ** 3], np.array([2.0]))[0, 0] - 12) < 1e-8
    np.True_
    """
    columns = []
    for position in range(len(point)):
        step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(point[position]))
        up, down = point.copy(), point.copy()
        up[position] += step
        down[position] -= step
        # The difference of the two rounded points, which is not exactly 2 * step.
        taken = up[position] - down[position]
        columns.append((np.array(function(up)) - np.array(function(down))) / taken)
    return np.array(columns, dtype=float).T


def _autograd(framework: Callable, point: np.ndarray) -> np.ndarray:
    # Imported here: chapters that use only symbols need not wait for PyTorch.
    import torch

    tensor = torch.tensor(point, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda t: framework(t).reshape(-1), tensor)
    return jacobian.numpy()


def check_backward(
    title: str, layer: Callable, hand: Callable, inputs: Mapping[str, torch.Tensor], *, seed: int = 0
) -> ResidualTable:
    """Compare a hand-written backward pass with autograd of the layer itself, in float64.

    Parameters
    ----------
    title : heading of the table.
    layer : takes the input tensors, in order, and returns a tensor y.
    hand : takes the gradient g at y (of y's shape), then the inputs; returns the gradient at each input, in order, or
        a single tensor for one input.
    inputs : tensors by name: x, weight, bias, ...
    seed : of the random g.

    Raises
    ------
    GradientError : a gradient is missing, or differs in shape or by more than rounding error.

    >>> import torch
    >>> x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    >>> check_backward("A square", lambda x: x**2, lambda g, x: 2 * x * g, {"x": x})
    A square
      autograd, by x  below 1e-12  only rounding error: a few thousand times 2e-16
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
        raise GradientError(
            f"{title}: the backward pass returned {kinds}; expected one tensor for each of {', '.join(inputs)}."
        )
    return tabulate(
        title,
        [
            Row(f"autograd, by {name}", residual(value, reference), *AUTOGRAD)
            for name, value, reference in zip(inputs, found, expected, strict=True)
        ],
    )
