"""Written forms and what they stand for."""

import pytest
from sympy import (
    Function,
    IndexedBase,
    KroneckerDelta,
    Lambda,
    Max,
    symbols,
)

from labcode.derivation import Partial, Product, Ratio, Total, differentiate, unfold
from labcode.derivation.expressions import confine

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
z = IndexedBase("z", real=True)


def test_partial_holds_its_level():
    """d(a b)/da with b fixed, though b is defined by a: the partial, not the total derivative."""
    a, b = symbols("a b", real=True)
    definitions = {b: a**2, y: a * Function("unrelated")(b)}
    assert unfold(Partial(a * b, b), {}) == a
    assert unfold(Partial(a * b, b), {a: x}) == x
    assert unfold(Partial(y, a), definitions).has(Function("unrelated"))


def test_partial_refuses_a_variable_that_is_an_expression():
    with pytest.raises(TypeError, match="not x\\*\\*2"):
        Partial(x, x**2)


def test_derivative_of_a_maximum_is_a_sign():
    slope = differentiate(Max(x, y), x)
    assert slope.subs({x: 2, y: 1}) == 1
    assert slope.subs({x: 1, y: 2}) == 0


def test_written_forms_mean_what_they_say():
    assert unfold(Ratio(x, y)) == x / y
    assert unfold(Total(x, -y)) == x - y
    assert unfold(Product(x, y)) == x * y


def test_definitions_of_indexed_names():
    p = IndexedBase("p", real=True)
    assert unfold(p[j], {p: Lambda(i, z[i] ** 2)}) == z[j] ** 2


def test_a_case_replaces_all_its_variables_at_once():
    assert confine(x - 2 * y, [], {x: y, y: x}) == y - 2 * x


def test_distinct_indices_have_no_delta():
    assert confine(x + KroneckerDelta(i, j) * y, [(i, j)], None) == x
    assert confine(KroneckerDelta(i, k), [(i, j)], None) == KroneckerDelta(i, k)
