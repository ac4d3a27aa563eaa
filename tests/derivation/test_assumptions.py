"""Each rewriting rule is applied only where its assumption holds: tried with a symbol that lacks it."""

import pytest
import sympy
from sympy import (
    Abs,
    Derivative,
    Function,
    IndexedBase,
    KroneckerDelta,
    Lambda,
    Max,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    oo,
    pi,
    sign,
    sqrt,
    symbols,
)

from labcode.derivation import DerivationError, Partial, StatementError, Step, derive, prove_equal, sample, unfold

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
q = symbols("q", nonnegative=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
r = symbols("r", integer=True, nonnegative=True)
m = symbols("m", integer=True)
z = IndexedBase("z", real=True)
f = Function("f")
zero = sympy.cosh(x) ** 2 - sympy.sinh(x) ** 2 - 1

#: rule: (left, right) that it would prove if it did not look at its assumption.
FALSE = {
    "the square of an absolute value, of a number that is complex for negative x": (Abs(sqrt(x)) ** 2, sqrt(x) ** 2),
    "the same for a logarithm": (Abs(log(x)) ** 2, log(x) ** 2),
    "a sign of a number that is complex for negative x": (sign(sqrt(x)) ** 3, sign(sqrt(x))),
    "a sign squared, at 0": (sign(x) ** 2, 1),
    "a step, at 0": (sympy.Heaviside(x, 1), (1 + sign(x)) / 2),
    "a sign squared, at 0, of a whole number": (sign(r) ** 2, 1),
    "a sign squared at 0, beside a letter": ((1 - sign(y) ** 2) * (1 - f(x) ** 2), 0),
    "a sign below a root, at 0": (
        (sqrt(sign(x)) - y) ** 2 * (sqrt(sign(x)) + y) ** 2,
        1 - 2 * sign(x) * y**2 + y**4,
    ),
    "a delta that is 1 for one term and 0 for others": (
        Sum(exp(KroneckerDelta(i, k)), (k, 1, n)) ** 2,
        n * Sum(exp(2 * KroneckerDelta(i, k)), (k, 1, n)),
    ),
    "a delta of a sum's own index": (
        Sum(exp(KroneckerDelta(i, k) * z[k]), (k, 1, n)),
        Sum(exp(KroneckerDelta(i, k) * z[k]), (k, 1, n)) + 1,
    ),
    "two signs squared, both at 0": ((1 - sign(x) ** 2) * (1 - sign(y) ** 2), 0),
    "a sign squared, of a number that is 0 everywhere": (x * sign(zero) ** 2, x),
    "a sign times its number": (sign(x) * x, x),
    "a fraction whose denominator is 0 everywhere": ((sympy.sinh(2 * x) - 2 * sympy.sinh(x) * sympy.cosh(x)) / zero, 5),
    "the same below a root": ((sympy.sinh(2 * x) - 2 * sympy.sinh(x) * sympy.cosh(x)) / sqrt(zero), 0),
    "a root of a product, both factors negative": (sqrt(x * y), sqrt(x) * sqrt(y)),
    "a root of a square": (sqrt((x - y) ** 2), x - y),
    "a cube root of a cube, of a negative number": (sympy.cbrt(x**3), x),
    "a logarithm of a product": (log(x * y), log(x) + log(y)),
    "an unknown function that is called like a known one": (Function("sign")(x) ** 2 * Abs(x), Abs(x)),
    "a delta below the sum's lower limit": (Sum(KroneckerDelta(i, k) * z[k], (k, 2, n)), z[i]),
    "a delta above the sum's upper limit": (Sum(KroneckerDelta(i, k) * z[k], (k, 1, n - 1)), z[i]),
    "a delta of a shifted index": (Sum(KroneckerDelta(i + 1, k) * z[k], (k, 1, n)), z[i + 1]),
    "a delta at a number that may exceed the terms": (Sum(KroneckerDelta(7, k) * z[k], (k, 1, n)), z[7]),
    "a sum from 0, whose index may be 0": (Sum(sign(r), (r, 0, n)), n + 1),
    "a sum from below 0": (Sum(Abs(m), (m, -3, n)), Sum(m, (m, -3, n))),
    "a number of terms that may be negative": (Sum(1, (k, 1, m)), m),
    "an index called like the one that renamed sums use": (
        Sum(exp(z[k] * z[Symbol("_k0", integer=True, positive=True)]), (k, 1, n)),
        Sum(exp(z[k] ** 2), (k, 1, n)),
    ),
    "a maximum that is not a sign away": (Max(x, y), (x + y) / 2 + (x - y) / 2),
}


@pytest.mark.parametrize("rule", FALSE)
def test_a_rule_is_not_applied_without_its_assumption(rule):
    assert prove_equal(*FALSE[rule]) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Abs(x) ** 2, x**2),
        (Abs(log(t)) ** 2, log(t) ** 2),
        (Abs(sqrt(q)) ** 2, q),
        (Abs(f(x)) ** 2, f(x) ** 2),
        (Abs(x) * sign(x), x),
        (sign(x) ** 3, sign(x)),
        (sign(x), x / Abs(x)),  # at 0 the right side has no value
        (Partial(Max(x, y), x), sympy.Heaviside(x - y)),
        (sign(t), 1),
        (Max(x, y) * sympy.Min(x, y), x * y),
        (sqrt(t * q), sqrt(t) * sqrt(q)),
        (Sum(KroneckerDelta(1, k) * z[k], (k, 1, n)), z[1]),
        (Sum(KroneckerDelta(i, k) * KroneckerDelta(j, k), (k, 1, n)), KroneckerDelta(i, j)),
        (Sum(1, (k, 1, r)), r),
        (Sum(sign(r), (r, 0, n)), Sum(sign(m), (m, 0, n))),
    ],
)
def test_a_rule_is_applied_where_its_assumption_holds(left, right):
    assert prove_equal(left, right)
    assert sample(left, right)[1] is None


@pytest.mark.parametrize(
    "name",
    [symbols("w"), symbols("w", complex=True), symbols("w", imaginary=True), symbols("w", extended_real=True)],
)
def test_a_symbol_that_may_be_complex_is_refused(name):
    """SymPy takes a symbol without assumptions for complex; then Abs(w)**2 is not w**2."""
    for decide in (prove_equal, sample, lambda *sides: derive("c", sides[0], Step(sides[1], "r"))):
        with pytest.raises(StatementError, match=r'^w is not known to be real; .* symbols\("w", real=True\)\.$'):
            decide(Abs(name) ** 2, name**2)


def test_an_indexed_base_and_a_function_are_real_too():
    w = IndexedBase("w")
    with pytest.raises(StatementError, match=r"IndexedBase\(.w., real=True\)"):
        prove_equal(Abs(w[1]) ** 2, w[1] ** 2)
    with pytest.raises(StatementError, match="g is not known to be real"):
        prove_equal(Function("g", imaginary=True)(x), x)


def test_a_definition_and_a_case_may_not_bring_a_complex_symbol():
    w = symbols("w")
    with pytest.raises(StatementError, match="w is not known to be real"):
        prove_equal(Abs(x) ** 2, x**2, {x: w})
    with pytest.raises(StatementError, match="The case replaces x, which is real, with w, which may not be"):
        prove_equal(Abs(x) ** 2, x**2, case={x: w})


@pytest.mark.parametrize("case", [{t: -(y**2)}, {t: y**2}, {m: x}, {q: -t}])
def test_a_case_keeps_what_the_variable_promises(case):
    """SymPy has already used that t is positive: |t| is t before the case replaces it."""
    (name,) = case
    with pytest.raises(StatementError, match=f"The case replaces {name}, which is "):
        prove_equal(Abs(name), name, case=case)


def test_a_case_replaces_variables_only():
    with pytest.raises(StatementError, match="it must replace a symbol"):
        prove_equal(Abs(x), x, case={Abs(x): x})


def test_equal_indices_cannot_be_distinct():
    """The delta of equal indices is 1, and replacing 1 with 0 proves anything."""
    with pytest.raises(StatementError, match="cannot all differ"):
        prove_equal(x + 1, x, distinct=[(i, i)])


def test_two_symbols_of_one_name_are_refused():
    with pytest.raises(StatementError, match=r"Two names are spelled x: Symbol\('x', real=True\) and Symbol\('x', pos"):
        sample(x, Symbol("x", positive=True))
    # An indexed base, a function and a symbol may share a letter.
    assert prove_equal(z[1] + Symbol("z", real=True), Symbol("z", real=True) + z[1])


@pytest.mark.parametrize("definitions", [{x: x + 1}, {x: y, y: 2 * x}, {f: Lambda(u, f(u) + 1)}, {z: Lambda(i, z[i])}])
def test_a_definition_that_refers_to_itself_is_refused(definitions):
    for expand in (unfold, lambda e, d: prove_equal(e, e, d)):
        with pytest.raises(StatementError, match="refers to itself"):
            expand(x + f(y) + z[1], definitions)


@pytest.mark.parametrize(
    ("total", "reason"),
    [
        (Sum(x**k, (k, 0, n)), "begins or ends at 0, but its index k is positive"),
        (Sum(x**r, (r, -1, n)), "begins or ends at -1, but its index r is nonnegative"),
        (Sum(x**r, (r, 0, oo)), "no whole numbers as its two limits"),
        (Sum(x**r, (r, 0, x)), "no whole numbers as its two limits"),
        (Sum(x, (r, 0, 10**9)), "too many to be written out"),
    ],
)
def test_a_sum_keeps_what_its_index_promises(total, reason):
    with pytest.raises(StatementError, match=reason):
        sample(total, total)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        (Symbol("a", positive=True), lambda a: a > 0),
        (Symbol("a", nonnegative=True), lambda a: a >= 0),
        (Symbol("a", negative=True), lambda a: a < 0),
        (Symbol("a", nonpositive=True), lambda a: a <= 0),
        (Symbol("a", even=True), lambda a: a % 2 == 0),
        (Symbol("a", odd=True, negative=True), lambda a: a % 2 == 1 and a < 0),
        (Symbol("a", prime=True), lambda a: a in (2, 3, 5)),
        (IndexedBase("a", integer=True)[1], lambda a: a == int(a)),
        (IndexedBase("a", integer=True, positive=True)[1], lambda a: a == int(a) > 0),
        (IndexedBase("a", nonnegative=True)[1], lambda a: a >= 0),
    ],
)
def test_points_are_drawn_from_what_the_assumptions_allow(name, fits):
    for seed in range(12):
        _, difference = sample(name, name + 1, seed=seed)
        (drawn,) = difference.point.values()
        assert fits(drawn)


def test_whole_numbers_below_0_are_tried_unless_they_are_excluded():
    assert sample(Max(m, 0), m)[1] is not None
    assert sample(Max(r, 0), r)[1] is None
    assert sample(sympy.cos(pi * m / 2) ** 2, 1)[1].point == {"m": -1}


def test_a_domain_may_not_contradict_an_assumption():
    with pytest.raises(StatementError, match=r"The domain of t is \(-1, 1\), but t is positive by its assumptions"):
        sample(t, t, domain={t: (-1, 1)})


@pytest.mark.parametrize(
    "pair",
    [(0, pi), (-sqrt(2), pi), (200, oo), (-oo, -200), (-oo, pi), (sqrt(2), oo), (0.5, 0.75), (0, Rational(1, 10**30))],
)
def test_every_point_lies_within_the_domain(pair):
    low, high = pair
    inside = Max(0, x - high if high != oo else 0, low - x if low != -oo else 0)
    tried, difference = sample(inside, 0, domain={x: pair})
    assert difference is None
    assert tried >= 14


@pytest.mark.parametrize(
    "pair",
    [(1, 0), (1, 1), (0, sympy.nan), (float("nan"), 1), (0, x), (0, sympy.I), (0,), (0, 1, 2), "01", 5, None, (oo, oo)],
)
def test_a_domain_has_two_ends_in_order(pair):
    with pytest.raises(StatementError, match=r"The domain of x is .* it must be two numbers, smaller first"):
        sample(x, x, domain={x: pair})


def test_derivatives_and_integrals_that_sympy_left_are_done():
    assert sample(Derivative(x**3, x), 3 * x**2)[1] is None
    assert sample(sympy.Integral(u, (u, 0, x)), x**2 / 2)[1] is None
    assert prove_equal(Derivative(x**3, x), 3 * x**2)
    mixed = Partial(Partial(f(x, y), x), y)
    assert prove_equal(mixed, Partial(Partial(f(x, y), y), x))
    assert sample(mixed, Partial(Partial(f(x, y), y), x))[1] is None


def test_a_piecewise_without_default_has_no_value_there():
    half = sympy.Piecewise((x, x > 0))
    with pytest.raises(DerivationError, match="undefined"):
        derive("half", half, Step(half, "the same"))
    assert sample(half, x, domain={x: (0, 9)})[1] is None


def test_decimals_stand_for_the_fractions_that_they_write():
    assert prove_equal(0.1 * x + 0.2 * x, Rational(3, 10) * x) is None  # SymPy adds to 0.30000000000000004
    assert prove_equal(0.3 * x, Rational(3, 10) * x)
    assert sample(0.1 * x, x / 10)[1] is None
    assert prove_equal(x**0.5, sqrt(x))


@pytest.mark.parametrize(
    "name", ["x_in", "x_", "_x", "_k0", "x1", "lambda", "None", "exp", "a b", "", "1", "x^2", "{", "mpf", "σ"]
)
def test_a_symbol_may_have_any_name(name):
    odd = Symbol(name, real=True)
    chain = derive("odd", (odd + 1) ** 2 * exp(odd), Step((odd**2 + 2 * odd + 1) * exp(odd), "multiply out"))
    assert repr(chain)
    assert chain._repr_markdown_()
    assert sample(odd, 2 * odd)[1].point.keys() == {name}


def test_a_symbol_is_not_confused_with_an_entry_of_the_same_spelling():
    assert sample(z[1], Symbol("z_1", real=True))[1] is not None
    # Nor is its domain.
    assert sample(Abs(Symbol("z_in", real=True)), Symbol("z_in", real=True), domain={z: (0, 1)})[1] is not None
