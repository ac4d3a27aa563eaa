"""Steps through a graph agree with autograd, with the derivative of the whole formula, and with the drawing."""

import re

import numpy as np
import pytest
import sympy
import torch
from bs4 import BeautifulSoup
from sympy import Function, Lambda, Max, Min, Rational, exp, log, symbols, tanh

from labcode.derivation import Partial, Product, Total, unfold
from labcode.pages.stepper import Stepper, backpropagate, number

x1, x2, a, b, M, m, y, u = symbols("x1 x2 a b M m y u", real=True)
w, x, c, z, h, v1, v2, s1, s2, E = symbols("w x b z h v1 v2 s1 s2 E", real=True)
sigma = Function("sigma")
LOGISTIC = {sigma: Lambda(u, 1 / (1 + exp(-u)))}
MAXMIN = {a: sigma(x1), b: sigma(x2), M: Max(a, b), m: Min(a, b), y: M + m}
STACK = {
    z: Total(Product(w, x), c),
    h: tanh(z),
    s1: Product(v1, h),
    s2: Product(v2, h),
    E: log(exp(s1) + exp(s2)) - s1,
}
PLACES = {x1: (0, 0), x2: (1, 0), a: (0, 1), b: (1, 1), M: (0, 2), m: (1, 2), y: (0.5, 3)}
FORMULA = {name: (1 - sigma(name)) * sigma(name) for name in (x1, x2)}


def maxmin(point, split=True):
    s = torch.sigmoid(point)
    if split:
        return torch.maximum(s[0], s[1]) + torch.minimum(s[0], s[1])
    return s.max(0).values + s.min(0).values


def stack(point):
    w, x, b, v1, v2 = point
    scores = torch.stack([v1, v2]) * torch.tanh(w * x + b)
    return torch.nn.functional.nll_loss(torch.log_softmax(scores, 0)[None], torch.tensor([0]))


def autograd(function, numbers):
    point = torch.tensor([float(value) for value in numbers], dtype=torch.float64, requires_grad=True)
    result = function(point)
    result.backward()
    return result.item(), point.grad.tolist()


@pytest.mark.parametrize(
    ("graph", "inputs", "function"), [(MAXMIN, (x1, x2), maxmin), (STACK, (w, x, c, v1, v2), stack)]
)
@pytest.mark.parametrize("seed", range(5))
def test_gradients_at_random_points_agree_with_autograd_and_with_the_whole_formula(graph, inputs, function, seed):
    point = dict(zip(inputs, np.random.default_rng(seed).normal(size=len(inputs)).tolist(), strict=True))
    done = backpropagate(graph, point, LOGISTIC)
    last = list(graph)[-1]
    value, gradient = autograd(function, point.values())
    assert float(done.values[last]) == pytest.approx(value, rel=1e-12)
    assert [float(done.gradients[name]) for name in inputs] == pytest.approx(gradient, rel=1e-10)
    for name in inputs:
        whole = unfold(Partial(last, name), {**graph, **LOGISTIC}).subs(point)
        assert float(done.gradients[name]) == pytest.approx(float(whole), rel=1e-10)
    assert done.ties == ()


@pytest.mark.parametrize(("share", "split"), [(Rational(1, 2), True), (1, False)])
def test_both_rules_at_a_tie_agree_with_a_function_of_the_framework(share, split):
    done = backpropagate(MAXMIN, {x1: Rational(1, 3), x2: Rational(1, 3)}, LOGISTIC, share)
    assert done.ties == (M, m)
    _, gradient = autograd(lambda point: maxmin(point, split), (1 / 3, 1 / 3))
    assert [float(done.gradients[name]) for name in (x1, x2)] == pytest.approx(gradient, rel=1e-12)


def test_at_a_tie_any_share_passes_on_the_whole_error_of_each_node():
    for share in (0, Rational(1, 3), 1):
        done = backpropagate(MAXMIN, {x1: 2, x2: 2}, LOGISTIC, share)
        for node in (M, m):
            assert float(done.slopes[a, node] + done.slopes[b, node]) == 1
        assert float(done.gradients[a]) == pytest.approx(2 * float(share))


def test_the_last_step_says_whether_the_gradient_is_right():
    tie = {x1: 0, x2: 0}
    assert Stepper("even", MAXMIN, tie, PLACES, FORMULA, LOGISTIC).sentences[-1].endswith("All of them did.")
    wrong = Stepper("first", MAXMIN, tie, PLACES, FORMULA, LOGISTIC, share=1).sentences[-1]
    assert wrong.endswith("But x₁ got 0.5 and x₂ got 0.")
    for drawn in (
        {x1: 0.1, x2: 0.3},
        {x1: -0.7, x2: 1e-3},
    ):  # not exact in binary: the 30 digits must be compared, not the decimals
        assert Stepper("drawn", MAXMIN, drawn, PLACES, FORMULA, LOGISTIC).sentences[-1].endswith("All of them did.")
    near = {**FORMULA, x2: FORMULA[x2] + Rational(1, 10**12)}
    assert "But x₂ got 0.25." in Stepper("near", MAXMIN, tie, PLACES, near, LOGISTIC).sentences[-1]


def test_the_sentences_mention_ties_exactly_where_they_occur():
    text = "\n".join(Stepper("tie", MAXMIN, {x1: 0, x2: 0}, PLACES, FORMULA, LOGISTIC).sentences)
    assert text.count("tied, so the maximum") == text.count("tied, so the minimum") == 1
    assert "tied" not in "\n".join(Stepper("none", MAXMIN, {x1: 0, x2: 1}, PLACES, FORMULA, LOGISTIC).sentences)


def test_the_page_shows_the_computed_numbers():
    stepper = Stepper("A <tie>", MAXMIN, {x1: 1, x2: 0}, PLACES, FORMULA, LOGISTIC)
    soup = BeautifulSoup(stepper._repr_html_(), "html.parser")
    assert [item.get_text() for item in soup.select("li")] == stepper.sentences
    assert soup.select_one(".stepper-title").get_text() == "A <tie>"
    shown = [text.get_text() for text in soup.select("svg text")]
    done = stepper.result
    assert [t for t in shown if t.startswith("value")] == [f"value {number(done.values[n])}" for n in PLACES]
    assert [t for t in shown if t.startswith("error")] == [f"error {number(done.gradients[n])}" for n in PLACES]
    assert [t for t in shown if t.startswith("×")] == [f"×{number(slope)}" for slope in done.slopes.values()]
    # Each error appears in the drawing at the step whose sentence mentions it.
    for text in soup.select("svg text.error"):
        step, name = int(text["data-step"]), text.find_previous_sibling(class_="name").get_text().split(" ")[0]
        assert re.match(rf"Backward: {name} (gets|starts)", stepper.sentences[step])
    assert not re.search(r"(https?:|fetch|import )", stepper._repr_html_())


@pytest.mark.parametrize(
    ("graph", "point", "share", "message"),
    [
        ({a: sigma(x1)}, {x2: 0}, 0.5, "The node a needs x1, which has no value yet."),
        (
            {M: Max(x1, x2, a)},
            {x1: 0, x2: 0, a: 0},
            0.5,
            "a maximum or minimum must be a separate node with two arguments",
        ),
        ({M: Max(x1, 0)}, {x1: 0}, 0.5, "a maximum or minimum must be a separate node with two arguments"),
        (
            {M: 2 * Max(x1, x2)},
            {x1: 0, x2: 0},
            0.5,
            "The node M is 2*Max(x1, x2); a maximum or minimum must be a separate node",
        ),
        ({M: Max(x1, x2)}, {x1: 0, x2: 0}, 1.5, "share is 1.5; it must lie between 0 and 1"),
    ],
)
def test_a_graph_that_cannot_be_stepped_through_is_refused(graph, point, share, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        backpropagate(graph, point, LOGISTIC, share)


def test_a_node_without_a_place_is_refused():
    with pytest.raises(ValueError, match="The node y has no place in the drawing"):
        Stepper("no place", MAXMIN, {x1: 0, x2: 1}, {n: p for n, p in PLACES.items() if n != y}, FORMULA, LOGISTIC)


def test_values_keep_thirty_digits():
    done = backpropagate({y: sympy.sqrt(x1)}, {x1: 2})
    assert abs(done.values[y] ** 2 - 2) < 1e-28
