"""Plausible wrong answers to every derivation of Part I are refused.

`derive` must refuse a wrong expression with a point where the sides differ, and `check_backward` a wrong backward
pass. The answers are in `labcode.derivation.mistakes` and `labcode.network.mistakes`.
"""

import contextlib
import io
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch.nn.functional as F
from sympy import symbols

from labcode.derivation import (
    CENTRAL,
    QUESTIONS,
    DerivationError,
    GradientError,
    Question,
    Row,
    central_differences,
    refuse,
    refuse_passes,
    residual,
    tabulate,
)
from labcode.derivation.passes import Layer, code_of, name_of
from labcode.network.mistakes import LAYERS, framed

SLIPS = [(family, slip) for family in QUESTIONS for slip in QUESTIONS[family].wrong]


@pytest.mark.parametrize("family", QUESTIONS)
def test_the_right_answer_is_proved(family):
    QUESTIONS[family].check(QUESTIONS[family].answer)


@pytest.mark.parametrize(("family", "slip"), SLIPS)
def test_a_wrong_answer_is_refused(family, slip):
    answer, _ = QUESTIONS[family].wrong[slip]
    with pytest.raises(DerivationError, match=r"is not an equality[\s\S]*left side is"):
        QUESTIONS[family].check(answer, slip)


# Backward passes written with tensors

WRONG_PASSES = [(layer, wrong) for layer in LAYERS for wrong in LAYERS[layer].wrong]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_right_backward_pass_is_accepted(layer):
    LAYERS[layer].check(LAYERS[layer].backward)


@pytest.mark.parametrize(("layer", "wrong"), WRONG_PASSES)
def test_a_wrong_backward_pass_is_refused(layer, wrong):
    with pytest.raises(GradientError):
        LAYERS[layer].check(wrong)


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
    assert len(SLIPS) >= 90
    assert len(WRONG_PASSES) >= 25
    assert all(len(family.wrong) >= 3 for family in (*QUESTIONS.values(), *LAYERS.values()))


# The page of common mistakes


@pytest.mark.parametrize("family", QUESTIONS)
def test_the_page_shows_each_wrong_answer_with_its_thought_and_a_point(family):
    question = QUESTIONS[family]
    refused = refuse(question)
    page = refused._repr_markdown_()
    assert page.count("*Refused:* At ") == len(refused.sentences) == len(question.wrong)
    for name, (_, thought) in question.wrong.items():
        assert thought.endswith((".", "?"))
        assert f"**{name[0].upper()}{name[1:]}.** “{thought}”" in page
        assert f"{name}: " in repr(refused)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_page_shows_each_wrong_backward_pass_with_its_thought_and_code(layer):
    page = refuse_passes(LAYERS[layer])._repr_markdown_()
    assert page.count("*Refused:* ") == len(LAYERS[layer].wrong)
    for wrong in LAYERS[layer].wrong:
        assert wrong.__doc__ in page
        assert f"```python\n{code_of(wrong)}\n```" in page
        assert not name_of(wrong).endswith("_")


def test_a_right_answer_among_the_mistakes_is_reported():
    x = symbols("x", real=True)
    question = Question("square", x * x, x**2, {"other form": (x**2, "It looks different.")})
    with pytest.raises(DerivationError, match='"other form" to the question "square" is not refuted'):
        refuse(question)


def test_a_right_backward_pass_among_the_mistakes_is_reported():
    layer = Layer("Identity", lambda x: 1 * x, LAYERS["tanh"].inputs, lambda g, x: g)

    @layer.mistake
    def identity__none(g, x):
        """Nothing to do."""
        return g

    with pytest.raises(GradientError, match='Identity: the wrong backward pass "none" is not refused'):
        refuse_passes(layer)
