"""Checks of numbers and words: NumPy's numbers are numbers, booleans are not, and every refusal is a sentence."""

import math
from fractions import Fraction

import numpy as np
import pytest

from labcode.checks import one_of, real_number, whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_python_integers(value):
    for check in (whole_number, real_number):
        assert check("x", value) == 3
        assert type(check("x", value)) is int


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.float32(0.5), Fraction(1, 2)])
def test_other_real_numbers_become_python_floats(value):
    assert real_number("x", value) == 0.5
    assert type(real_number("x", value)) is float


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float64(2), math.inf, None, "2", 2 + 0j, [2]])
def test_anything_else_is_not_a_whole_number(value):
    with pytest.raises(ValueError, match=r"^x is .*; it must be a whole number\.$"):
        whole_number("x", value)


@pytest.mark.parametrize("value", [True, np.True_, math.nan, math.inf, np.float64("nan"), 10**400, None, "2", 2 + 0j])
def test_anything_else_is_not_a_finite_number(value):
    with pytest.raises(ValueError, match=r"^x is .*; it must be a finite number\.$"):
        real_number("x", value)


def test_a_refusal_names_the_range():
    with pytest.raises(ValueError, match=r"^x is 7; it must be a whole number of at least 1 and of at most 6\.$"):
        whole_number("x", 7, at_least=1, at_most=6)
    with pytest.raises(ValueError, match=r"^x is 0; it must be a finite number above 0 and below 2\.$"):
        real_number("x", 0, above=0, below=2)


@pytest.mark.parametrize("value", ["c", None, ["a"]])
def test_another_word_is_refused(value):
    with pytest.raises(ValueError, match=r"^x is .*; accepted are 'a', 'b'\.$"):
        one_of("x", value, ("a", "b"))
