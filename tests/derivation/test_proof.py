"""True equalities are proved and false ones are not; the sample, which is independent, agrees."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    Function,
    IndexedBase,
    KroneckerDelta,
    Lambda,
    Max,
    Min,
    Rational,
    Sum,
    Symbol,
    cosh,
    exp,
    log,
    sign,
    sinh,
    sqrt,
    symbols,
    tanh,
)

from labcode.derivation import Partial, Product, prove_equal, sample

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
z = IndexedBase("z", real=True)

TRUE = {
    "double angle": (sinh(2 * x), 2 * sinh(x) * cosh(x)),
    "tanh by exponentials": (tanh(x), (exp(2 * x) - 1) / (exp(2 * x) + 1)),
    "square root squared": (sqrt(x**2 + 1) ** 2 / sqrt(x**2 + 1), sqrt(x**2 + 1)),
    "absolute value": (Abs(x - y) * sign(x - y), x - y),
    "sign of the opposite": (sign(x - y), -sign(y - x)),
    "max by absolute value": (Max(x, y) + Min(x, y), x + y),
    "logarithm of a fraction": (log(1 / (1 + exp(x))), -log(1 + exp(x))),
    "a delta picks one": (Sum(KroneckerDelta(i, k) * z[k] ** 2, (k, 1, n)), z[i] ** 2),
    "a constant leaves the sum": (Sum(x * z[k], (k, 1, n)), x * Sum(z[j], (j, 1, n))),
    "sum of ones": (Sum(1, (k, 1, n)), n),
    "two cases": (KroneckerDelta(i, j) * z[i], KroneckerDelta(i, j) * z[j]),
}

FALSE = {
    "half angle": (sinh(2 * x), sinh(x) * cosh(x)),
    "sign": (tanh(x), (1 - exp(2 * x)) / (exp(2 * x) + 1)),
    "off by a tiny amount": (exp(x), exp(x) + Rational(1, 10**40)),
    "off by a tiny part": (exp(x), exp(x) * (1 + Rational(1, 10**40))),
    "wrong only for negative x": (Abs(x), x),
    "max is not the sum": (Max(x, y), x + y),
    "wrong only where i equals j": (z[i] * z[j], z[i] * z[j] * (1 - KroneckerDelta(i, j))),
    "wrong only where i differs from j": (z[i], KroneckerDelta(i, j) * z[i]),
    "a sum is not its number of terms": (Sum(z[k], (k, 1, n)), n),
    "a sum of squares is not the sum": (Sum(z[k] ** 2, (k, 1, n)), Sum(z[k], (k, 1, n))),
    "one term too few": (Sum(z[k], (k, 1, n)), Sum(z[k], (k, 1, n - 1))),
    "wrong from three terms on": (Sum(1, (k, 1, n)), n + (n - 2) * (n - 3) * (n - 5)),
    "wrong far out only": (1 / (1 + exp(-x)), 1 / (1 + exp(-x)) + exp(-40000 / (x**2 + 1))),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_true_equality_is_proved_and_sampled_without_a_difference(name):
    left, right = TRUE[name]
    assert prove_equal(left, right)
    assert sample(left, right)[1] is None


@pytest.mark.parametrize("name", FALSE)
def test_a_false_equality_is_not_proved(name):
    assert prove_equal(*FALSE[name]) is None


@pytest.mark.parametrize("name", [name for name in FALSE if name != "wrong from three terms on"])
def test_the_sample_alone_finds_the_difference(name):
    _, difference = sample(*FALSE[name])
    assert difference is not None
    assert "the left side is" in str(difference)


def test_the_proof_does_not_depend_on_the_sample():
    """A false equality that holds for every sampled number of terms is not proved."""
    left, right = FALSE["wrong from three terms on"]
    assert sample(left, right)[1] is None
    assert prove_equal(left, right) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((sympy.sqrt(t + 1) + 1) * (sympy.sqrt(t + 1) - 1), t),
        ((sympy.cbrt(t) ** 2 + sympy.cbrt(t) + 1) * (sympy.cbrt(t) - 1), t - 1),
        ((Abs(x) + y) * (Abs(x) - y), x**2 - y**2),
        ((sqrt(1 + sqrt(t)) - 1) * (sqrt(1 + sqrt(t)) + 1) * sqrt(t), t),  # a root within a root
    ],
)
def test_roots_and_absolute_values_are_proved_as_rational_identities(left, right):
    assert prove_equal(left, right) == "rational identity"
    assert prove_equal(left, right + 1) is None


def test_a_case_restricts_a_variable():
    assert prove_equal(Abs(x), x) is None
    assert prove_equal(Abs(x), x, case={x: t})
    assert sample(Abs(x), x, case={x: t})[1] is None
    assert sample(Abs(x), x, case={x: -t})[1] is not None


def test_distinct_indices_have_no_delta():
    assert prove_equal(KroneckerDelta(i, j) * z[i], 0) is None
    assert prove_equal(KroneckerDelta(i, j) * z[i], 0, distinct=[(i, j)])
    # The pairs apply to both sides, even if they come from an iterator.
    assert prove_equal(KroneckerDelta(i, j) * z[i], 2 * KroneckerDelta(i, j) * z[i], distinct=iter([(i, j)]))
    assert sample(KroneckerDelta(i, j) * z[i], sympy.S.Zero, distinct=[(i, j)])[1] is None


def test_the_derivative_of_an_unknown_function_obeys_the_chain_rule():
    loss, out = Function("loss"), Symbol("out", real=True)
    definitions = {out: x**2, y: loss(out)}
    assert prove_equal(Partial(y, x), Product(Partial(y, out), 2 * x), definitions)
    assert prove_equal(Partial(y, x), Product(Partial(y, out), x), definitions) is None
    assert sample(Partial(y, x), Product(Partial(y, out), x), definitions)[1] is not None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    st.lists(st.integers(-3, 3), min_size=3, max_size=3),
)
def test_products_of_exponential_sums_equal_their_expansion(first, second):
    """With 1 added, the equality is neither proved nor missed by the sample."""
    terms = [sympy.S.One, exp(x), exp(-2 * x)]
    left = Product(*(sum(c * e for c, e in zip(cs, terms, strict=True)) for cs in (first, second)))
    right = sum(a * b * e * f for a, e in zip(first, terms, strict=True) for b, f in zip(second, terms, strict=True))
    assert prove_equal(left, right)
    assert prove_equal(left, right + 1) is None
    assert sample(left, right + 1, points=2)[1] is not None


def test_the_variable_of_a_derivative_is_not_confused_with_the_index_of_a_sum():
    """The k of z[k] in the derivative is free, although the sum also runs over a k."""
    total = Sum(exp(z[k]), (k, 1, n))
    assert prove_equal(Partial(total, z[k]), exp(z[k]))
    assert sample(Partial(total, z[k]), exp(z[k]))[1] is None
    definitions = {IndexedBase("p", real=True): Lambda(i, exp(z[i]) / total)}
    p = IndexedBase("p", real=True)
    assert prove_equal(Partial(p[i], z[k]), p[i] * (KroneckerDelta(i, k) - p[k]), definitions)
    everything = Sum(Product(z[k], Partial(p[i], z[k])), (k, 1, n))
    right = p[i] * (z[i] - Sum(z[k] * p[k], (k, 1, n)))
    assert prove_equal(everything, right, definitions)
    assert sample(everything, right, definitions)[1] is None
    assert prove_equal(everything, right + p[i], definitions) is None
