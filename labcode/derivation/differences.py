"""Derivatives of a numeric function by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from labcode.derivation.statement import StatementError, in_words
from labcode.derivation.statement import function as as_function


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
    function, point = as_function(function, "The function"), _vector(point)
    columns = []
    for position in range(len(point)):
        moved = point.astype(complex)
        moved[position] += 1e-30j
        columns.append([float(value.imag / 1e-30) for value in function(moved)])
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
    function, point = as_function(function, "The function"), _vector(point)
    columns = []
    for position in range(len(point)):
        step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(point[position]))
        up, down = point.copy(), point.copy()
        up[position] += step
        down[position] -= step
        # The difference of the two rounded points, which is not exactly 2 * step.
        taken = up[position] - down[position]
        with in_words("The function's value as an array"):
            columns.append((np.array(function(up), dtype=float) - np.array(function(down), dtype=float)) / taken)
    return np.array(columns).T


def _vector(point: ArrayLike) -> np.ndarray:
    with in_words("The point as an array of numbers"):
        vector = np.array(point, dtype=float)
    if vector.ndim != 1 or not vector.size:
        raise StatementError(f"The point has shape {vector.shape}; it must be (n,), one number per variable.")
    return vector
