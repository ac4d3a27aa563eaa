"""Differences are found where they hide: far out, at edges, where a side has no value."""

import mpmath
import pytest
from sympy import (
    Abs,
    IndexedBase,
    Max,
    Rational,
    Sum,
    Symbol,
    exp,
    oo,
    sign,
    sqrt,
    symbols,
)

from labcode.derivation import sample
from labcode.derivation.sampling import _agree

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
z = IndexedBase("z", real=True)


def test_far_out_digits_are_not_lost():
    """1 - sigma(1000) is about 1e-434: in any fixed 50 digits it would be 0, and equal to twice itself."""
    far = {x: (200, oo)}
    left = 1 - 1 / (1 + exp(-x))
    assert sample(left, 1 / (1 + exp(x)), domain=far)[1] is None
    _, difference = sample(left, 2 / (1 + exp(x)), domain=far)
    assert 0 < difference.left < 1e-80
    assert mpmath.almosteq(difference.right, 2 * difference.left, 1e-12)


def test_the_ends_of_the_domain_are_tried():
    """Right everywhere but beyond 500: only the far edge can tell."""
    wrong_far_out = x + Max(0, x - 500)
    assert sample(x, wrong_far_out)[1].point == {"x": 1000}
    assert sample(x, wrong_far_out, domain={x: (-oo, 500)})[1] is None


def test_a_side_without_a_value_is_a_difference():
    _, difference = sample(1 / (x - 100), 1 / (x - 100))
    assert difference is not None  # at x = 100, an edge, neither side has a value
    assert not mpmath.isfinite(difference.left)


def test_domain_ends_are_kept():
    """sqrt(1 - x^2) has real values in (-1, 1) only; its square is as good as the original there."""
    left, right = sqrt(1 - x**2) ** 2, 1 - x**2
    assert sample(left, right, domain={x: (-1, 1)})[1] is None
    tried, difference = sample(sqrt(x**2), x, domain={x: (0, 3)})
    assert difference is None
    assert tried >= 14


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_domain_may_begin_or_end_between_two_whole_numbers(seed):
    half = Rational(1, 2)
    assert sample(Abs(x - half), x - half, domain={x: (half, oo)}, seed=seed)[1] is None
    assert sample(Abs(x - half), half - x, domain={x: (-oo, half)}, seed=seed)[1] is None


def test_the_same_seed_tries_the_same_points():
    assert sample(exp(x), exp(-x), seed=5) == sample(exp(x), exp(-x), seed=5)
    assert sample(exp(x), exp(-x), seed=5)[1].point != sample(exp(x), exp(-x), seed=6)[1].point


def test_where_no_point_can_be_computed_there_is_no_agreement():
    with pytest.raises(ValueError, match="No point could be tried"):
        sample(exp(10**6 * (x**2 + 1)), exp(10**6 * (x**2 + 1)))


def test_matrices_are_sampled_with_unequal_sides():
    """A sum over rows is not taken for the sum over columns."""
    w = IndexedBase("w", real=True)
    m = Symbol("m", integer=True, positive=True)
    rows, columns = Sum(w[k, 1] * z[k], (k, 1, m)), Sum(w[k, 1] * z[k], (k, 1, n))
    assert sample(rows + Sum(1, (k, 1, n)), columns + Sum(1, (k, 1, m)))[1] is not None


def test_one_side_without_a_value_is_a_difference():
    """Either side: nothing is equal to what has no value."""
    for pair in ((1 / (x - 100), x), (x, 1 / (x - 100))):
        _, difference = sample(*pair, domain={x: (-oo, oo)})
        assert difference is not None
    assert not _agree(mpmath.nan, mpmath.mpf(1))
    assert not _agree(mpmath.mpf(1), mpmath.nan)


def test_the_common_corners_are_tried():
    """Two variables at the same end: the only tried points where they are equal."""
    assert sample(sign(x - y) ** 2, 1 + 0 * x)[1].point in ({"x": -100, "y": -100}, {"x": 1000, "y": 1000})


def test_ends_of_an_indexed_name_hold_for_its_entries_alone():
    assert sample(Abs(z[1]), z[1], domain={z: (0, 1)})[1] is None
    assert sample(Abs(z[1]), z[1], domain={IndexedBase("w", real=True): (0, 1)})[1] is not None


def test_indices_for_which_no_numbers_are_left_are_named():
    """Each index is tried first and last, so three cannot all differ; two can."""
    left = z[i] * z[j] * z[k]
    assert sample(left, left, distinct=[(i, j)])[1] is None
    with pytest.raises(ValueError, match=r"No numbers are left for the indices: .* i and j, j and k, i and k"):
        sample(left, left, distinct=[(i, j), (j, k), (i, k)])


def test_a_pair_of_which_neither_side_speaks_asks_for_nothing():
    assert sample(z[i], z[i], distinct=iter([(i, j)]))[1] is None


def test_pairs_may_come_from_an_iterator():
    """Every size asks for them again; an iterator alone would be empty after the first."""
    tried = sample(z[i] + z[j], z[j] + z[i], distinct=[(i, j)])[0]
    assert sample(z[i] + z[j], z[j] + z[i], distinct=iter([(i, j)]))[0] == tried
