"""What is proved holds: at every point at which both sides have a value, for symbols of any assumption."""

import itertools

import pytest
import sympy
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from sympy import Abs, Integer, Max, Min, Rational, cosh, exp, log, sign, sinh, sqrt, symbols, tanh

from labcode.derivation import prove_equal

x, y = symbols("x y", real=True)
positive = symbols("t", positive=True)
nonnegative = symbols("q", nonnegative=True)
whole = symbols("m", integer=True)
negative = symbols("s", negative=True)
SYMBOLS = (x, y, positive, nonnegative, whole, negative)

#: What students take for granted: each holds for some numbers, not for all real ones.
TEMPTING = (
    lambda a, b: (sqrt(a**2), a),
    lambda a, b: (sqrt(a * b), sqrt(a) * sqrt(b)),
    lambda a, b: (sqrt(a / b), sqrt(a) / sqrt(b)),
    lambda a, b: (sympy.cbrt(a**3), a),
    lambda a, b: ((a**2) ** Rational(3, 2), a**3),
    lambda a, b: (log(a * b), log(a) + log(b)),
    lambda a, b: (log(a**2), 2 * log(a)),
    lambda a, b: (exp(log(a) / 2), sqrt(a)),
    lambda a, b: (log(exp(a)), a),
    lambda a, b: (Abs(a) ** 2, a**2),
    lambda a, b: (Abs(a) * sign(a), a),
    lambda a, b: (Abs(a * b), Abs(a) * Abs(b)),
    lambda a, b: (Abs(a), a),
    lambda a, b: (sign(a) ** 2, Integer(1)),
    lambda a, b: (sign(a * b), sign(a) * sign(b)),
    lambda a, b: (sqrt(sign(a)) ** 4, sign(a) ** 4),
    lambda a, b: (sqrt(Abs(a)) ** 2, Abs(a)),
    lambda a, b: (sqrt(Abs(a)) ** 4, a**2),
    lambda a, b: (sign(a) ** 3, sign(a)),
    lambda a, b: ((1 - sign(a) ** 2) * (1 - sign(b) ** 2), Integer(0)),
    lambda a, b: (sign(a), a / Abs(a)),
    lambda a, b: (sign(a) * sign(b) / sign(b), sign(a)),
    lambda a, b: (1 / (1 / a), a),
    lambda a, b: (Abs(a) / Abs(b), Abs(a / b)),
    lambda a, b: (sympy.Heaviside(a) * sign(b) ** 2, (1 + sign(a)) / 2),
    lambda a, b: (Max(a, b), a),
    lambda a, b: (Max(a, b) + Min(a, b), a + b),
    lambda a, b: (Max(a, b) * Min(a, b), a * b),
    lambda a, b: (Max(a, b) - Min(a, b), Abs(a - b)),
    lambda a, b: ((a**b) ** 2, a ** (2 * b)),
    lambda a, b: (exp(a) ** b, exp(a * b)),
    lambda a, b: (a / a + b, 1 + b),
    lambda a, b: (sinh(2 * a), 2 * sinh(a) * cosh(a)),
    lambda a, b: (tanh(a) * cosh(a), sinh(a)),
)

atoms = st.sampled_from([*SYMBOLS, Integer(-1), Integer(2), Rational(1, 2)])
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a: 1 / (a**2 + 1), inner),
        st.builds(
            lambda f, a: f(a), st.sampled_from([sqrt, exp, log, Abs, sign, tanh, lambda a: -a, lambda a: a**2]), inner
        ),
    ),
    max_leaves=3,
)


def points(names):
    """Small numbers of each symbol's own domain, 0 included."""
    grids = [
        [Rational(v) for v in ("-3", "-1", "-1/2", "0", "1/3", "1", "2") if fits(name, Rational(v))] for name in names
    ]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*grids)]


def fits(name, number):
    return all(getattr(number, f"is_{fact}") in (value, None) for fact, value in name.assumptions0.items())


def differ(left, right):
    """A point at which both sides have a value, and different ones: by SymPy's own evaluation, not by our sample."""
    for point in points(sorted(left.free_symbols | right.free_symbols, key=str)):
        try:
            values = [sympy.N(side.xreplace(point), 30) for side in (left, right)]
        except ValueError:  # the maximum of a complex number
            continue
        if all(value.is_number and value.is_finite for value in values):
            scale = max(1, *map(abs, values))
            if abs(values[0] - values[1]) > scale / 10**20:
                return point
    return None


@settings(max_examples=60)
@given(st.sampled_from(TEMPTING), expressions, expressions)
def test_what_is_proved_holds_wherever_both_sides_have_a_value(identity, a, b):
    try:
        left, right = identity(a, b)
    except ValueError:  # the maximum of a complex number
        reject()
    assume(len(left.free_symbols | right.free_symbols) <= 3)
    assume(not any(side.has(sympy.nan, sympy.zoo, sympy.oo) for side in (left, right)))
    if prove_equal(left, right):
        assert differ(left, right) is None


@pytest.mark.parametrize("number", range(len(TEMPTING)))
def test_a_tempting_rule_is_proved_only_for_numbers_for_which_it_holds(number):
    for a, b in [(x, y), (positive, x), (nonnegative, negative), (whole, y), (log(x), y), (sqrt(x), x), (x - y, y)]:
        left, right = TEMPTING[number](a, b)
        if prove_equal(left, right):
            assert differ(left, right) is None


def test_the_grid_would_show_a_false_proof():
    """Most of the tempting rules are false for some numbers of the grid."""
    assert sum(differ(*rule(x, y)) is not None for rule in TEMPTING) >= 10
