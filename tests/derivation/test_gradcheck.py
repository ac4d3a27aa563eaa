"""The gradient check refuses a wrong formula and a wrong framework function."""

import re

import numpy as np
import pytest
import torch
from sympy import (
    Abs,
    Heaviside,
    Matrix,
    Max,
    Piecewise,
    Rational,
    cos,
    digamma,
    erf,
    exp,
    log,
    loggamma,
    nan,
    oo,
    pi,
    sign,
    sin,
    sqrt,
    symbols,
)

from labcode.derivation import (
    GradientError,
    Row,
    central_differences,
    check_backward,
    check_gradient,
    residual,
    tabulate,
)
from labcode.derivation.gradcheck import complex_step

x, y = symbols("x y", real=True)
FUNCTION = [sin(x) * y, exp(x - y)]
JACOBIAN = [[cos(x) * y, sin(x)], [exp(x - y), -exp(x - y)]]


def framework(point):
    return torch.stack([point[0].sin() * point[1], (point[0] - point[1]).exp()])


def test_a_right_jacobian_passes_and_the_table_shows_bounds_only():
    table = check_gradient(JACOBIAN, FUNCTION, [x, y], framework)
    assert [row.residual < row.tolerance for row in table.rows] == [True, True]
    assert "below $10^{-12}$" in table._repr_markdown_()
    assert "e-16," not in repr(table)


@pytest.mark.parametrize("formula", [nan, oo, sqrt(x - 5)])
def test_a_formula_without_a_real_value_is_refused(formula):
    with pytest.raises(GradientError):
        check_gradient(formula, exp(2 * x), [x], lambda point: (2 * point).exp())


@pytest.mark.parametrize(
    "wrong",
    [
        [[cos(x) * y, sin(x)], [exp(x - y), exp(x - y)]],  # one sign
        [[cos(x) * y, exp(x - y)], [sin(x), -exp(x - y)]],  # transposed
        [[sin(x), cos(x) * y], [-exp(x - y), exp(x - y)]],  # columns swapped
        [[cos(x) * y * (1 + 1e-10), sin(x)], [exp(x - y), -exp(x - y)]],  # nearly right
    ],
)
def test_a_wrong_jacobian_is_refused(wrong):
    with pytest.raises(GradientError, match=r"At x = .*, y = .*, output \d by"):
        check_gradient(wrong, FUNCTION, [x, y], framework)


def test_a_wrong_framework_is_refused():
    """The formula agrees with the differences, so the message names autograd."""
    with pytest.raises(GradientError, match="autograd, float64 give"):
        check_gradient(JACOBIAN, FUNCTION, [x, y], lambda p: framework(p).flip(0))


def test_a_jacobian_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="2 outputs of 2 variables need 2 rows of length 2"):
        check_gradient([[x, y]], FUNCTION, [x, y], framework)
    with pytest.raises(ValueError, match="a Jacobian is a list of rows"):
        check_gradient([x, y], FUNCTION, [x, y], framework)


def test_a_check_without_points_is_refused():
    with pytest.raises(ValueError, match="points is 0"):
        check_gradient(JACOBIAN, FUNCTION, [x, y], framework, points=0)


def test_central_differences_check_a_function_with_a_corner():
    from sympy import Heaviside

    table = check_gradient([[Heaviside(x - y), Heaviside(y - x)]], [Max(x, y)], [x, y], torch.max, smooth=False)
    assert "below 1e-07" in repr(table)
    with pytest.raises(GradientError):
        check_gradient([[Heaviside(y - x), Heaviside(x - y)]], [Max(x, y)], [x, y], torch.max, smooth=False)


def test_both_differences_agree_with_numpy_by_hand():
    point = np.array([0.3, -1.2])
    expected = np.array([[np.cos(0.3) * -1.2, np.sin(0.3)], [np.exp(1.5), -np.exp(1.5)]])

    def function(p):
        return [np.sin(p[0]) * p[1], np.exp(p[0] - p[1])]

    assert np.allclose(complex_step(function, point), expected, rtol=1e-14, atol=0)
    assert np.allclose(central_differences(function, point), expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e-12, 2e-12])
def test_no_table_holds_a_residual_that_reaches_its_tolerance(bad):
    with pytest.raises(GradientError, match="largest relative residual"):
        tabulate("a gradient", [Row("autograd", bad, 1e-12, "rounding")])


def test_residual_refuses_shapes_and_missing_numbers():
    assert residual([1.0, 2.0], [1.0]) == np.inf
    assert residual([np.nan], [1.0]) == residual([1.0], [np.nan]) == residual([0.0], [np.inf]) == np.inf
    assert residual([0.0], [0.0]) == 0.0
    assert residual([0.0, 0.0], [0.0, 1.0]) == 1.0


NORMAL = (1 + erf(x / sqrt(2))) / 2


@pytest.mark.parametrize(
    ("formula", "function", "framework", "options"),
    [
        (2 * exp(-(x**2)) / sqrt(pi), erf(x), torch.erf, {}),
        (NORMAL + x * exp(-(x**2) / 2) / sqrt(2 * pi), x * NORMAL, torch.nn.functional.gelu, {}),
        (digamma(x), loggamma(x), torch.lgamma, {"span": (0.1, 5)}),
        (1 / x, log(x), torch.log, {"span": (Rational(1, 10), pi)}),
        (1 / (1 + exp(-x)), log(1 + exp(x)), torch.nn.functional.softplus, {"span": (-5, 15)}),
        (sign(x), Abs(x), torch.abs, {"smooth": False}),
        (2, 2 * x, lambda t: 2 * t, {}),
        (2 * symbols("x"), x**2, torch.square, {}),
        (Matrix([[2 * x]]), Matrix([x**2]), torch.square, {}),
    ],
)
def test_a_right_formula_of_any_function_passes(formula, function, framework, options):
    """NumPy has no error function, and SciPy's gamma functions drop an imaginary part."""
    assert check_gradient(formula, function, [x], framework, **options)


@pytest.mark.parametrize(
    ("formula", "function", "framework", "options", "says"),
    [
        (
            1 / x,
            log(x),
            torch.log,
            {},
            r"cannot be checked at x = -.*: the function's value there is .*j\), not a real",
        ),
        (digamma(x), loggamma(x), torch.lgamma, {}, "not a real number. Choose a span within its domain"),
        (
            1,
            Piecewise((x, x > 0)),
            torch.relu,
            {"smooth": False},
            "the function's value there is undefined. Choose a span",
        ),
        (
            *(1 / (1 + exp(-x)), log(1 + exp(x)), torch.nn.functional.softplus, {"span": (-40, 40)}),
            r"autograd, float64 give 1, and cannot be trusted there: the framework's function is .* instead of",
        ),
        (
            *(exp(-x) / (1 + exp(-x)) ** 2, 1 / (1 + exp(-x)), torch.sigmoid, {"span": (273.9, 274.1)}),
            r"e-1\d\d .* autograd, float64 give 0, and cannot be trusted there: float64 does not resolve",
        ),
        (
            sign(x),
            Abs(x),
            torch.abs,
            {},
            "complex-step differences give 0, and cannot be trusted there: they need an analytic",
        ),
        (Heaviside(x), Max(x, 0), torch.relu, {}, "give nan, and cannot be trusted there: they need an analytic"),
        (
            *(100 * exp(100 * x), exp(100 * x), lambda t: (100 * t).exp(), {"smooth": False}),
            "but central differences give .* cannot be trusted there: the function changes too much over their step",
        ),
        (
            2 * x,
            x**2,
            lambda t: t * t.detach(),
            {},
            "has the right value there, but its own rule for the derivative differs",
        ),
        (
            2 * x,
            x**2,
            lambda t: torch.cat([t, t]),
            {},
            r"the framework's function has the shape \(2,\), but there must be 1",
        ),
    ],
)
def test_a_right_formula_is_not_called_wrong(formula, function, framework, options, says):
    """The message says which of the three ways cannot be trusted, and why."""
    with pytest.raises(GradientError, match=says) as refused:
        check_gradient(formula, function, [x], framework, **options)
    assert "is wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("formula", "function", "framework", "options"),
    [
        (exp(-(x**2)) / sqrt(pi), erf(x), torch.erf, {}),
        (x, loggamma(x), torch.lgamma, {"span": (0.1, 5)}),
        (1 / (1 + exp(-x)) ** 2, log(1 + exp(x)), torch.nn.functional.softplus, {"span": (-40, 40)}),
        (0, 1 / (1 + exp(-x)), torch.sigmoid, {"span": (274, 275)}),  # right to 100 digits, as autograd is
        (-sign(x), Abs(x), torch.abs, {}),
        (x, x**2, lambda t: t * t.detach(), {}),  # wrong with autograd
    ],
)
def test_a_wrong_formula_is_called_wrong_even_where_another_way_fails(formula, function, framework, options):
    with pytest.raises(GradientError, match=r"is wrong. At x = "):
        check_gradient(formula, function, [x], framework, **options)


def test_a_corner_at_the_point_is_said_to_be_one(monkeypatch):
    """Differences to the left and to the right disagree there: nothing decides."""
    import labcode.derivation.gradcheck as module

    class Corner:
        def uniform(self, *_, size):
            return np.zeros(size)

    monkeypatch.setattr(module.np.random, "default_rng", lambda seed: Corner())
    with pytest.raises(
        GradientError, match=r"cannot be checked at x = 0: the function has a corner, a jump or no values"
    ):
        check_gradient(1, Abs(x), [x], torch.abs, smooth=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"span": (1, -1)}, "The span is (1, -1), a tuple; it must be two finite numbers, smaller first."),
        ({"span": (float("nan"), 1)}, "The span is (nan, 1), a tuple; it must be two finite numbers, smaller first."),
        ({"span": (0, oo)}, "The span is (0, oo), a tuple; it must be two finite numbers, smaller first."),
        ({"variables": x}, "variables is x, a Symbol; it must be a list of symbols with different names."),
        ({"variables": []}, "variables is [], a list; it must be a list of symbols with different names."),
        ({"variables": [x, x]}, "variables is [x, x], a list; it must be a list of symbols with different names."),
        ({"answer": y}, "The formula y contains y, which is neither defined nor among the variables x."),
        ({"function": y}, "The function y contains y, which is neither defined nor among the variables x."),
        ({"answer": None}, "The formula is None; it must be one expression or number."),
        (
            {"framework": lambda t: 1.0},
            "The framework's function returned 1.0, a float; it must return a tensor of floats.",
        ),
        ({"framework": lambda t: None}, "The framework's function returned None; it must return a tensor of floats."),
        ({"framework": 3}, "The framework's function is 3, an int; it must be a function."),
        ({"definitions": {x: x + 1}}, "The definition of x refers to itself: x needs x."),
        ({"smooth": None}, "smooth is None; it must be True or False."),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number of at least 0."),
    ],
)
def test_a_malformed_check_is_refused_in_words(change, says):
    arguments = {"answer": 2, "function": 2 * x, "variables": [x], "framework": lambda t: 2 * t}
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        check_gradient(**{**arguments, **change})


def test_a_check_does_not_depend_on_the_readers_settings():
    """A default dtype, and the modes in which PyTorch records no gradient."""
    table = repr(check_gradient(2 * x, x**2, [x], torch.square))
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert repr(check_gradient(2 * x, x**2, [x], torch.square)) == table


def test_a_backward_pass_of_something_else_is_refused_in_words():
    right = {"x": torch.ones(2, dtype=torch.float64)}
    double = lambda p: 2 * p  # noqa: E731
    for layer, hand, inputs, says in [
        (double, lambda g, p: None, right, "the backward pass returned NoneType; expected one tensor"),
        (double, lambda g, p: 1 / 0, right, r"The backward pass failed \(ZeroDivisionError: division by zero\)\."),
        (lambda p: 2.0, lambda g, p: g, right, "the layer returned 2.0, a float; it must return a tensor"),
        (lambda p: p.detach(), lambda g, p: g, right, "it must return a tensor made from its inputs"),
        (double, lambda g, p: 2 * g, {}, "it must map at least one name to its tensor"),
        (double, lambda g, p: 2 * g, {"x": torch.ones(2)}, "must be a tensor of dtype float64"),
        (
            double,
            lambda g, p: 2 * g,
            {"x": torch.ones(0, dtype=torch.float64)},
            "residual against autograd, by x is inf",
        ),
    ]:
        with pytest.raises((GradientError, ValueError), match=says):
            check_backward("t", layer, hand, inputs)
