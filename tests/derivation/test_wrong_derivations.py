"""Plausible wrong answers to every derivation of Part I are refused.

`derive` must refuse a wrong expression with a point where the sides differ, and `check_backward` a wrong backward
pass. For the lab's first question see test_chain.py.
"""

import contextlib
import io
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch
import torch.nn.functional as F
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
    exp,
    log,
    sign,
    sqrt,
    symbols,
    tanh,
)

from labcode.derivation import (
    DerivationError,
    GradientError,
    Partial,
    Product,
    Ratio,
    Row,
    Step,
    central_differences,
    check_backward,
    derive,
    residual,
    tabulate,
)
from labcode.derivation.gradcheck import CENTRAL
from labcode.network import LpPool2d, SubtractiveNorm2d, gaussian_window

n, m, i, j, k, l, c = symbols("n m i j k l c", integer=True, positive=True)
beta, E, z = symbols("beta E z", real=True)
X, Z, p, g, x, y, W, b, K, f, w = (IndexedBase(name, real=True) for name in "XZpgxyWbKfw")
delta = KroneckerDelta

IN_Z = {p: Lambda(i, exp(Z[i]) / Sum(exp(Z[k]), (k, 1, n)))}
IN_X = {**IN_Z, Z: Lambda(i, -beta * X[i])}
NLL = {**IN_X, E: -log(p[c])}
total = Sum(exp(x[k]), (k, 1, n))

x1, x2, a_, b_, M, mn, y_, u = symbols("x1 x2 a b M m y u", real=True)
sigma, loss = Function("sigma"), Function("loss")
DAG = {
    sigma: Lambda(u, 1 / (1 + exp(-u))),
    a_: sigma(x1),
    b_: sigma(x2),
    M: Max(a_, b_),
    mn: Min(a_, b_),
    y_: M + mn,
    E: loss(y_),
}
SENT = Partial(E, y_)
LINEAR = {y: Lambda(i, Sum(W[i, k] * x[k], (k, 1, n)) + b[i])}
NORM = {y: Lambda(i, x[i] - Sum(K[i, k] * x[k], (k, 1, n)))}
r, s, q, v = symbols("r s q v", integer=True, nonnegative=True)
CONV = {y: Lambda((r, s), Sum(w[q, v] * x[r + q, s + v], (q, 0, 1), (v, 0, 1)))}
OVER = ((r, 0, 1), (s, 0, 1))
out = symbols("out", positive=True)
L2 = {out: sqrt(Sum(x[k] ** 2, (k, 1, n)))}

#: name of the derivation: (start, definitions, distinct, right answer, {slip: wrong answer})
FAMILIES = {
    "softmax by its exponents": (
        Partial(p[i], Z[j]),
        IN_Z,
        (),
        p[i] * (delta(i, j) - p[j]),
        {
            "diagonal alone": delta(i, j) * p[i] * (1 - p[i]),
            "off-diagonal everywhere": -p[i] * p[j],
            "diagonal everywhere": p[i] * (1 - p[i]),
            "sign flipped": -p[i] * (delta(i, j) - p[j]),
            "i for j in the last factor": p[i] * (delta(i, j) - p[i]),
            "j for i in the first factor": p[j] * (delta(i, j) - p[j]),
            "delta dropped": p[i] * (1 - p[j]),
            "first factor dropped": delta(i, j) - p[j],
            "square forgotten": delta(i, j) * p[i] - p[j],
        },
    ),
    "softmax with beta": (
        Partial(p[i], X[j]),
        IN_X,
        (),
        -beta * p[i] * (delta(i, j) - p[j]),
        {
            "beta for minus beta": beta * p[i] * (delta(i, j) - p[j]),
            "beta dropped": p[i] * (delta(i, j) - p[j]),
            "minus dropped with beta": -p[i] * (delta(i, j) - p[j]),
            "beta squared": -(beta**2) * p[i] * (delta(i, j) - p[j]),
            "one over beta": -p[i] * (delta(i, j) - p[j]) / beta,
            "i and j swapped once": -beta * p[j] * (delta(i, j) - p[j]),
            "off-diagonal sign": -beta * p[i] * (delta(i, j) + p[j]),
        },
    ),
    "softmax, i different from j": (
        Partial(p[i], X[j]),
        IN_X,
        ((i, j),),
        beta * p[i] * p[j],
        {
            "minus kept": -beta * p[i] * p[j],
            "the diagonal's formula": -beta * p[i] * (1 - p[i]),
            "zero": 0 * p[i],
            "one factor": beta * p[i],
        },
    ),
    "softmax with likelihood": (
        Partial(E, X[j]),
        NLL,
        (),
        beta * (delta(c, j) - p[j]),
        {
            "the textbook's sign": p[j] - delta(c, j),
            "sign flipped": beta * (p[j] - delta(c, j)),
            "beta dropped": delta(c, j) - p[j],
            "probability not cancelled": beta * p[c] * (delta(c, j) - p[j]),
            "one-hot forgotten": -beta * p[j],
            "right class's probability": beta * (delta(c, j) - p[c]),
            "slope of the wrong output": Product(-1 / p[c], Partial(p[j], X[c]), p[c]),
        },
    ),
    "softmax backward": (
        Sum(Product(g[i], Partial(p[i], X[j])), (i, 1, n)),
        IN_X,
        (),
        -beta * p[j] * (g[j] - Sum(g[i] * p[i], (i, 1, n))),
        {
            "mean forgotten": -beta * p[j] * g[j],
            "plain mean": -beta * p[j] * (g[j] - Sum(g[i], (i, 1, n)) / n),
            "sum not weighted": -beta * p[j] * (g[j] - Sum(g[i], (i, 1, n))),
            "sign of the mean": -beta * p[j] * (g[j] + Sum(g[i] * p[i], (i, 1, n))),
        },
    ),
    "maximum plus minimum": (
        Partial(E, x1),
        DAG,
        (),
        Product(SENT, 1 - sigma(x1), sigma(x1)),
        {
            "maximum only": Product(SENT, Ratio(1 + sign(a_ - b_), 2), 1 - a_, a_),
            "minimum only": Product(SENT, Ratio(1 - sign(a_ - b_), 2), 1 - a_, a_),
            "counted twice": Product(2, SENT, 1 - a_, a_),
            "the other input": Product(SENT, 1 - b_, b_),
            "slope at the larger": Product(SENT, 1 - M, M),
            "slope at the sum": Product(SENT, 1 - y_, y_),
            "difference of the branches": Product(SENT, sign(a_ - b_), 1 - a_, a_),
            "factor dropped": Product(SENT, 1 - a_),
            "inner slope forgotten": SENT,
        },
    ),
    "slope of the maximum": (
        Partial(M, a_),
        {M: Max(a_, b_)},
        (),
        Ratio(1 + sign(a_ - b_), 2),
        {
            "sign turned": Ratio(1 - sign(a_ - b_), 2),
            "always 1": 1 + 0 * a_,
            "always a half": Rational(1, 2) + 0 * a_,
            "half forgotten": 1 + sign(a_ - b_),
            "absolute value kept": Ratio(1 + Abs(a_ - b_), 2),
        },
    ),
    "linear, by the input": (
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, m)),
        LINEAR,
        (),
        Sum(g[i] * W[i, j], (i, 1, m)),
        {
            "transpose missing": Sum(g[i] * W[j, i], (i, 1, m)),
            "summed over the inputs": Sum(g[i] * W[i, j], (i, 1, n)),
            "weights dropped": Sum(g[i], (i, 1, m)),
            "input kept": Sum(g[i] * W[i, j] * x[j], (i, 1, m)),
            "bias added": Sum(g[i] * (W[i, j] + b[i]), (i, 1, m)),
        },
    ),
    "linear, by a weight": (
        Sum(Product(g[i], Partial(y[i], W[k, l])), (i, 1, m)),
        LINEAR,
        (),
        g[k] * x[l],
        {
            "indices swapped": g[l] * x[k],
            "weight for input": g[k] * W[k, l],
            "error dropped": x[l],
            "all errors": Sum(g[i], (i, 1, m)) * x[l],
        },
    ),
    "convolution, by the middle pixel": (
        Sum(Product(g[r, s], Partial(y[r, s], x[1, 1])), *OVER),
        CONV,
        (),
        g[0, 0] * w[1, 1] + g[0, 1] * w[1, 0] + g[1, 0] * w[0, 1] + g[1, 1] * w[0, 0],
        {
            "filter not turned": g[0, 0] * w[0, 0] + g[0, 1] * w[0, 1] + g[1, 0] * w[1, 0] + g[1, 1] * w[1, 1],
            "filter transposed": g[0, 0] * w[1, 1] + g[0, 1] * w[0, 1] + g[1, 0] * w[1, 0] + g[1, 1] * w[0, 0],
            "mirrored in one direction": g[0, 0] * w[0, 1] + g[0, 1] * w[0, 0] + g[1, 0] * w[1, 1] + g[1, 1] * w[1, 0],
            "one term missing": g[0, 0] * w[1, 1] + g[0, 1] * w[1, 0] + g[1, 0] * w[0, 1],
        },
    ),
    "Lp pooling, P 2": (
        Partial(out, x[j]),
        L2,
        (),
        x[j] / out,
        {
            "factor two": 2 * x[j] / out,
            "not divided": x[j],
            "divided by the square": x[j] / out**2,
            "sign lost": Abs(x[j]) / out,
            "the whole sum": Sum(x[k], (k, 1, n)) / out,
        },
    ),
    "subtractive normalization": (
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, n)),
        NORM,
        (),
        g[j] - Sum(g[i] * K[i, j], (i, 1, n)),
        {
            "transpose missing": g[j] - Sum(g[i] * K[j, i], (i, 1, n)),
            "mean taken as a constant": g[j],
            "sign flipped": g[j] + Sum(g[i] * K[i, j], (i, 1, n)),
            "own error forgotten": -Sum(g[i] * K[i, j], (i, 1, n)),
        },
    ),
    "tanh": (
        Partial(tanh(z), z),
        {},
        (),
        1 - tanh(z) ** 2,
        {
            "square missing": 1 - tanh(z),
            "sign": tanh(z) ** 2 - 1,
            "the logistic function's": tanh(z) * (1 - tanh(z)),
            "plus": 1 + tanh(z) ** 2,
        },
    ),
    "dropout": (
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, n)),
        {y: Lambda(i, f[i] * x[i])},
        (),
        g[j] * f[j],
        {"mask forgotten": g[j], "input for mask": g[j] * x[j], "mask twice": g[j] * f[j] ** 2},
    ),
    "log-softmax with likelihood": (
        Partial(E, x[j]),
        {E: -log(exp(x[c]) / total)},
        (),
        exp(x[j]) / total - delta(c, j),
        {
            "sign flipped": delta(c, j) - exp(x[j]) / total,
            "one-hot forgotten": exp(x[j]) / total,
            "likelihood alone": -delta(c, j) + 0 * x[j],
            "not normalized": exp(x[j]) - delta(c, j),
        },
    ),
}

SLIPS = [(family, slip) for family in FAMILIES for slip in FAMILIES[family][-1]]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_answer_is_proved(family):
    start, definitions, distinct, right, _ = FAMILIES[family]
    derive("right", start, Step(right, "answer"), definitions=definitions, distinct=distinct)


@pytest.mark.parametrize(("family", "slip"), SLIPS)
def test_a_wrong_answer_is_refused(family, slip):
    start, definitions, distinct, _, wrong = FAMILIES[family]
    with pytest.raises(DerivationError, match=r"is not an equality[\s\S]*left side is"):
        derive("wrong", start, Step(wrong[slip], slip), definitions=definitions, distinct=distinct)


# Backward passes written with tensors


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def turned(weight):
    return weight.flip(2, 3).transpose(0, 1)


def framed(g, weight):
    return F.pad(g, 4 * (weight.shape[-1] - 1,))


def slide(value):
    return F.conv2d(value, gaussian_window(7)[None, None], padding=3)


def pool(g, x, power, share):
    """Lp pooling 2x2, stride 2, of x, with the given power of a pixel and share of the output."""
    y = LpPool2d(2, 2, 2)(x)
    wide = (g * share(y)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return wide * power(x)


SQUARE = {"x": numbers(5, 6), "weight": numbers(6, 6)}
MAPS = {"x": numbers(2, 3, 6, 6)}
SILENT = {"x": torch.cat([numbers(1, 3, 6, 6), torch.zeros(1, 3, 6, 6, dtype=torch.float64)])}
FILTERS = {"x": numbers(2, 3, 7, 7), "weight": numbers(4, 3, 3, 3)}
LABELS = torch.tensor([1, 0, 2])


def likelihood(x):
    return F.nll_loss(F.log_softmax(x, 1), LABELS)


def filter_gradient(g, x, weight, swap=False):
    size = weight.shape[-1]
    pieces = torch.empty_like(weight)
    for a in range(size):
        for d in range(size):
            part = x[:, :, a : a + g.shape[2], d : d + g.shape[3]]
            rows, columns = (d, a) if swap else (a, d)
            pieces[:, :, rows, columns] = torch.einsum("nouv,ncuv->oc", g, part)
    return pieces


#: layer: (its function, its inputs, the right backward pass, {slip: a wrong one})
BACKWARD = {
    "linear": (
        F.linear,
        SQUARE,
        lambda g, x, W: (g @ W, g.T @ x),
        {
            "transpose missing": lambda g, x, W: (g @ W.T, g.T @ x),
            "weight's transpose missing": lambda g, x, W: (g @ W, x.T @ g),
            "averaged over the batch": lambda g, x, W: (g @ W, g.T @ x / len(x)),
            "nothing returned": lambda g, x, W: None,
            "one gradient too few": lambda g, x, W: g @ W,
        },
    ),
    "convolution": (
        F.conv2d,
        FILTERS,
        lambda g, x, w: (F.conv2d(framed(g, w), turned(w)), filter_gradient(g, x, w)),
        {
            "filter not turned": lambda g, x, w: (
                F.conv2d(framed(g, w), w.transpose(0, 1)),
                filter_gradient(g, x, w),
            ),
            "filter turned in one direction": lambda g, x, w: (
                F.conv2d(framed(g, w), w.flip(2).transpose(0, 1)),
                filter_gradient(g, x, w),
            ),
            "not framed": lambda g, x, w: (F.conv2d(g, turned(w)), filter_gradient(g, x, w)),
            "filter's gradient transposed": lambda g, x, w: (
                F.conv2d(framed(g, w), turned(w)),
                filter_gradient(g, x, w, swap=True),
            ),
        },
    ),
    "Lp pooling": (
        LpPool2d(2, 2, 2),
        SILENT,
        lambda g, x: pool(g, x, lambda v: v, lambda y: torch.where(y > 0, 1 / y, 0)),
        {
            "zero output forgotten": lambda g, x: pool(g, x, lambda v: v, lambda y: 1 / y),
            "zero output passes on": lambda g, x: pool(
                g, x, lambda v: v + (v == 0), lambda y: torch.where(y > 0, 1 / y, 1)
            ),
            "factor two": lambda g, x: 2 * pool(g, x, lambda v: v, lambda y: torch.where(y > 0, 1 / y, 0)),
            "sign lost": lambda g, x: pool(g, x, torch.abs, lambda y: torch.where(y > 0, 1 / y, 0)),
            "average's rule": lambda g, x: pool(g, x, torch.sign, lambda y: 1.0 * (y > 0)),
        },
    ),
    "subtractive normalization": (
        SubtractiveNorm2d(7),
        MAPS,
        lambda g, x: g - slide(g.sum(1, keepdim=True) / slide(torch.ones_like(g[:1, :1]))) / g.shape[1],
        {
            "divided last": lambda g, x: g - slide(g.mean(1, keepdim=True)) / slide(torch.ones_like(g[:1, :1])),
            "mass forgotten": lambda g, x: g - slide(g.mean(1, keepdim=True)),
            "channels not averaged": lambda g, x: g - slide(g.sum(1, keepdim=True) / slide(torch.ones_like(g[:1, :1]))),
            "each channel by itself": lambda g, x: g - torch.cat([slide(g[:, [c]]) for c in range(3)], 1),
            "mean taken as a constant": lambda g, x: g,
        },
    ),
    "tanh": (
        torch.tanh,
        MAPS,
        lambda g, x: g * (1 - x.tanh() ** 2),
        {
            "taken at the output": lambda g, x: g * (1 - x.tanh().tanh() ** 2),
            "taken at the input": lambda g, x: g * (1 - x**2),
            "error dropped": lambda g, x: 1 - x.tanh() ** 2,
        },
    ),
    "relu": (
        torch.relu,
        SILENT,
        lambda g, x: g * (x > 0),
        {
            "open at zero": lambda g, x: g * (x >= 0),
            "a half at zero": lambda g, x: g * (torch.sign(x) + 1) / 2,
            "closed above": lambda g, x: g * (x < 0),
        },
    ),
    "log-softmax with likelihood": (
        likelihood,
        {"x": numbers(3, 4)},
        lambda g, x: g * (x.softmax(1) - F.one_hot(LABELS, 4)) / len(x),
        {
            "sum for mean": lambda g, x: g * (x.softmax(1) - F.one_hot(LABELS, 4)),
            "sign flipped": lambda g, x: g * (F.one_hot(LABELS, 4) - x.softmax(1)) / len(x),
            "normalized over the batch": lambda g, x: g * (x.softmax(0) - F.one_hot(LABELS, 4)) / len(x),
        },
    ),
}

WRONG_PASSES = [(layer, slip) for layer in BACKWARD for slip in BACKWARD[layer][-1]]


@pytest.mark.parametrize("layer", BACKWARD)
def test_the_right_backward_pass_is_accepted(layer):
    function, inputs, right, _ = BACKWARD[layer]
    check_backward(layer, function, right, inputs)


@pytest.mark.parametrize(("layer", "slip"), WRONG_PASSES)
def test_a_wrong_backward_pass_is_refused(layer, slip):
    function, inputs, _, wrong = BACKWARD[layer]
    with pytest.raises(GradientError):
        check_backward(layer, function, wrong[slip], inputs)


# The whole network, as its chapter assembles it


@pytest.fixture(scope="module")
def chapter():
    """What the cells of the chapter define, up to its checked claim."""
    namespace = {"__name__": "__main__"}
    source = Path(__file__).parents[2] / "book" / "backprop" / "whole_network.md"
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in jupytext.read(source).cells:
            if cell.cell_type == "code" and not {"hide-input", "remove-input"} & set(cell.metadata.get("tags", [])):
                exec(cell.source, namespace)
            if cell.source.startswith("## The checked claim"):
                break
    return namespace


#: slip: (name in the chapter, its wrong replacement, made from the right one)
NETWORK_SLIPS = {
    "dropout masks forgotten": (
        "backward",
        lambda right: lambda net, scores, kept, masks, labels: right(net, scores, kept, [1] * len(masks), labels),
    ),
    "normalization skipped": ("normalization_backward", lambda right: lambda g, x: g),
    "filter not turned": (
        "convolution_backward",
        lambda right: (
            lambda g, x, weight, bias: (
                F.conv2d(framed(g, weight), weight.transpose(0, 1)),
                *right(g, x, weight, bias)[1:],
            )
        ),
    ),
    "bias of a convolution averaged": (
        "convolution_backward",
        lambda right: lambda g, x, weight, bias: (*right(g, x, weight, bias)[:2], g.mean((0, 2, 3))),
    ),
    "pooling as with P 1": (
        "pooling_backward",
        lambda right: lambda g, x, P, size, stride: right(g, x, 1, size, stride),
    ),
    "slope of the sigmoid for tanh": ("slopes", lambda right: {**right, "tanh": right["sigmoid"]}),
    "linear layer's weight transposed back": (
        "linear_backward",
        lambda right: lambda g, x, weight, bias: (right(g, x, weight, bias)[0], x.T @ g, g.sum(0)),
    ),
}


@pytest.mark.parametrize("slip", NETWORK_SLIPS)
def test_one_slip_in_the_whole_network_is_refused(chapter, slip, monkeypatch):
    name, wrong = NETWORK_SLIPS[slip]
    monkeypatch.setitem(chapter, name, wrong(chapter[name]))
    with pytest.raises(GradientError):
        tabulate("whole network", chapter["compare"](chapter["small"], seed=2))


def test_the_whole_network_passes_without_a_slip(chapter):
    assert len(tabulate("whole network", chapter["compare"](chapter["small"], seed=2)).rows) == 8


# Shares of the error at a tie


@pytest.mark.parametrize(
    ("larger", "smaller", "right"),
    [
        ((0.5, 0.5), (0.5, 0.5), True),
        ((1, 0), (0, 1), True),
        ((0, 1), (1, 0), True),
        ((0.25, 0.75), (0.75, 0.25), True),
        ((1, 0), (1, 0), False),  # both to the first: each is legal, but the sum is wrong
        ((0, 1), (0, 1), False),
        ((1, 0), (0.5, 0.5), False),
        ((1, 1), (0, 0), True),  # not legal for the maximum, yet the sum is right
        ((1, 1), (1, 1), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_differences_accept_exactly_the_shares_that_add_up_to_the_gradient(larger, smaller, right):
    """Shares of the error that maximum and minimum pass to (a, b), where both logistic functions are 1/2."""

    def value(point):
        s = 1 / (1 + np.exp(-point))
        return [s.max() + s.min()]

    routed = np.array([0.25 * (first + second) for first, second in zip(larger, smaller, strict=True)])
    row = Row("differences", residual(routed, central_differences(value, np.zeros(2))[0]), *CENTRAL)
    if right:
        tabulate("tie", [row])
    else:
        with pytest.raises(GradientError):
            tabulate("tie", [row])


def test_no_family_of_slips_has_been_emptied():
    assert len(SLIPS) >= 70
    assert len(WRONG_PASSES) >= 25
    assert all(len(FAMILIES[family][-1]) >= 3 for family in FAMILIES)
