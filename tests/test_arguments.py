"""Every public function of data, network, training and study answers any argument with a result or with a sentence."""

import contextlib
import math
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode import data, network, study, training
from labcode.data import Images, Mnist
from labcode.network import ConvNet, ConvNetConfig, TrainedNet
from labcode.seeds import stream
from labcode.study import Experiment
from labcode.study.records import path_of, read, read_all
from labcode.training import Recipe

SMALL = ConvNetConfig(width=1, hidden=2, dropout=(0.5, 0, 0.5))


def digits(count):
    draws = stream(count, "digits")
    return Images(torch.randn(count, 1, 32, 32, generator=draws), torch.randint(0, 10, (count,), generator=draws))


def net():
    return ConvNet(SMALL, stream(0, "initial weights"))


MNIST = Mnist(digits(4), digits(2), digits(2), 0.0, 1.0)

ODD = [
    *(None, True, False, 0, 1, -1, 2, 10**30, 10**400, 0.0, 0.5, 2.5, 1e300, math.nan, math.inf, -math.inf, 2 + 0j),
    *(Fraction(1, 2), "", "0", "half", "tanh", "é", b"x", "a\0b", [], [1], (), (0.5,), {}, {"a": 1}, set(), object()),
    *(np.int64(3), np.float32(0.5), np.float64("nan"), np.bool_(True), np.array(2), np.array([1.0]), np.zeros((0, 2))),
    *(np.zeros((1, 28, 28), np.uint8), np.array("a"), torch.tensor(2), torch.tensor(0.5), torch.tensor([1.0])),
    *(torch.zeros(1, 1, 32, 32), torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.device("meta")),
    *(torch.nn.Identity(), len, int, range(3), Path("/"), Path("/proc/self/nothing"), iter([1]), Experiment(0)),
    *(digits(0), digits(2), MNIST, SMALL, Recipe(), torch.Generator()),
]

CALLS = {
    "data.load": (data.load, {"scale": "tenth", "seed": 0, "dtype": torch.float32}),
    "data.read_full": (data.read_full, {"root": Path("/nowhere")}),
    "data.split_indices": (data.split_indices, {"count": 10, "seed": 0}),
    "data.Mnist.first": (MNIST.first, {"training": 1, "validation": 1}),
    "network.ConvNet": (network.ConvNet, {"config": SMALL, "generator": torch.Generator(), "dtype": torch.float32}),
    "network.ConvNetConfig": (
        network.ConvNetConfig,
        {
            **{"width": 1, "stages": 2, "filter": 5, "padding": 0, "pool": 2, "pool_stride": 2, "exponent": 2},
            **{"activation": "tanh", "normalize": True, "hidden": 2, "dropout": ()},
        },
    ),
    "network.LpPool2d": (network.LpPool2d, {"exponent": 2, "size": 2, "stride": 2}),
    "network.SubtractiveNorm2d": (network.SubtractiveNorm2d, {"size": 7}),
    "network.HandProp": (network.HandProp, {"net": net()}),
    "network.dropout_mask": (
        network.dropout_mask,
        {"shape": (2, 3), "rate": 0.25, "generator": torch.Generator(), "dtype": torch.float32},
    ),
    "network.gaussian_window": (network.gaussian_window, {"size": 7}),
    "network.TrainedNet": (network.TrainedNet, {"net": net(), "mean": 26.0, "deviation": 70.0}),
    "network.TrainedNet.prepare": (TrainedNet(net(), 26.0, 70.0).prepare, {"pixels": np.zeros((1, 28, 28), np.uint8)}),
    "network.weights.load": (network.weights.load, {"path": Path("/nowhere")}),
    "network.weights.save": (
        network.weights.save,
        {"path": Path("/proc/self/nothing"), "trained": TrainedNet(net(), 26.0, 70.0)},
    ),
    "training.Recipe": (
        training.Recipe,
        {
            **{"learning_rate": 0.1, "batch_size": 1, "epochs": 1, "measured_every": 1, "optimizer": "sgd"},
            **{"decay": "none", "choice": "last", "line_searches": 1},
        },
    ),
    "training.train": (
        training.train,
        {
            **{"net": net(), "mnist": MNIST, "recipe": Recipe(epochs=1), "seed": 0, "progress": False},
            **{"engine": "hand", "checkpoint": None},
        },
    ),
    "training.count_errors": (training.count_errors, {"net": net(), "images": digits(2)}),
    "training.predict": (training.predict, {"net": net(), "images": digits(2)}),
    "training.minibatches": (
        lambda **arguments: list(training.minibatches(**arguments)),
        {
            **{"net": net(), "images": digits(3), "batch_size": 2},
            **{"orders": torch.Generator(), "masks": torch.Generator()},
        },
    ),
    "training.HandSteps": (training.HandSteps, {"net": net(), "learning_rate": 0.1}),
    "training.AutogradSteps": (training.AutogradSteps, {"net": net(), "learning_rate": 0.1}),
    "training.ErrorCurve": (
        lambda **arguments: training.ErrorCurve(**arguments).percent,
        {"errors": (1,), "images": 2},
    ),
    "study.Experiment": (
        study.Experiment,
        {"seed": 0, "scale": "tenth", "network": SMALL, "recipe": Recipe()},
    ),
    "study.Experiment.vary": (Experiment(0).vary, {"scale": "tenth", "width": 1, "epochs": 1}),
    "study.records.read": (read, {"experiment": Experiment(0), "folder": Path("/nowhere")}),
    "study.records.read_all": (read_all, {"folder": Path("/nowhere")}),
    "study.records.path_of": (path_of, {"experiment": Experiment(0), "folder": Path("/nowhere")}),
    "seeds.stream": (stream, {"seed": 0, "purpose": "split"}),
}


def complaint(name, arguments):
    """Call a public function in a folder of its own; return None, or what it says if that is no sentence."""
    function, _ = CALLS[name]
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            function(**arguments)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        return None if str(error).endswith((".", ".)", "again.")) else f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("name", CALLS)
def test_the_arguments_from_which_others_are_made_are_accepted(name):
    function, arguments = CALLS[name]
    if not any(isinstance(value, Path) for value in arguments.values()):
        function(**arguments)


@settings(max_examples=300)
@given(st.data())
def test_an_odd_argument_gets_a_sentence(data):
    name = data.draw(st.sampled_from(sorted(CALLS)))
    arguments = dict(CALLS[name][1])
    for changed in data.draw(st.sets(st.sampled_from(sorted(arguments)), min_size=1, max_size=2)):
        arguments[changed] = data.draw(st.sampled_from(ODD))
    assert complaint(name, arguments) is None
