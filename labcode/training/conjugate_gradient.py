"""Nonlinear conjugate gradient, the lab's other optimizer (lab section 2.4.4), which PyTorch does not have."""

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from labcode.checks import real_number, whole_number
from labcode.errors import LabcodeError

EVALUATIONS = 20  # of a line search, at most
RHO, SIGMA = 0.01, 0.5  # of the Wolfe-Powell conditions
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
        max_evaluations: int = EVALUATIONS,
        tolerance: float = 0.0,
        rho: float = RHO,
        sigma: float = SIGMA,
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
        counts = self.state[self._parameters[0]]
        line = ParameterLine(self._parameters, settings["tolerance"])
        lengths = minimize(
            line, settings["max_iterations"], settings["max_evaluations"], settings["rho"], settings["sigma"]
        )
        next(lengths)
        first_loss = loss = self._evaluate(closure)
        while True:
            try:
                line.move(lengths.send(loss))
            except StopIteration as end:
                counts["line_searches"] += end.value
                return first_loss
            loss = self._evaluate(closure)

    def _evaluate(self, closure: Callable[[], Tensor | float]) -> float:
        self.state[self._parameters[0]]["evaluations"] += 1
        with torch.enable_grad():
            loss = closure()
        return loss.item() if isinstance(loss, Tensor) else float(loss)


class Line(Protocol):
    """The line x0 + t s that is searched, with gradients g0 at x0 and g at x, the point evaluated last."""

    def square(self) -> float:
        """Return g . g, or 0 where the gradient is as small as it has to be."""

    def overlap(self) -> float:
        """Return g . g0."""

    def slope(self) -> float:
        """Return g . s."""

    def start(self) -> None:
        """Let the next line start here: x0 <- x and g0 <- g."""

    def turn(self, beta: float) -> None:
        """Set its direction: s <- beta s - g0."""

    def back(self) -> None:
        """Return to where the line starts: x <- x0."""


class ParameterLine:
    """The line of parameters with their gradients, as lists of tensors; a missing gradient is zero.

    No entry of the gradient has to be smaller than ``tolerance``.
    """

    def __init__(self, parameters: list[Tensor], tolerance: float):
        self.parameters, self.tolerance = parameters, tolerance
        self.direction: list[Tensor] = []

    def square(self) -> float:
        gradient = self._gradient()
        if self.tolerance and max(g.abs().max().item() for g in gradient) <= self.tolerance:
            return 0.0
        return _dot(gradient, gradient)

    def overlap(self) -> float:
        return _dot(self._gradient(), self.start_gradient)

    def slope(self) -> float:
        return _dot(self._gradient(), self.direction)

    def start(self) -> None:
        self.origin = [p.clone() for p in self.parameters]
        self.start_gradient = [g.clone() for g in self._gradient()]

    def turn(self, beta: float) -> None:
        if beta:
            self.direction = [beta * s - g for s, g in zip(self.direction, self.start_gradient, strict=True)]
        else:
            self.direction = [-g for g in self.start_gradient]

    def move(self, length: float) -> None:
        """Move the parameters to x0 + length s."""
        for p, x, s in zip(self.parameters, self.origin, self.direction, strict=True):
            torch.add(x, s, alpha=length, out=p)

    def back(self) -> None:
        for p, x in zip(self.parameters, self.origin, strict=True):
            p.copy_(x)

    def _gradient(self) -> list[Tensor]:
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]


def minimize(
    line: Line, searches: int, evaluations: int = EVALUATIONS, rho: float = RHO, sigma: float = SIGMA
) -> Generator[float, float, int]:
    """Search along up to ``searches`` lines, as `ConjugateGradient` describes it; return how many were searched.

    This is a generator of numbers, so that many minimizations can go on side by side: whoever runs it moves the
    parameters to each length that it yields, x = x0 + length s, computes loss and gradient there, and sends the loss.
    The first length is 0: nothing moves. ``line`` does the rest of the work on vectors.

    Raises
    ------
    NotFiniteError : the first loss or its gradient is not finite.

    >>> x = torch.tensor([3.0])
    >>> lengths = minimize(ParameterLine([x], tolerance=0.0), searches=1)
    >>> next(lengths)
    0.0
    >>> x.grad = 2 * (x - 1)  # of (x - 1)^2
    >>> lengths.send(4.0) == 1 / (1 + 4**2)
    True
    """
    loss = yield 0.0
    square = line.square()
    if not (math.isfinite(loss) and math.isfinite(square)):
        raise NotFiniteError(f"The loss is {loss} where the step begins, or its gradient is not finite.")
    line.start()
    end: Point | None = None
    slope = 0.0
    for number in range(searches):
        steepest = end is None
        if end is None:
            if not square:
                return number
            line.turn(0)
            slope, length = -square, 1 / (1 + square)
        else:
            loss, before, square = end.loss, square, line.square()
            if not square:
                return number
            beta = (square - line.overlap()) / before
            line.start()
            line.turn(beta)
            old_slope, slope = slope, line.slope()
            if not -math.inf < slope < 0:
                line.turn(0)
                slope = -square
            # The new search is expected to gain about as much as the last one.
            length = end.length * min(RATIO, old_slope / slope) if slope else 1.0
        end = yield from search(line, Point(0.0, loss, slope), length, evaluations, rho, sigma)
        if end is None:
            line.back()
            if steepest:
                return number + 1
    return searches


def search(
    line: Line, start: "Point", length: float, evaluations: int, rho: float, sigma: float
) -> Generator[float, float, "Point | None"]:
    """Try lengths, ``length`` first, until the Wolfe-Powell conditions hold; return that point, or None.

    See `minimize` for what is yielded.
    """
    behind, limit = start, math.inf
    for _ in range(evaluations):
        loss = yield length
        here = Point(length, loss, line.slope())
        if not (math.isfinite(here.loss) and math.isfinite(here.slope)):
            limit = here.length
            length = (behind.length + here.length) / 2
        elif here.loss > start.loss + rho * here.length * start.slope or here.slope > -sigma * start.slope:
            limit = here.length
            length = interpolate(behind, here)
        elif here.slope < sigma * start.slope:
            length, behind = extrapolate(behind, here, limit), here
        else:
            return here
    return None


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
