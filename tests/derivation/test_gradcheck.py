"""The gradient check refuses a wrong formula and a wrong framework function."""

import numpy as np
import pytest
import torch
from sympy import Max, cos, exp, nan, oo, sin, sqrt, symbols

from labcode.derivation import GradientError, Row, central_differences, check_gradient, residual, tabulate
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
