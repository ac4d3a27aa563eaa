"""Check a derivative against finite differences and automatic differentiation.

The formula is the result of a derivation. The differences know only the function, and the framework only its own
rules. A wrong factor goes unnoticed only if all three have it.

Where two of the three disagree, differences in many digits decide: they need no derivative, no framework and no
complex numbers, and they lose nothing to rounding. Only a formula that disagrees with them is called wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import mpmath
import numpy as np
import sympy
from sympy import Dummy, Expr, Symbol

from labcode.checks import whole_number
from labcode.derivation.differences import central_differences, complex_step
from labcode.derivation.expressions import unfold
from labcode.derivation.printing import text
from labcode.derivation.residuals import (
    AUTOGRAD,
    CENTRAL,
    COMPLEX,
    GradientError,
    ResidualTable,
    Row,
    residual,
    tabulate,
)
from labcode.derivation.sampling import MOST_DIGITS, digits_needed, value_at
from labcode.derivation.statement import StatementError, ends, exact, expression, in_words, names_in, shown
from labcode.derivation.statement import function as as_function

if TYPE_CHECKING:
    import torch

#: The step of the differences that decide is 1e-50; they are computed in thousands of digits.
DIGITS_OF_STEP = 50


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
    answer : the claimed derivatives: one expression, or a Jacobian as a matrix or a list of rows, one row per output
        and one entry per variable. Evaluated to 50 digits, then rounded.
    function : one expression, or m outputs in a list or a matrix.
    variables : the n symbols to differentiate by; a name in ``answer`` stands for the variable spelled the same.
    framework : the same function in PyTorch; takes a float64 tensor of shape (n,) and returns a scalar or a tensor of
        shape (m,).
    definitions : what the names stand for, see :func:`labcode.derivation.unfold`.
    smooth : True for complex steps, which need an analytic function; False for central differences.
    span, points, seed : ``points`` points are drawn uniformly from ``span`` in each variable.

    Raises
    ------
    GradientError : the formula is wrong, with a point and both values; or one of the other two cannot be trusted at a
        point, with the reason: the function is not real or has a corner there, is not analytic, or is not what the
        framework computes there.
    ValueError : ``answer`` does not have one row per output and one entry per variable, a name is not among the
        ``variables``, ``points`` is below 1, or another argument is malformed.

    >>> from sympy import symbols, exp
    >>> x = symbols("x", real=True)
    >>> check_gradient(2 * exp(2 * x), exp(2 * x), [x], lambda t: (2 * t).exp())
    exp(2*x), 25 points
      complex-step differences  below 1e-12  no subtraction, so only rounding error: a few thousand times 2e-16
      autograd, float64         below 1e-12  only rounding error: a few thousand times 2e-16
    """
    whole_number("points", points, at_least=1)
    whole_number("seed", seed, at_least=0)
    low, high = map(float, ends("The span", span, finite=True))
    if not isinstance(smooth, bool):
        raise StatementError(f"smooth is {shown(smooth)}; it must be True or False.")
    letters = _letters(variables)
    framework = as_function(framework, "The framework's function")
    outputs = [expression(output, "The function") for output in _flat(function)]
    claimed = _rows(answer, len(outputs), len(letters))
    evaluate = partial(_evaluator, definitions=definitions, letters=letters)
    functions = [evaluate(output, "The function") for output in outputs]
    formulas = [[evaluate(entry, "The formula") for entry in row] for row in claimed]
    title = text(outputs[0]) if len(outputs) == 1 else f"{len(outputs)} outputs"

    def values(point: np.ndarray) -> list:
        return [function(point) for function in functions]

    differences = (
        ("complex-step differences", complex_step, COMPLEX)
        if smooth
        else ("central differences", central_differences, CENTRAL)
    )
    ways = [(differences[0], partial(differences[1], values), differences[2])]
    ways.append(("autograd, float64", partial(_autograd, framework), AUTOGRAD))
    worst = {name: 0.0 for name, _, _ in ways}
    for point in np.random.default_rng(seed).uniform(low, high, size=(points, len(letters))):
        check = _Point(title, functions, framework, letters, point)
        check.require_values()
        formula = np.array([[_real(entry(point)) for entry in row] for row in formulas])
        for name, derivative, (tolerance, _) in ways:
            found = derivative(point)
            worst[name] = max(worst[name], residual(found, formula))
            if not worst[name] < tolerance:
                check.refuse(name, formula, found, tolerance)
    return tabulate(f"{title}, {points} points", [Row(name, worst[name], *limit) for name, _, limit in ways])


def _flat(value: Any) -> list:
    """One thing, or the things in a list, a matrix or an array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [part for each in value for part in _flat(each)] if isinstance(value, list | tuple) else [value]


def _rows(answer: Any, outputs: int, variables: int) -> list[list[Expr]]:
    """The answer as a Jacobian, one row per output and one entry per variable."""
    rows = answer.tolist() if hasattr(answer, "tolist") else answer
    rows = rows if isinstance(rows, list | tuple) else [[rows]]
    if not all(isinstance(row, list | tuple) for row in rows):
        raise StatementError(
            "The answer is a list of expressions; a Jacobian is a list of rows, one per output: [[...], [...]]."
        )
    lengths = [len(row) for row in rows]
    if lengths != [variables] * outputs:
        raise StatementError(
            f"The answer has rows of lengths {lengths}; {outputs} outputs of {variables} variables need "
            f"{outputs} rows of length {variables}."
        )
    return [[expression(entry, "The formula") for entry in row] for row in rows]


def _letters(variables: Any) -> dict[str, Dummy]:
    """A letter for each variable, by name: names may be any text, and symbols of one name are the same variable."""
    fits = isinstance(variables, Sequence) and all(isinstance(variable, Symbol) for variable in variables)
    if not fits or not variables or len(variables) != len({variable.name for variable in variables}):
        raise StatementError(f"variables is {shown(variables)}; it must be a list of symbols with different names.")
    return {variable.name: Dummy(variable.name, real=True) for variable in variables}


def _evaluator(formula: Expr, role: str, definitions: Mapping | None, letters: Mapping[str, Dummy]) -> Callable:
    """Return a function that evaluates the expression at an array (n,), real or complex, to 50 digits or more."""
    written = exact(unfold(formula, definitions))
    for name in names_in(written):
        if str(name) not in letters or not isinstance(name, Symbol):
            raise StatementError(
                f"{role} {text(formula)} contains {name}, which is neither defined nor among the variables "
                f"{', '.join(letters)}."
            )
    with in_words(f"Evaluating {text(formula)}"):
        written = written.xreplace({symbol: letters[symbol.name] for symbol in written.free_symbols})
        function = sympy.lambdify(list(letters.values()), written, modules="mpmath")
        needed = digits_needed([written], list(letters.values()))

    def value(point: np.ndarray) -> mpmath.mpf:
        numbers = [mpmath.mpmathify(x) for x in point]
        with in_words(f"Evaluating {text(formula)}"):
            found = value_at(function, numbers, min(needed(numbers), MOST_DIGITS))
        return mpmath.mpc(found, found) if mpmath.isnan(found) else found  # no value: not a real one either

    return value


def _real(value: mpmath.mpf) -> float:
    """A value of a function of real variables, as a float: a complex value is no value."""
    return np.nan if abs(value.imag) > mpmath.mpf(10) ** -30 * abs(value) else float(value.real)


@dataclass(frozen=True)
class _Point:
    """A point at which a formula is checked, and what can be said where it fails."""

    title: str
    functions: Sequence[Callable]
    framework: Callable
    letters: Mapping[str, Dummy]
    point: np.ndarray

    @property
    def where(self) -> str:
        return ", ".join(f"{name} = {x:.4g}" for name, x in zip(self.letters, self.point, strict=True))

    def require_values(self) -> None:
        """Refuse a point at which the function has no real value, and so no derivative."""
        for function in self.functions:
            value = function(self.point)
            if not np.isfinite(_real(value)):
                known = "undefined" if mpmath.isnan(value) else f"{mpmath.nstr(value, 4)}, not a real number"
                raise GradientError(
                    f"The derivative of {self.title} cannot be checked at {self.where}: the function's value there is "
                    f"{known}. Choose a span within its domain."
                )

    def refuse(self, way: str, formula: np.ndarray, found: np.ndarray, tolerance: float) -> NoReturn:
        """Say which cannot be trusted, the formula or another way: differences in many digits decide."""
        decisive = self.decisive()
        if not np.isfinite(decisive).all():
            raise GradientError(
                f"The derivative of {self.title} cannot be checked at {self.where}: the function has a corner, a jump "
                "or no values nearby, so no difference can be trusted there. Choose another span."
            )
        if residual(formula, decisive) < AUTOGRAD[0]:
            place, right, other = self._shown(formula, found)
            raise GradientError(
                f"The formula for the derivative of {self.title} gives {right} at {place}, as do differences in "
                f"{DIGITS_OF_STEP} digits, but {way} give {other}, and cannot be trusted there: "
                f"{self._reason(way, formula, found)}"
            )
        if not residual(found, decisive) < tolerance:
            way, found = f"differences in {DIGITS_OF_STEP} digits", decisive
        place, wrong, right = self._shown(formula, found)
        raise GradientError(
            f"The formula for the derivative of {self.title} is wrong. At {place} it gives {wrong}, but {way} give "
            f"{right}."
        )

    def decisive(self) -> np.ndarray:
        """The Jacobian by differences in many digits; NaN where the differences to the left and right disagree."""
        columns = []
        for position in range(len(self.point)):
            sides = []
            with mpmath.workdps(2 * MOST_DIGITS):
                step = mpmath.mpf(10) ** -DIGITS_OF_STEP
                for sign in (-1, 1):
                    moved = [mpmath.mpf(x) for x in self.point]
                    moved[position] += sign * step
                    sides.append([(f(moved) - f(self.point)) / (sign * step) for f in self.functions])
                column = [(_real(left), _real(right)) for left, right in zip(*sides, strict=True)]
            columns.append([a if abs(a - b) <= CENTRAL[0] * max(abs(a), abs(b)) else np.nan for a, b in column])
        return np.array(columns).T

    def _shown(self, formula: np.ndarray, found: np.ndarray) -> tuple[str, str, str]:
        """The place of the largest difference, and both values there."""
        if formula.shape != np.shape(found):
            return self.where, f"an array of shape {formula.shape}", f"an array of shape {np.shape(found)}"
        where = self.where
        row, column = map(int, np.unravel_index(np.argmax(np.abs(formula - found)), formula.shape))
        if formula.size > 1:
            where += f", output {row + 1} by {list(self.letters)[column]}"
        got, expected = formula[row, column], found[row, column]
        # As many digits as it takes to tell the two apart.
        digits = 16 if abs(got - expected) < 1e-3 * abs(expected) else 4
        return where, f"{got:.{digits}g}", f"{expected:.{digits}g}"

    def _reason(self, way: str, formula: np.ndarray, found: np.ndarray) -> str:
        """Why a way differs from a formula that is right."""
        if way.startswith("complex"):
            return "they need an analytic function, which this one is not. Set smooth=False for central differences."
        if way.startswith("central"):
            return "the function changes too much over their step. Choose a narrower span, or smooth=True."
        values = np.array([_real(function(self.point)) for function in self.functions])
        given = _framework_values(self.framework, self.point)
        if formula.shape != np.shape(found):
            return f"the framework's function has the shape {given.shape}, but there must be {len(values)} outputs."
        resolution = 64 * np.finfo(float).eps * max(1.0, np.abs(values).max())
        if not np.abs(values - given.reshape(-1)).max() <= resolution:
            worst = int(np.argmax(np.abs(values - given.reshape(-1))))
            return (
                f"the framework's function is {given.reshape(-1)[worst]:.16g} there instead of {values[worst]:.16g}, "
                "so it computes another formula there, or loses digits."
            )
        if np.abs(formula - found).max() <= resolution:
            return "float64 does not resolve so small a derivative beside the function's value. Choose a narrower span."
        return "the framework's function has the right value there, but its own rule for the derivative differs."


def _autograd(framework: Callable, point: np.ndarray) -> np.ndarray:
    # Imported here: chapters that use only symbols need not wait for PyTorch.
    import torch

    _framework_values(framework, point)
    with torch.inference_mode(False):
        tensor = torch.tensor(point, dtype=torch.float64, device="cpu")
        return torch.autograd.functional.jacobian(lambda t: framework(t).reshape(-1), tensor).numpy()


def _framework_values(framework: Callable, point: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        value = framework(torch.tensor(point, dtype=torch.float64, device="cpu"))
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise StatementError(f"The framework's function returned {shown(value)}; it must return a tensor of floats.")
    return value.numpy()


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
    ValueError : ``inputs`` are not float64 tensors by name.

    >>> import torch
    >>> x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    >>> check_backward("A square", lambda x: x**2, lambda g, x: 2 * x * g, {"x": x})
    A square
      autograd, by x  below 1e-12  only rounding error: a few thousand times 2e-16
    """
    import torch

    if not isinstance(inputs, Mapping) or not inputs:
        raise StatementError(f"inputs is {shown(inputs)}; it must map at least one name to its tensor.")
    for name, value in inputs.items():
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
            raise StatementError(f"The input {name} is {shown(value)}; it must be a tensor of dtype float64.")
    with torch.inference_mode(False), torch.enable_grad():
        tensors = [value.detach().clone().requires_grad_() for value in inputs.values()]
        output = as_function(layer, "The layer")(*tensors)
    if not isinstance(output, torch.Tensor) or not output.requires_grad:
        raise GradientError(
            f"{title}: the layer returned {shown(output)}; it must return a tensor made from its inputs."
        )
    chance = torch.Generator(output.device).manual_seed(whole_number("seed", seed, at_least=0))
    g = torch.randn(output.shape, generator=chance, dtype=output.dtype, device=output.device)
    expected = torch.autograd.grad(output, tensors, g, materialize_grads=True)
    with torch.no_grad():
        found = as_function(hand, "The backward pass")(g, *(tensor.detach() for tensor in tensors))
    found = tuple(found) if isinstance(found, tuple | list) else (found,)
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
