"""Variants of the exam's questions about layers with any number of inputs and outputs."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import Expr, IndexedBase, KroneckerDelta, Lambda, Sum, exp, log, symbols, tanh

from labcode.derivation.chain import Step
from labcode.derivation.exam_variant import Variant
from labcode.derivation.expressions import Partial, Product, Ratio, Total

n, m, i, j, k, c = symbols("n m i j k c", integer=True, positive=True)
E = symbols("E", real=True)
T, L, R = symbols("T L R", positive=True)
X, Z, p, q, g, x, w, v, W = (IndexedBase(name, real=True) for name in "XZpqgxwvW")
out, bias = IndexedBase("y", real=True), IndexedBase("b", real=True)
delta = KroneckerDelta


def relatives_of_softmax(draw: random.Random) -> Iterator[Variant]:
    """The derivative of softmax and of functions like it."""
    beta = draw.choice((-3, -2, 2, 3))
    hot = {p: Lambda(i, exp(Z[i]) / Sum(exp(Z[k]), (k, 1, n))), Z: Lambda(i, X[i] / T)}
    cold = {p: hot[p], Z: Lambda(i, beta * X[i])}
    odds = {p: Lambda(i, w[i] * exp(X[i]) / Sum(w[k] * exp(X[k]), (k, 1, n)))}
    one = p[i] * (delta(i, j) - p[j])
    yield Variant(
        "softmax with a temperature",
        Partial(p[i], X[j]),
        (p[i], p[j], T),
        (
            Step(Product(Partial(p[i], Z[j]), Partial(Z[j], X[j])), "chain rule", "only $Z_j$ depends on $X_j$"),
            Step(Ratio(Product(p[i], delta(i, j) - p[j]), T), "quotient rule"),
        ),
        {"temperature dropped": one, "temperature above": T * one, "delta dropped": -p[i] * p[j] / T},
        hot,
    )
    yield Variant(
        "softmax with a factor",
        Partial(p[i], X[j]),
        (p[i], p[j]),
        (
            Step(Product(Partial(p[i], Z[j]), Partial(Z[j], X[j])), "chain rule", "only $Z_j$ depends on $X_j$"),
            Step(Product(beta, p[i], delta(i, j) - p[j]), "quotient rule"),
        ),
        {"factor dropped": one, "sign flipped": -beta * one, "delta dropped": -beta * p[i] * p[j]},
        cold,
    )
    yield Variant(
        "log-softmax with a temperature",
        Partial(log(p[i]), X[j]),
        (p[j], T),
        (
            Step(Product(Partial(log(p[i]), Z[j]), Partial(Z[j], X[j])), "chain rule", "only $Z_j$ depends on $X_j$"),
            Step(Ratio(delta(i, j) - p[j], T), "slope of the logarithm", "it cancels $p_i$"),
        ),
        {
            "probability not canceled": one / T,
            "temperature dropped": delta(i, j) - p[j],
            "i for j": (delta(i, j) - p[i]) / T,
        },
        hot,
    )
    yield Variant(
        "softmax by its temperature",
        Partial(p[i], T),
        (p[i], X[i], Sum(p[k] * X[k], (k, 1, n)), T),
        (
            Step(Sum(Product(Partial(p[i], Z[k]), Partial(Z[k], T)), (k, 1, n)), "chain rule", "for every exponent"),
            Step(
                Sum(Product(p[i], delta(i, k) - p[k], -X[k] / T**2), (k, 1, n)),
                "slope of softmax",
                "and of $1/T$, which is $-1/T^2$",
            ),
            Step(Product(Ratio(p[i], T**2), Total(Sum(p[k] * X[k], (k, 1, n)), -X[i])), "sum over δ"),
        ),
        {
            "sign flipped": p[i] * (X[i] - Sum(p[k] * X[k], (k, 1, n))) / T**2,
            "only the own exponent": -p[i] * (1 - p[i]) * X[i] / T**2,
            "plain mean": p[i] * (Sum(X[k], (k, 1, n)) / n - X[i]) / T**2,
        },
        hot,
    )
    yield Variant(
        "weighted softmax",
        Partial(p[i], X[j]),
        (p[i], p[j]),
        (Step(Product(p[i], delta(i, j) - p[j]), "quotient rule", "the weights are constants"),),
        {"weight kept": w[j] * one, "weight divided": one / w[j], "delta dropped": -p[i] * p[j]},
        odds,
    )
    yield Variant(
        "weighted softmax by a weight",
        Partial(p[i], w[j]),
        (p[i], p[j], w[j]),
        (Step(Ratio(Product(p[i], delta(i, j) - p[j]), w[j]), "quotient rule"),),
        {"weight not divided": one, "weight as a factor": w[j] * one, "delta dropped": -p[i] * p[j] / w[j]},
        odds,
    )
    yield Variant(
        "smooth maximum",
        Partial(L, X[j]),
        (p[j], T),
        (Step(p[j], "slope of the logarithm of a sum", "$T$ and $1/T$ cancel"),),
        {"temperature above": T * p[j], "temperature below": p[j] / T, "slope of softmax": p[j] * (1 - p[j])},
        {p: Lambda(i, exp(X[i] / T) / Sum(exp(X[k] / T), (k, 1, n))), L: T * log(Sum(exp(X[k] / T), (k, 1, n)))},
    )
    yield Variant(
        "shares of squares",
        Partial(p[i], X[j]),
        (X[j], p[i], R),
        (Step(Product(Ratio(2 * X[j], R), delta(i, j) - p[i]), "quotient rule"),),
        {
            "exponential's rule": one,
            "two forgotten": X[j] * (delta(i, j) - p[i]) / R,
            "j for i": 2 * X[j] * (delta(i, j) - p[j]) / R,
        },
        {p: Lambda(i, X[i] ** 2 / Sum(X[k] ** 2, (k, 1, n))), R: Sum(X[k] ** 2, (k, 1, n))},
    )


def several_outputs() -> Iterator[Variant]:
    """The error at the inputs of softmax with a loss."""
    softmax = {p: Lambda(i, exp(X[i]) / Sum(exp(X[k]), (k, 1, n)))}
    far = Sum((p[k] - q[k]) * p[k], (k, 1, n))
    yield Variant(
        "softmax, soft targets",
        Partial(E, X[j]),
        (p[j], q[j], Sum(q[k], (k, 1, n))),
        (
            Step(Sum(Product(-q[k] / p[k], Partial(p[k], X[j])), (k, 1, n)), "chain rule", "for every output"),
            Step(Total(Product(p[j], Sum(q[k], (k, 1, n))), -q[j]), "slope of softmax", "the sum over δ has one term"),
        ),
        {"one output only": q[j] * (p[j] - 1), "sign flipped": q[j] - p[j] * Sum(q[k], (k, 1, n))},
        {**softmax, E: -Sum(q[k] * log(p[k]), (k, 1, n))},
    )
    yield Variant(
        "softmax, squared error",
        Partial(E, X[j]),
        (p[j], q[j], far),
        (
            Step(Sum(Product(p[k] - q[k], Partial(p[k], X[j])), (k, 1, n)), "chain rule", "for every output"),
            Step(Product(p[j], Total(p[j] - q[j], -far)), "slope of softmax", "the sum over δ has one term"),
        ),
        {"the likelihood's gradient": p[j] - q[j], "diagonal only": (p[j] - q[j]) * p[j] * (1 - p[j])},
        {**softmax, E: Sum((p[k] - q[k]) ** 2, (k, 1, n)) / 2},
    )


def layer(draw: random.Random) -> Iterator[Variant]:
    """The backward pass of a layer, given the errors g at its outputs y."""
    factor = draw.choice((2, 3, 4))

    def of(name: str, formula: Expr, by: Expr, steps: tuple, wrong: dict, terms: tuple) -> Variant:
        start = Sum(Product(g[i], Partial(out[i], by)), (i, 1, n))
        return Variant(name, start, terms, steps, wrong, {out: Lambda(i, formula)})

    def over(term: Expr) -> Expr:
        return Sum(term, (i, 1, n))

    linear = Sum(W[k, i] * x[k], (k, 1, m))
    yield of(
        "linear layer, weights by columns",
        linear,
        x[j],
        (Step(over(Product(g[i], W[j, i])), "slope of a sum", "one term contains $x_j$"),),
        {"transposed": over(g[i] * W[i, j]), "weights dropped": over(g[i])},
        (g[i], W[j, i]),
    )
    yield of(
        "linear layer, by a weight",
        linear,
        W[j, c],
        (
            Step(over(Product(g[i], delta(i, c), x[j])), "slope of a sum", "only output $c$ contains this weight"),
            Step(Product(g[c], x[j]), "sum over δ"),
        ),
        {"indices swapped": g[j] * x[c], "weight for input": g[c] * W[j, c]},
        (g[c], x[j]),
    )
    yield of(
        "linear layer with a shortcut",
        x[i] + Sum(W[i, k] * x[k], (k, 1, n)),
        x[j],
        (
            Step(over(Product(g[i], Total(delta(i, j), W[i, j]))), "slope of a sum"),
            Step(Total(g[j], over(g[i] * W[i, j])), "sum over δ"),
        ),
        {"shortcut forgotten": over(g[i] * W[i, j]), "transpose missing": g[j] + over(g[i] * W[j, i])},
        (g[i], g[j], W[i, j]),
    )
    yield of(
        "mean subtracted",
        x[i] - Sum(x[k], (k, 1, n)) / n,
        x[j],
        (
            Step(over(Product(g[i], Total(delta(i, j), -1 / n))), "slope of a sum"),
            Step(Total(g[j], -over(g[i]) / n), "sum over δ"),
        ),
        {"mean taken as a constant": g[j], "sum for mean": g[j] - over(g[i])},
        (g[i], g[j], n),
    )
    yield of(
        "shares",
        x[i] / Sum(x[k], (k, 1, n)),
        x[j],
        (
            Step(over(Product(g[i], Ratio(delta(i, j) - out[i], Sum(x[k], (k, 1, n))))), "quotient rule"),
            Step(Ratio(Total(g[j], -over(g[i] * out[i])), Sum(x[k], (k, 1, n))), "sum over δ"),
        ),
        {
            "sum taken as a constant": g[j] / Sum(x[k], (k, 1, n)),
            "softmax's rule": out[j] * (g[j] - over(g[i] * out[i])),
        },
        (g[i], g[j], out[i], x[k]),
    )
    yield of(
        "tanh layer, by the input",
        tanh(Sum(W[i, k] * x[k], (k, 1, m)) + bias[i]),
        x[j],
        (Step(over(Product(g[i], 1 - out[i] ** 2, W[i, j])), "slope of tanh", "taken in terms of its output"),),
        {"slope of tanh dropped": over(g[i] * W[i, j]), "transposed": over(g[i] * (1 - out[i] ** 2) * W[j, i])},
        (g[i], out[i], W[i, j]),
    )
    yield of(
        "gate",
        v[i] * x[i] ** factor,
        x[j],
        (
            Step(over(Product(g[i], delta(i, j), v[i], factor * x[i] ** (factor - 1))), "slope of a power"),
            Step(Product(factor, g[j], v[j], x[j] ** (factor - 1)), "sum over δ"),
        ),
        {"gate forgotten": factor * g[j] * x[j] ** (factor - 1), "power kept": factor * g[j] * v[j] * x[j] ** factor},
        (g[j], v[j], x[j]),
    )
