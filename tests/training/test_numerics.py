"""The numerics version: tiny pinned runs that change when the code would give other counts."""

import pytest
import torch

from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, train

# Network, recipe, and the misclassified images per epoch: online, training, validation. In double precision, where both
# engines and both ways to convolve give these counts; conjugate gradient for two epochs, after which rounding shows.
PINNED = {
    "one image per step": ({}, {"learning_rate": 0.01}, (237, 126, 80), (144, 89, 62), (133, 89, 76)),
    "three images per step, dropout": (
        {"dropout": (0.5, 0.0, 0.25)},
        {"batch_size": 3, "learning_rate": 0.03},
        (296, 202, 145),
        (172, 155, 86),
        (156, 140, 92),
    ),
    "ReLU, cosine decay": (
        {"activation": "relu", "stages": 1},
        {"batch_size": 20, "learning_rate": 0.1, "decay": "cosine", "choice": "best"},
        (281, 134, 54),
        (169, 58, 42),
        (150, 81, 66),
    ),
    "sigmoid, padding, P = 3": (
        {"activation": "sigmoid", "padding": 2, "exponent": 3, "pool": 3},
        {"learning_rate": 0.1},
        (343, 245, 156),
        (287, 194, 111),
        (226, 149, 105),
    ),
    "conjugate gradient": (
        {"normalize": False},
        {"batch_size": 50, "optimizer": "cg", "epochs": 2},
        (362, 349),
        (362, 316),
        (288, 234),
    ),
}


@pytest.mark.parametrize("name", PINNED)
def test_a_pinned_run_gives_its_counts(name):
    network, recipe, *expected = PINNED[name]
    images = load("tenth", seed=3, dtype=torch.float64).first(400, 300)
    net = ConvNet(ConvNetConfig(width=4, hidden=16, **network), stream(3, "initial weights"), torch.float64)
    history = train(net, images, Recipe(**({"epochs": 3} | recipe)), seed=3, progress=False)
    counts = [history.online.errors, history.train.errors, history.validation.errors]
    assert counts == expected, "The same seed gives other counts than before: raise labcode.training.numerics.NUMERICS."
