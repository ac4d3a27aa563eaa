"""Random configurations: each trains, or is refused before training by a sentence that names a setting.

A few hundred are drawn here; `make search` draws new ones for as long as you like.
"""

import math
import re
from contextlib import suppress
from dataclasses import fields
from fractions import Fraction
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import event, given, settings
from hypothesis import strategies as st

from labcode.data import Images, Mnist
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, minibatches, train
from labcode.training import loop as training

EXAMPLES = settings(max_examples=300)

# Each value is valid by itself; a combination may not be.
NETWORK = {
    "width": st.integers(1, 2),
    "stages": st.integers(1, 4),
    "filter": st.integers(1, 9) | st.just(33),
    "padding": st.integers(0, 2),
    "pool": st.integers(1, 6),
    "pool_stride": st.integers(1, 5) | st.just(100),
    "exponent": st.sampled_from([1, 2, 4]) | st.floats(1, 10),
    "activation": st.sampled_from(["tanh", "relu", "sigmoid"]),
    "normalize": st.booleans(),
    "hidden": st.integers(1, 3),
    "dropout": st.just(()) | st.lists(st.sampled_from([0, 0.25, 0.5, 0.999]), min_size=2, max_size=5).map(tuple),
}
RECIPE = {
    "learning_rate": st.sampled_from([1e-30, 1e-3, 1, 1e30]) | st.floats(1e-6, 1e3),
    "batch_size": st.integers(1, 7),
    "epochs": st.integers(1, 2),
    "measured_every": st.integers(1, 2),
    "optimizer": st.sampled_from(["sgd", "cg"]),
    "decay": st.sampled_from(["none", "cosine"]),
    "choice": st.sampled_from(["last", "best"]),
    "line_searches": st.integers(1, 2),
}
DATA = {
    "training": st.integers(0, 6),
    "validation": st.integers(0, 3),
    "side": st.sampled_from([32] * 9 + [28]),
    "dtype": st.sampled_from([torch.float32] * 8 + [torch.float64]),
}
ENGINE = st.sampled_from(["hand", "autograd"])

# Odd values: not a number, not whole, not finite, or too large for memory or for 64 bits.
ODD = st.sampled_from(
    [
        *[None, True, False, object, b"x", "", "2", "tanh", "TANH", "adam"],
        *[0, -1, 10**6, 10**12, 10**30, 10**400, np.int64(3), Fraction(1, 2), 2 + 0j],
        *[2.5, 1e-320, 1e38, 1e39, 1e300, math.nan, math.inf, -math.inf, np.float64(0.5)],
        *[
            (),
            [],
            {},
            (0.5,),
            [[0.5] * 3],
            ("a", "b", "c"),
            (0.5, None, 0.5),
            (0.5, math.nan, 0.5),
            (True, False, True),
        ],
    ]
)
# A very long training is not an error, so these settings take no large values.
ENDLESS = {"epochs", "line_searches"}


def draw_settings(draw, strategies, odd_ones):
    found = {name: draw(strategy) for name, strategy in strategies.items()}
    for name in odd_ones:
        odd = draw(ODD)
        if not (name in ENDLESS and isinstance(odd, int) and odd > 2):
            found[name] = odd
    return found


@st.composite
def configurations(draw):
    odd_ones = draw(st.sets(st.sampled_from(sorted(NETWORK | RECIPE)), max_size=2) | st.just(set()))
    network = draw_settings(draw, NETWORK, odd_ones & set(NETWORK))
    recipe = draw_settings(draw, RECIPE, odd_ones & set(RECIPE))
    return network, recipe, draw_settings(draw, DATA, ()), draw(ENGINE), odd_ones


def images(count, data):
    generator = stream(count, "digits")
    pixels = torch.randn(count, 1, data["side"], data["side"], generator=generator, dtype=data["dtype"])
    return Images(pixels, torch.randint(0, 10, (count,), generator=generator))


def attempt(network, recipe, data, engine):
    """Return the sentence of a refusal, or the history of a training."""
    with patch.object(training, "minibatches", wraps=minibatches) as begun:
        try:
            config, plan = ConvNetConfig(**network), Recipe(**recipe)
            net = ConvNet(config, stream(0, "initial weights"))
            mnist = Mnist(*(images(data[part], data) for part in ("training", "validation")), images(0, data), 0.0, 1.0)
            return train(net, mnist, plan, seed=0, progress=False, engine=engine)
        except ValueError as refusal:
            assert not begun.called, "it was refused during training"
            return str(refusal)


def named(sentence):
    """The settings that a sentence names."""
    return {name for name in [*NETWORK, *RECIPE, *DATA] if re.search(rf"\b{name}\b", sentence)}


def can_be_built(network):
    """Whether PyTorch itself can pass an image through such layers: an independent check of the sizes."""
    x = torch.zeros(1, 1, 32, 32)
    try:
        for _ in range(min(network["stages"], 100)):  # more are always refused
            x = F.conv2d(x, torch.zeros(1, 1, network["filter"], network["filter"]), padding=network["padding"])
            if x.shape[-1] > 1:  # a 1x1 map is not pooled
                x = F.max_pool2d(x, network["pool"], network["pool_stride"])
    except RuntimeError:
        return False
    return True


def test_the_independent_check_ends_for_any_number_of_stages():
    assert can_be_built({"stages": 10**12, "filter": 1, "padding": 0, "pool": 2, "pool_stride": 2})


REASONS = [
    ({"padding"}, lambda c: c["padding"] >= c["filter"]),
    ({"filter", "pool"}, lambda c: c["padding"] < c["filter"] and not can_be_built(c)),
    ({"dropout"}, lambda c: c["dropout"] and len(c["dropout"]) != c["stages"] + 1),
    ({"measured_every"}, lambda c: c["epochs"] % c["measured_every"]),
    ({"decay"}, lambda c: c["optimizer"] == "cg" and c["decay"] != "none"),
    ({"training", "validation"}, lambda c: not (c["training"] and c["validation"])),
    ({"batch_size"}, lambda c: c["batch_size"] > c["training"]),
    ({"side"}, lambda c: c["side"] != 32),
    ({"dtype"}, lambda c: c["dtype"] != torch.float32),
]
"""Combinations that must be refused although each value is valid, and the settings of which the message names one."""


def expected_refusals(configuration):
    found = []
    for names, applies in REASONS:
        with suppress(TypeError, ValueError, ArithmeticError):  # raised by an odd value
            found += [names] if applies(configuration) else []
    return found


@EXAMPLES
@given(configurations())
def test_each_configuration_trains_or_is_refused_with_the_name_of_a_setting(drawn):
    network, recipe, data, engine, odd_ones = drawn
    outcome = attempt(network, recipe, data, engine)
    expected = expected_refusals(network | recipe | data)
    if isinstance(outcome, str):
        event("refused")
        assert named(outcome) & (odd_ones | set().union(*expected)), outcome
        assert outcome.endswith((".", ").")), outcome
        return
    event("trained")
    assert expected == []
    measurements = recipe["epochs"] // recipe["measured_every"]
    assert outcome.diverged or len(outcome.validation.errors) == measurements
    assert outcome.diverged or outcome.gradients[-1] >= 1


def test_the_strategies_cover_every_setting():
    assert set(NETWORK) == {field.name for field in fields(ConvNetConfig)}
    assert set(RECIPE) == {field.name for field in fields(Recipe)}
