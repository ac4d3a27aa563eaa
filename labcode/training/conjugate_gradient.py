"""Nonlinear conjugate gradient, the lab's other optimizer (lab section 2.4.4), which PyTorch does not have."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from labcode.checks import real_number, whole_number
from labcode.errors import LabcodeError

SHRINK = 0.1  # an interpolated step keeps this share of the bracket away from both of its ends
STRETCH = 3.0  # an extrapolated step is at most this many times the step before
RATIO = 100.0  # the first step of a search is at most this many times the last step of the search before


class NotFiniteError(LabcodeError, RuntimeError):
    """The loss or its gradient is not finite where a step begins."""


class ConjugateGradient(torch.optim.Optimizer):
    r"""Polak-Ribiere conjugate gradient with Rasmussen's line search.

    Every call of `step` makes up to ``max_iterations`` line searches on the function that the closure computes,
    starting with steepest descent, so each minibatch starts anew. The closure must compute the same function
    each time, so a dropout mask is drawn before the step.

    The direction is :math:`s \leftarrow \beta s - g'` with :math:`\beta = (g' \cdot g' - g' \cdot g) / (g \cdot g)`,
    where g and g' are the gradients before and after a search; where s does not descend, it is reset to -g'. A search
    along s ends where both Wolfe-Powell conditions hold: the loss has fallen by at least ``rho`` times what the first
    slope promises, and the size of the slope is at most ``sigma`` times the first one's. A search that finds no such
    point restores the weights. So the loss never rises, and no step ends at a loss that is not finite.

    (Polak and Ribiere 1969; the line search is that of C. E. Rasmussen's ``minimize``, 2001, which Torch7's
    ``optim.cg`` follows. Nocedal and Wright, Numerical Optimization, chapters 3 and 5.)

    Parameters
    ----------
    params : the parameters, in one group.
    max_iterations : line searches per step.
    max_evaluations : evaluations per line search.
    tolerance : a step ends early when no entry of the gradient is larger than this.
    rho, sigma : of the Wolfe-Powell conditions, 0 < rho < sigma < 1.

    Raises
    ------
    ValueError : a setting outside its range, or more than one parameter group.

    >>> x = torch.tensor([3.0, -2.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = ConjugateGradient([x], max_iterations=20, tolerance=1e-8)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (x[0] - 1) ** 2 + 10 * x[1] ** 2
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure), bool((x - torch.tensor([1.0, 0.0])).abs().max() < 1e-8)
    (44.0, True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        max_iterations: int = 2,
        max_evaluations: int = 20,
        tolerance: float = 0.0,
        rho: float = 0.01,
        sigma: float = 0.5,
    ):
        max_iterations = whole_number("max_iterations", max_iterations, at_least=1)
        max_evaluations = whole_number("max_evaluations", max_evaluations, at_least=1)
        tolerance = real_number("tolerance", tolerance, at_least=0)
        if not 0 < rho < sigma < 1:
            raise ValueError(f"rho is {rho!r} and sigma is {sigma!r}; 0 < rho < sigma < 1 is required.")
        super().__init__(
            params,
            {
                "max_iterations": max_iterations,
                "max_evaluations": max_evaluations,
                "tolerance": tolerance,
                "rho": rho,
                "sigma": sigma,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError(f"There are {len(self.param_groups)} parameter groups; conjugate gradient takes one.")
        # Kept as a parameter's state, so that it is saved and loaded with `state_dict`.
        self.state[self._parameters[0]].update(evaluations=0, line_searches=0)

    @property
    def evaluations(self) -> int:
        """Evaluations of the closure, loss and gradient together, since the optimizer was made."""
        return self.state[self._parameters[0]]["evaluations"]

    @property
    def line_searches(self) -> int:
        """Line searches since the optimizer was made."""
        return self.state[self._parameters[0]]["line_searches"]

    @property
    def _parameters(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor | float] | None = None) -> float:  # type: ignore[override]
        """Minimize along up to ``max_iterations`` directions; return the loss before the first.

        Parameters
        ----------
        closure : computes the loss, leaves its gradient in the parameters' ``grad``, and returns it.

        Raises
        ------
        NotFiniteError : the loss or its gradient is not finite where the step begins. The weights are unchanged.
        TypeError : there is no closure.
        """
        if closure is None:
            raise TypeError("closure is None; conjugate gradient needs one, since it evaluates the loss several times.")
        settings = self.param_groups[0]
        first_loss = loss = self._evaluate(closure)
        gradient = [g.clone() for g in self._gradient()]
        if not (math.isfinite(loss) and math.isfinite(_dot(gradient, gradient))):
            raise NotFiniteError(f"The loss is {loss} where the step begins, or its gradient is not finite.")
        direction: list[Tensor] | None = None
        for _ in range(settings["max_iterations"]):
            square = _dot(gradient, gradient)
            if square == 0 or max(g.abs().max().item() for g in gradient) <= settings["tolerance"]:
                break
            steepest = direction is None
            if direction is None:
                direction, slope, length = [-g for g in gradient], -square, 1 / (1 + square)
            self.state[self._parameters[0]]["line_searches"] += 1
            end = self._search(closure, Point(0.0, loss, slope), direction, length)
            if end is None:
                if steepest:
                    break
                direction = None
                continue
            loss, previous, gradient = end.loss, gradient, [g.clone() for g in self._gradient()]
            beta = (_dot(gradient, gradient) - _dot(gradient, previous)) / square
            direction = [beta * s - g for s, g in zip(direction, gradient, strict=True)]
            old_slope, slope = slope, _dot(gradient, direction)
            if not -math.inf < slope < 0:
                direction = [-g for g in gradient]
                slope = _dot(gradient, direction)
            # The new search is expected to gain about as much as the last one.
            length = end.length * min(RATIO, old_slope / slope) if slope else 1.0
        return first_loss

    def _search(
        self, closure: Callable[[], Tensor | float], start: "Point", direction: list[Tensor], length: float
    ) -> "Point | None":
        """Move the weights along ``direction`` to where the Wolfe-Powell conditions hold, and return that point.

        The last evaluation is then at the new weights. Without such a point, restore the weights and return None.
        """
        settings = self.param_groups[0]
        origin = [p.clone() for p in self._parameters]
        behind, limit = start, math.inf
        for _ in range(settings["max_evaluations"]):
            for p, x, s in zip(self._parameters, origin, direction, strict=True):
                torch.add(x, s, alpha=length, out=p)
            loss = self._evaluate(closure)
            here = Point(length, loss, _dot(self._gradient(), direction))
            if not (math.isfinite(here.loss) and math.isfinite(here.slope)):
                limit = here.length
                length = (behind.length + here.length) / 2
            elif (
                here.loss > start.loss + settings["rho"] * here.length * start.slope
                or here.slope > -settings["sigma"] * start.slope
            ):
                limit = here.length
                length = interpolate(behind, here)
            elif here.slope < settings["sigma"] * start.slope:
                length, behind = extrapolate(behind, here, limit), here
            else:
                return here
        for p, x in zip(self._parameters, origin, strict=True):
            p.copy_(x)
        return None

    def _evaluate(self, closure: Callable[[], Tensor | float]) -> float:
        self.state[self._parameters[0]]["evaluations"] += 1
        with torch.enable_grad():
            loss = closure()
        return loss.item() if isinstance(loss, Tensor) else float(loss)

    def _gradient(self) -> list[Tensor]:
        """Return the gradient, zero for a parameter that has none; the next evaluation overwrites it."""
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters]


@dataclass(frozen=True)
class Point:
    """A point on the searched line: its distance from the start, the loss there, and the slope along the line."""

    length: float
    loss: float
    slope: float


def interpolate(behind: Point, here: Point) -> float:
    """Return a length between two points, of which ``here`` is too far, where the minimum is likely to be.

    If the loss rose, it is the minimum of the parabola through both losses and the slope behind; if it fell, that of
    the cubic through both losses and slopes. It is kept away from the ends of the bracket, and is its middle if the
    arithmetic overflows or has no answer.

    >>> interpolate(Point(0, 1.0, -2.0), Point(3, 4.0, 4.0))  # (t - 1)^2
    1.0
    """
    span = here.length - behind.length
    if here.loss > behind.loss:
        curvature = _over(2 * (here.loss - behind.loss - behind.slope * span), _square(span))
        guess = behind.length - _over(behind.slope, curvature)
    else:
        guess = cubic_minimum(behind, here)
    if not math.isfinite(guess):
        guess = behind.length + span / 2
    return min(max(guess, behind.length + SHRINK * span), here.length - SHRINK * span)


def extrapolate(behind: Point, here: Point, limit: float) -> float:
    """Return a length beyond ``here``, below ``limit`` (infinite if unknown), where the minimum is likely to be.

    It is the minimum of the cubic through both points' losses and slopes, kept between a tenth of the last step and
    three times the length, or well inside the limit.

    >>> extrapolate(Point(0, 1.0, -2.0), Point(0.5, 0.25, -1.0), limit=math.inf)  # (t - 1)^2
    1.0
    """
    guess = cubic_minimum(behind, here)
    nearest = here.length + SHRINK * (here.length - behind.length)
    if math.isinf(limit):
        farthest = STRETCH * here.length
        return min(max(guess, nearest), farthest) if guess > here.length else farthest
    middle = (here.length + limit) / 2
    if not here.length < guess < limit:
        return middle
    return min(max(guess, min(nearest, middle)), limit - SHRINK * (limit - here.length))


def cubic_minimum(a: Point, b: Point) -> float:
    """Return where the cubic through both points' losses and slopes has its minimum; NaN if it has none.

    (Nocedal and Wright, Numerical Optimization, equation 3.59.)

    >>> cubic_minimum(Point(0, 0.0, -3.0), Point(2, 2.0, 9.0))  # t^3 - 3 t
    1.0
    """
    span = b.length - a.length
    d1 = a.slope + b.slope - _over(3 * (b.loss - a.loss), span)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return math.nan
    d2 = math.copysign(math.sqrt(square), span)
    denominator = b.slope - a.slope + 2 * d2
    return b.length - _over(span * (b.slope + d2 - d1), denominator)


def _over(numerator: float, denominator: float) -> float:
    """Divide; NaN where Python would raise an error, since a line search may meet numbers of any size."""
    return numerator / denominator if denominator else math.nan


def _square(x: float) -> float:
    """Square; infinity where Python would raise an error. (The recorded runs squared by ``**``, not by a product.)"""
    return x**2 if abs(x) < 1e150 else math.inf


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return sum((x * y).sum().item() for x, y in zip(a, b, strict=True))
