"""Variants of the exam's questions about functions of one number, graphs and losses."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import Function, Lambda, Max, Min, atan, cosh, exp, log, sign, sqrt, symbols, tanh

from labcode.derivation.chain import Step
from labcode.derivation.exam_variant import Variant
from labcode.derivation.expressions import Partial, Product, Ratio, Total

x_in, x_out, x1, x2, a, b, M, N, y, E, u, r, t, s = symbols("x_in x_out x1 x2 a b M m y E u r t s", real=True)
sigma, loss = Function("sigma"), Function("loss")
logistic = {sigma: Lambda(u, 1 / (1 + exp(-u)))}


def one_function(draw: random.Random) -> Iterator[Variant]:
    """The error at the input of a function of one number."""
    gain, rate = draw.choice((2, 3, 4)), draw.choice((2, 3))
    functions = {
        "tanh": (tanh(x_in), 1 - x_out**2),
        "logistic function with a gain": (sigma(gain * x_in), Product(gain, 1 - x_out, x_out)),
        "softplus": (log(1 + exp(x_in)), 1 - exp(-x_out)),
        "logarithm of the logistic function": (log(sigma(x_in)), 1 - exp(x_out)),
        "logistic function from -1 to 1": (2 * sigma(x_in) - 1, Ratio(1 - x_out**2, 2)),
        "Gaussian": (exp(-rate * x_in**2), Product(-2 * rate, x_in, x_out)),
        "bell": (1 / (1 + x_in**2), Product(-2, x_in, x_out**2)),
        "arc tangent": (atan(x_in), 1 / (1 + x_in**2)),
        "rounded absolute value": (sqrt(1 + x_in**2), Ratio(x_in, x_out)),
        "swish": (x_in * sigma(x_in), Total(sigma(x_in), Product(x_out, 1 - sigma(x_in)))),
    }
    sent = Partial(E, x_out)
    for name, (formula, slope) in functions.items():
        needed = logistic if formula.has(sigma) else {}
        yield Variant(
            name,
            Partial(E, x_in),
            (sent, *([x_in] if slope.has(x_in) else []), *([x_out] if slope.has(x_out) else [])),
            (
                Step(Product(sent, Partial(x_out, x_in)), "chain rule"),
                Step(Product(sent, slope), "slope of the function"),
            ),
            {
                "slope dropped": sent,
                "sign flipped": -Product(sent, slope),
                "divided by the slope": Ratio(sent, slope),
                "slope of the logistic function": Product(sent, 1 - x_out, x_out),
            },
            {**needed, x_out: formula, E: loss(x_out)},
        )


def maximum_and_minimum(draw: random.Random) -> Iterator[Variant]:
    """The error at an input of a graph with a maximum M and a minimum m: an activation with a combination of both."""
    activations = {
        "tanh": (tanh, lambda value: 1 - value**2),
        "σ": (sigma, lambda value: Product(1 - value, value)),
        "exp": (exp, lambda value: value),
        "softplus": (lambda value: log(1 + exp(value)), lambda value: 1 - exp(-value)),
    }
    combinations = {
        "sum": (M + N, lambda a, b: Total(a, b), 1),
        "product": (M * N, lambda a, b: Product(a, b), b),
        "sum of squares": (M**2 + N**2, lambda a, b: Total(a**2, b**2), 2 * a),
        "product and sum": (M * N + M + N, lambda a, b: Total(Product(a, b), a, b), b + 1),
        "distance": (M - N, None, sign(a - b)),
    }
    sent = Partial(E, y)
    for combined, (formula, rewrite, outer) in combinations.items():
        name = draw.choice(list(activations))
        function, slope = activations[name]
        definitions = {
            **(logistic if function is sigma else {}),
            a: function(x1),
            b: function(x2),
            M: Max(a, b),
            N: Min(a, b),
            y: formula,
            E: loss(y),
        }
        steps = [Step(Product(sent, Partial(y, a), Partial(a, x1)), "chain rule")]
        if rewrite:
            steps.append(
                Step(
                    Product(sent, Partial(rewrite(a, b), a), Partial(a, x1)),
                    "one is the larger, one the smaller",
                    "so the graph computes the same with $a$ and $b$ in their places",
                )
            )
        answer = Product(sent, outer, slope(a)) if outer != 1 else Product(sent, slope(a))
        yield Variant(
            f"{combined} with {name}",
            Partial(E, x1),
            (sent, a, *([b] if outer != 1 and outer.has(b) else [])),
            (*steps, Step(answer, "slopes")),
            {
                "maximum only": Product(sent, Partial(y, M), Ratio(1 + sign(a - b), 2), slope(a)),
                "counted twice": Product(2, answer),
                "slope of the activation dropped": sent if outer == 1 else Product(sent, outer),
                "the other input": answer.xreplace({a: b, b: a}),
            }
            if name != "exp" or outer != b
            else {"counted twice": Product(2, answer), "the other input only": Product(sent, b)},
            definitions,
        )


def one_output() -> Iterator[Variant]:
    """The error at the input of an output layer of one number, with its loss."""
    probability = {**logistic, r: sigma(s)}
    yield Variant(
        "logistic output, likelihood",
        Partial(E, s),
        (r, t),
        (
            Step(Product(Partial(E, r), Partial(r, s)), "chain rule"),
            Step(
                Product(Total(Ratio(-t, r), Ratio(1 - t, 1 - r)), 1 - r, r),
                "slopes of the logarithms and of σ",
            ),
            Step(Total(r, -t), "cancel"),
        ),
        {"slope of σ kept": (r - t) * (1 - r) * r, "sign flipped": t - r},
        {**probability, E: -t * log(r) - (1 - t) * log(1 - r)},
    )
    yield Variant(
        "logistic output, squared error",
        Partial(E, s),
        (r, t),
        (
            Step(Product(Partial(E, r), Partial(r, s)), "chain rule"),
            Step(Product(Total(r, -t), 1 - r, r), "slopes of the square and of σ"),
        ),
        {"slope of σ dropped": r - t, "sign flipped": (t - r) * (1 - r) * r},
        {**probability, E: (r - t) ** 2 / 2},
    )
    yield Variant(
        "tanh output, squared error",
        Partial(E, s),
        (r, t),
        (
            Step(Product(Partial(E, r), Partial(r, s)), "chain rule"),
            Step(Product(Total(r, -t), 1 - r**2), "slopes of the square and of tanh"),
        ),
        {"slope of tanh dropped": r - t, "slope of σ": (r - t) * (1 - r) * r},
        {r: tanh(s), E: (r - t) ** 2 / 2},
    )
    yield Variant(
        "margin loss",
        Partial(E, s),
        (t, sigma(-t * s)),
        (Step(Product(-t, sigma(-t * s)), "slope of the logarithm", "then that of the exponential"),),
        {"label dropped": -sigma(-t * s), "sign in σ": -t * sigma(t * s)},
        {**logistic, E: log(1 + exp(-t * s))},
    )
    yield Variant(
        "counts",
        Partial(E, s),
        (r, t),
        (Step(Total(r, -t), "slope of the exponential"),),
        {"ratio": 1 - t / r, "sign flipped": t - r},
        {r: exp(s), E: r - t * log(r)},
    )
    yield Variant(
        "log-cosh loss",
        Partial(E, s),
        (s, t),
        (Step(tanh(s - t), "slope of the logarithm", "that of cosh is sinh"),),
        {"difference alone": s - t, "slope of tanh": 1 - tanh(s - t) ** 2},
        {E: log(cosh(s - t))},
    )
