"""Written forms expand to the expressions that they stand for."""

import pytest
from sympy import Function, IndexedBase, KroneckerDelta, Lambda, Max, symbols

from labcode.derivation import Partial, Product, Ratio, Total, differentiate, unfold
from labcode.derivation.expressions import confine

x, y, u = symbols("x y u", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
z = IndexedBase("z", real=True)


def test_a_partial_derivative_holds_the_other_names_fixed():
    """d(a b)/db is a, even if a or b is defined by other names."""
    a, b = symbols("a b", real=True)
    definitions = {b: a**2, y: a * Function("unrelated")(b)}
    assert unfold(Partial(a * b, b), {}) == a
    assert unfold(Partial(a * b, b), {a: x}) == x
    assert unfold(Partial(y, a), definitions).has(Function("unrelated"))


def test_partial_refuses_a_variable_that_is_an_expression():
    with pytest.raises(TypeError, match="is x\\*\\*2; it must be a symbol"):
        Partial(x, x**2)


def test_partial_refuses_a_whole_number():
    """Whole numbers are inserted before a derivative is taken."""
    with pytest.raises(TypeError, match="n, a whole number, which has no slope"):
        Partial(x**n, n)


def test_the_derivative_of_a_maximum_is_a_switch():
    slope = differentiate(Max(x, y), x)
    assert slope.subs({x: 2, y: 1}) == 1
    assert slope.subs({x: 1, y: 2}) == 0


def test_written_forms_expand_to_sympy():
    assert unfold(Ratio(x, y)) == x / y
    assert unfold(Total(x, -y)) == x - y
    assert unfold(Product(x, y)) == x * y


def test_an_indexed_name_is_replaced_by_its_definition():
    p = IndexedBase("p", real=True)
    assert unfold(p[j], {p: Lambda(i, z[i] ** 2)}) == z[j] ** 2


def test_a_case_replaces_all_its_variables_at_once():
    assert confine(x - 2 * y, [], {x: y, y: x}) == y - 2 * x


def test_the_delta_of_distinct_indices_is_zero():
    assert confine(x + KroneckerDelta(i, j) * y, [(i, j)], None) == x
    assert confine(KroneckerDelta(i, k), [(i, j)], None) == KroneckerDelta(i, k)
