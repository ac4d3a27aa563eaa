"""Conjugate gradient: known minima, comparison with SciPy's method, and losses that are not finite."""

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import ConjugateGradient, ConjugateGradientSteps, HandSteps, Recipe, train
from labcode.training.conjugate_gradient import Point, cubic_minimum, extrapolate, interpolate
from labcode.training.conjugate_gradient import minimize as minimize_steps


def minimize(function, start, **options) -> tuple[torch.Tensor, ConjugateGradient]:
    """Minimize ``function`` from ``start`` in one call of `step`."""
    x = torch.as_tensor(start, dtype=torch.float64).clone().requires_grad_()
    optimizer = ConjugateGradient([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    return x.detach(), optimizer


def minimize_with_scipy(function, start, tolerance: float) -> scipy.optimize.OptimizeResult:
    def value_and_gradient(values):
        x = torch.tensor(values, requires_grad=True)
        loss = function(x)
        loss.backward()
        return loss.item(), x.grad.numpy()

    return scipy.optimize.minimize(
        value_and_gradient, start, jac=True, method="CG", options={"gtol": tolerance, "maxiter": 20_000}
    )


def quadratic(dimension: int, seed: int, condition: float = 100.0):
    """Return a convex quadratic with eigenvalues from 1 to ``condition``, and its minimum."""
    random = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(dimension, dimension, generator=random, dtype=torch.float64))
    matrix = basis @ torch.diag(torch.logspace(0, math.log10(condition), dimension, dtype=torch.float64)) @ basis.T
    minimum = torch.randn(dimension, generator=random, dtype=torch.float64)
    return lambda x: 0.5 * (x - minimum) @ matrix @ (x - minimum), minimum


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("dimension", [1, 2, 10, 50])
@pytest.mark.parametrize("seed", range(4))
def test_quadratics_are_minimized(dimension, seed):
    function, minimum = quadratic(dimension, seed)
    x, _ = minimize(function, torch.zeros(dimension), max_iterations=1_000, tolerance=1e-9)
    assert (x - minimum).abs().max() < 1e-8


# In many dimensions Rosenbrock's function has a second minimum; from this classical start one reaches the global one.
@pytest.mark.parametrize("dimension", [2, 10, 100])
def test_rosenbrock_is_minimized_about_as_fast_as_by_scipy(dimension):
    start = np.tile([-1.2, 1.0], dimension // 2)
    x, optimizer = minimize(rosenbrock, start, max_iterations=20_000, tolerance=1e-6)
    theirs = minimize_with_scipy(rosenbrock, start, tolerance=1e-6)
    assert theirs.success
    assert (x - 1).abs().max() < 1e-5 or rosenbrock(x) <= theirs.fun + 1e-10
    assert optimizer.evaluations <= 2 * theirs.nfev
    assert optimizer.line_searches <= 3 * theirs.nit


@pytest.mark.parametrize("dimension", [5, 20, 50])
def test_quadratics_take_about_as_long_as_with_scipy(dimension):
    function, _ = quadratic(dimension, seed=0)
    x, optimizer = minimize(function, torch.zeros(dimension), max_iterations=1_000, tolerance=1e-6)
    theirs = minimize_with_scipy(function, np.zeros(dimension), tolerance=1e-6)
    assert function(x) <= theirs.fun + 1e-10
    assert optimizer.evaluations <= 2 * theirs.nfev
    assert optimizer.line_searches <= 2 * theirs.nit


@pytest.mark.parametrize("dimension", [2, 5, 10])
@pytest.mark.parametrize("seed", range(3))
def test_exact_searches_minimize_a_quadratic_in_as_many_as_it_has_dimensions(dimension, seed):
    """The theorem on conjugate directions; steepest descent would need hundreds of searches at this condition."""
    function, _ = quadratic(dimension, seed)
    tight = {"rho": 1e-12, "sigma": 1e-9}
    exact, optimizer = minimize(function, torch.zeros(dimension), max_iterations=dimension, **tight)
    before, _ = minimize(function, torch.zeros(dimension), max_iterations=dimension - 1, **tight)
    assert optimizer.line_searches == dimension
    first = function(torch.zeros(dimension, dtype=torch.float64))
    assert function(exact) < 1e-10 * first
    assert function(before) > 1e3 * function(exact)  # and not in fewer


@settings(max_examples=100, deadline=None)
@given(
    start=st.lists(st.floats(-5, 5), min_size=1, max_size=4),
    waves=st.floats(0, 20),
    scale=st.floats(1e-6, 1e6),
    evaluations=st.integers(1, 20),
)
@example(start=[6e-151], waves=0.0, scale=1e-6, evaluations=20)  # the parabola's curvature underflows
@example(start=[6e-221], waves=0.0, scale=1e300, evaluations=20)  # the square of the bracket underflows
def test_a_search_never_ends_above_where_it_began(start, waves, scale, evaluations):
    def function(x):
        return scale * ((x**2).sum() + waves * torch.sin(3 * x).sum())

    before = function(torch.tensor(start, dtype=torch.float64)).item()
    for iterations in (1, 2, 5):
        x, _ = minimize(function, start, max_iterations=iterations, max_evaluations=evaluations)
        assert function(x).item() <= before


@settings(max_examples=100, deadline=None)
@given(start=st.floats(-3, 3), sigma=st.floats(0.05, 0.9))
def test_a_search_that_moves_meets_both_wolfe_powell_conditions(start, sigma):
    def function(x):
        return (x**4 / 4 - x**2 + 0.3 * x).sum()

    def slope(x):
        return x**3 - 2 * x + 0.3

    x, _ = minimize(function, [start], max_iterations=1, rho=0.01, sigma=sigma)
    moved, first = x.item() - start, slope(start)
    assume(abs(first) > 1e-6)
    assert moved * first < 0
    assert function(x).item() <= function(torch.tensor([start])).item() + 0.01 * moved * first + 1e-6
    assert abs(slope(x.item())) <= sigma * abs(first) * (1 + 1e-9)


def test_a_loss_that_is_not_finite_backs_off():
    """x - log x has its minimum at 1 and is not a number left of 0, where a long first step leads."""
    x, _ = minimize(lambda x: (1e4 * (x - torch.log(x))).sum(), [3.0], max_iterations=50, tolerance=1e-6)
    assert x.item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_finite_only_at_the_start_moves_nothing(poison):
    start = torch.tensor([2.0, -1.0], dtype=torch.float64)
    tried = []

    def function(x):
        tried.append(x.detach() - start)
        return (x**2).sum() if torch.equal(x, start) else (x**2).sum() * poison

    x, optimizer = minimize(function, start, max_iterations=3)
    assert torch.equal(x, start)
    assert optimizer.evaluations == 21
    for longer, shorter in pairwise(tried[1:]):  # half as far each time
        torch.testing.assert_close(shorter, longer / 2)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_from_the_start_raises(poison):
    x = torch.ones(2, requires_grad=True)
    optimizer = ConjugateGradient([x])

    def closure():
        x.grad = torch.ones(2)
        return poison

    with pytest.raises(RuntimeError, match=f"The loss is {poison}"):
        optimizer.step(closure)
    assert torch.equal(x, torch.ones(2))


class ScriptedLine:
    """A line whose vectors are nowhere: its numbers are given, and what is asked of it is noted."""

    def __init__(self):
        self.asked, self.numbers = [], {}

    def __getattr__(self, name):
        def answer(*values):
            self.asked.append((name, *values))
            return self.numbers.get(name)

        return answer


def test_a_direction_that_would_ascend_is_replaced_by_steepest_descent():
    """g . g = g0 . g0 = 1 and g . g0 = -3 give beta = 4; with g . s = 0.4 the new slope is 4 * 0.4 - 1."""
    line = ScriptedLine()
    lengths = minimize_steps(line, searches=2)
    next(lengths)
    line.numbers = {"square": 1.0}
    assert lengths.send(1.0) == 0.5  # 1 / (1 + square)
    line.numbers = {"square": 1.0, "overlap": -3.0}
    slopes = iter([0.4, 0.6])  # at the end of the first search; along the new direction
    line.slope = lambda: next(slopes)
    line.asked.clear()
    assert lengths.send(0.5) == 0.5  # as long as the last, since the slopes at both starts are -1
    assert [each for each in line.asked if each[0] in ("start", "turn")] == [("start",), ("turn", 4.0), ("turn", 0)]
    line.slope = lambda: 0.4
    with pytest.raises(StopIteration):
        lengths.send(0.494)  # low enough: a slope of -1 promises 0.5 - 0.01 * 0.5


def test_every_evaluation_is_counted_and_the_counts_are_saved():
    calls = 0
    x = torch.tensor([-1.2, 1.0], requires_grad=True)
    optimizer = ConjugateGradient([x], max_iterations=3)

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    assert optimizer.step(closure) == rosenbrock(torch.tensor([-1.2, 1.0])).item()
    optimizer.step(closure)
    assert optimizer.evaluations == calls > 0
    assert optimizer.line_searches == 6
    other = ConjugateGradient([torch.zeros(2, requires_grad=True)])
    other.load_state_dict(optimizer.state_dict())
    assert (other.evaluations, other.line_searches) == (calls, 6)
    assert other.param_groups[0]["max_iterations"] == 3


def test_a_parameter_without_a_gradient_does_not_move():
    x, idle = torch.tensor([3.0], requires_grad=True), torch.tensor([7.0], requires_grad=True)
    optimizer = ConjugateGradient([x, idle], max_iterations=5)
    calls = []

    def closure():
        calls.append(None)
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert idle.item() == 7
    assert abs(x.item()) < 1e-3
    assert optimizer.evaluations == len(calls)


def test_the_default_is_two_searches_of_at_most_twenty_evaluations():
    settings = ConjugateGradient([torch.ones(1, requires_grad=True)]).param_groups[0]
    assert (settings["max_iterations"], settings["max_evaluations"]) == (2, 20)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"max_evaluations": 2.5}, "max_evaluations is 2.5"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"rho": 0.6}, "rho is 0.6 and sigma is 0.5"),
        ({"sigma": 1.0}, "rho is 0.01 and sigma is 1.0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ConjugateGradient([torch.ones(1, requires_grad=True)], **setting)


def test_a_second_parameter_group_is_refused():
    groups = [{"params": [torch.ones(1, requires_grad=True)]} for _ in range(2)]
    with pytest.raises(ValueError, match="2 parameter groups"):
        ConjugateGradient(groups)


@given(
    coefficients=st.tuples(st.floats(0.1, 5), st.floats(-5, 5), st.floats(-5, 5)),
    ends=st.tuples(st.floats(-3, 3), st.floats(0.1, 3)),
)
def test_the_cubic_through_two_points_has_its_minimum_where_numpy_says(coefficients, ends):
    a, b, c = coefficients
    cubic = np.polynomial.Polynomial([1, c, b, a])
    stationary = [r.real for r in cubic.deriv().roots() if abs(r.imag) < 1e-12]
    assume(len(stationary) == 2 and stationary[1] - stationary[0] > 1e-2)
    points = [Point(t, cubic(t), cubic.deriv()(t)) for t in (ends[0], sum(ends))]
    assert cubic_minimum(*points) == pytest.approx(max(stationary), abs=1e-4)


@pytest.mark.parametrize(
    ("behind", "here"),
    [
        (Point(0.0, 0.0, -1e-157), Point(1e-170, 1e-320, 0.0)),  # the square of the span is 0
        (Point(0.0, 1e-300, 0.0), Point(1.0, 2e-300, 0.0)),
        (Point(0.0, 1.0, -1e300), Point(1e200, 2.0, 1e300)),  # the square of the span overflows
        (Point(1.0, 1.0, -1.0), Point(1.0, 1.0, 1.0)),  # the span is 0
        (Point(0.0, 1.0, -1.0), Point(1.0, 0.5, -1e200)),
        (Point(0.0, 1.0, 0.0), Point(5e-324, 1.0, 0.0)),
    ],
)
def test_a_guess_that_is_not_finite_falls_back_inside_the_bracket(behind, here):
    guess = interpolate(behind, here)
    assert behind.length <= guess <= here.length
    assert behind.length <= extrapolate(behind, here, 2 * here.length + 1) <= 2 * here.length + 1


@pytest.mark.parametrize(("start", "scale"), [(6e-151, 1e-6), (6e-221, 1e300), (1e-160, 1.0), (1e150, 1e-3)])
def test_a_parabola_of_any_size_is_searched_without_an_error(start, scale):
    """Found by random search: for these, the square of a step or the curvature underflows to 0."""
    x = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    optimizer = ConjugateGradient([x], max_iterations=20)

    def closure():
        optimizer.zero_grad()
        loss = scale * x.square().sum()
        loss.backward()
        return loss

    before = optimizer.step(closure)
    assert closure() <= before


def test_a_step_without_a_closure_is_refused():
    optimizer = ConjugateGradient([torch.zeros(1, requires_grad=True)])
    with pytest.raises(TypeError, match="closure is None; conjugate gradient needs one"):
        optimizer.step()


any_number = st.floats(allow_nan=False, allow_infinity=False)


@given(any_number, any_number, any_number, any_number, st.floats(0, 1e300))
@example(1.0, -1.0, 2.0, 1.0, 1e-170)
@example(1.0, -1.0, 2.0, 1.0, 1e200)
@example(0.0, 0.0, 5e-324, 0.0, 1.0)
def test_a_guess_from_any_finite_numbers_stays_inside_its_bracket(loss, slope, loss2, slope2, span):
    behind, here = Point(1.0, loss, slope), Point(1.0 + span, loss2, slope2)
    assert behind.length <= interpolate(behind, here) <= here.length
    assert here.length <= extrapolate(behind, here, here.length + span) <= here.length + span


@given(st.floats(-10, 10), st.floats(-10, -0.01), st.floats(-10, 10), st.floats(-10, 10), st.floats(0.01, 5))
def test_interpolation_stays_well_inside_the_bracket(loss, slope, loss2, slope2, span):
    guess = interpolate(Point(1.0, loss, slope), Point(1.0 + span, loss2, slope2))
    assert 1 + 0.0999 * span <= guess <= 1 + 0.9001 * span


def test_interpolation_between_equal_losses_uses_both_slopes():
    behind, here = Point(0.0, 1.0, -2.0), Point(1.0, 1.0, 4.0)
    assert interpolate(behind, here) == cubic_minimum(behind, here) == pytest.approx(1 / math.sqrt(3))


def test_interpolation_halves_a_bracket_whose_cubic_has_no_minimum():
    """It falls all the way: its slope is -1 at both ends, at most -1/2 between."""
    behind, here = Point(2.0, 1.0, -1.0), Point(3.0, 1 / 3, -1.0)
    assert math.isnan(cubic_minimum(behind, here))
    assert interpolate(behind, here) == 2.5


@given(
    st.floats(-10, 10), st.floats(-10, -0.01), st.floats(-10, 10), st.floats(-10, -0.01), st.floats(0.01, 5) | st.none()
)
def test_extrapolation_goes_beyond_but_not_too_far(loss, slope, loss2, slope2, room):
    limit = 2.0 + room if room else math.inf
    guess = extrapolate(Point(1.0, loss, slope), Point(2.0, loss2, slope2), limit)
    assert 2.0 < guess < limit
    assert guess <= 6.0


@pytest.fixture(scope="module")
def small():
    return load("tenth", seed=0).first(100, 50)


def train_small(mnist, engine="hand", **recipe):
    config = ConvNetConfig(width=3, hidden=8, dropout=(0.5, 0.5, 0.5))
    net = ConvNet(config, stream(0, "initial weights"), mnist.train.pixels.dtype)
    return net, train(net, mnist, Recipe(optimizer="cg", **recipe), seed=0, progress=False, engine=engine)


def test_training_by_conjugate_gradient_lowers_the_error_and_counts_its_gradients(small):
    _, history = train_small(small, batch_size=20, epochs=4)
    assert history.train.errors[-1] < 0.8 * history.train.errors[0]
    per_step = np.diff([0, *history.gradients]) / 5
    assert all(1 < each <= 1 + 2 * 20 for each in per_step)


def test_both_engines_train_alike_by_conjugate_gradient():
    mnist = load("tenth", seed=0, dtype=torch.float64).first(100, 50)
    (net, history), (other, other_history) = (
        train_small(mnist, engine, batch_size=20, epochs=2) for engine in ("hand", "autograd")
    )
    assert history.gradients == other_history.gradients
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-8)


def test_each_step_lowers_the_loss_of_its_minibatch(small):
    """The dropout mask is fixed within a minibatch; otherwise the two losses are of different functions."""
    net = ConvNet(ConvNetConfig(width=3, hidden=8, dropout=(0.5, 0.5, 0.5)), stream(0, "initial weights"))
    engine = HandSteps(net, learning_rate=1.0)
    steps, random = ConjugateGradientSteps(net, engine, line_searches=2), stream(0, "dropout")
    for start in range(0, 100, 10):
        batch, masks = small.train[start : start + 10], net.draw_masks(10, random)
        before, _ = steps.step(batch, masks)
        assert engine.gradient(batch, masks)[0] < before


def test_a_minibatch_whose_loss_is_not_finite_moves_nothing(small):
    net = ConvNet(ConvNetConfig(width=3, hidden=8), stream(0, "initial weights"))
    before = [p.clone() for p in net.parameters()]
    batch = small.train[torch.arange(10)]
    batch.pixels[3] = math.nan
    loss, _ = ConjugateGradientSteps(net, HandSteps(net, 1.0), 2).step(batch, None)
    assert math.isnan(loss)
    assert all(map(torch.equal, before, net.parameters()))


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer is 'adam'; accepted are 'sgd', 'cg'"):
        Recipe(optimizer="adam")
