"""Differences are found far out, at the ends of the domain, and where a side has no value."""

import mpmath
import pytest
from sympy import Abs, IndexedBase, Max, Rational, Sum, Symbol, exp, oo, sign, sqrt, symbols

from labcode.derivation import sample
from labcode.derivation.sampling import _agree

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
z = IndexedBase("z", real=True)


def test_no_digits_are_lost_far_out():
    """1 - sigma(1000) is about 1e-434: with 50 fixed digits it would be 0, and equal to twice itself."""
    far = {x: (200, oo)}
    left = 1 - 1 / (1 + exp(-x))
    assert sample(left, 1 / (1 + exp(x)), domain=far)[1] is None
    _, difference = sample(left, 2 / (1 + exp(x)), domain=far)
    assert 0 < difference.left < 1e-80
    assert mpmath.almosteq(difference.right, 2 * difference.left, 1e-12)


def test_the_ends_of_the_domain_are_tried():
    """Wrong only beyond 500, which only the far end shows."""
    wrong_far_out = x + Max(0, x - 500)
    assert sample(x, wrong_far_out)[1].point == {"x": 1000}
    assert sample(x, wrong_far_out, domain={x: (-oo, 500)})[1] is None


def test_a_side_without_a_value_is_a_difference():
    _, difference = sample(1 / (x - 100), 1 / (x - 100))
    assert difference is not None  # x = 100 is tried, where neither side has a value
    assert not mpmath.isfinite(difference.left)


def test_points_stay_within_the_domain():
    """sqrt(1 - x^2) is real only in (-1, 1); there its square equals 1 - x^2."""
    left, right = sqrt(1 - x**2) ** 2, 1 - x**2
    assert sample(left, right, domain={x: (-1, 1)})[1] is None
    tried, difference = sample(sqrt(x**2), x, domain={x: (0, 3)})
    assert difference is None
    assert tried >= 14


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_domain_may_begin_or_end_at_a_fraction(seed):
    half = Rational(1, 2)
    assert sample(Abs(x - half), x - half, domain={x: (half, oo)}, seed=seed)[1] is None
    assert sample(Abs(x - half), half - x, domain={x: (-oo, half)}, seed=seed)[1] is None


def test_the_same_seed_tries_the_same_points():
    assert sample(exp(x), exp(-x), seed=5) == sample(exp(x), exp(-x), seed=5)
    assert sample(exp(x), exp(-x), seed=5)[1].point != sample(exp(x), exp(-x), seed=6)[1].point


def test_an_equality_that_no_point_can_test_is_refused():
    with pytest.raises(ValueError, match="No point could be tried"):
        sample(exp(10**6 * (x**2 + 1)), exp(10**6 * (x**2 + 1)))


def test_two_symbolic_sizes_get_different_numbers():
    """A sum over rows is not confused with a sum over columns."""
    w = IndexedBase("w", real=True)
    m = Symbol("m", integer=True, positive=True)
    rows, columns = Sum(w[k, 1] * z[k], (k, 1, m)), Sum(w[k, 1] * z[k], (k, 1, n))
    assert sample(rows + Sum(1, (k, 1, n)), columns + Sum(1, (k, 1, m)))[1] is not None


def test_one_side_without_a_value_is_a_difference():
    """On either side."""
    for pair in ((1 / (x - 100), x), (x, 1 / (x - 100))):
        _, difference = sample(*pair, domain={x: (-oo, oo)})
        assert difference is not None
    assert not _agree(mpmath.nan, mpmath.mpf(1))
    assert not _agree(mpmath.mpf(1), mpmath.nan)


def test_all_variables_are_tried_at_their_ends_together():
    """These are the only points tried at which the two variables are equal."""
    assert sample(sign(x - y) ** 2, 1 + 0 * x)[1].point in ({"x": -100, "y": -100}, {"x": 1000, "y": 1000})


def test_the_domain_of_an_indexed_name_applies_only_to_its_entries():
    assert sample(Abs(z[1]), z[1], domain={z: (0, 1)})[1] is None
    assert sample(Abs(z[1]), z[1], domain={IndexedBase("w", real=True): (0, 1)})[1] is not None


def test_three_distinct_indices_are_refused_by_name():
    """Each index is tried as the first and the last, so two can differ but not three."""
    left = z[i] * z[j] * z[k]
    assert sample(left, left, distinct=[(i, j)])[1] is None
    with pytest.raises(ValueError, match=r"cannot all differ \(i and j, j and k, i and k\)"):
        sample(left, left, distinct=[(i, j), (j, k), (i, k)])


def test_a_distinct_pair_that_does_not_occur_is_ignored():
    assert sample(z[i], z[i], distinct=iter([(i, j)]))[1] is None


def test_distinct_pairs_may_come_from_an_iterator():
    """The pairs are used once per size; an iterator would be exhausted after the first."""
    tried = sample(z[i] + z[j], z[j] + z[i], distinct=[(i, j)])[0]
    assert sample(z[i] + z[j], z[j] + z[i], distinct=iter([(i, j)]))[0] == tried
