"""No setting of the user's session changes a result or breaks a call, and each is afterwards as it was.

The examples of the documentation run under all settings at once; `make search` draws other sets of them.
"""

import doctest
import importlib
import pkgutil
import re
import sys
import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import labcode
from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig, weights
from labcode.seeds import stream
from labcode.study.samples import Curves
from labcode.training import Recipe, count_errors, predict, train, train_fleet


@contextmanager
def changed(change, back):
    change()
    try:
        yield
    finally:
        back()


@contextmanager
def odd_print_options():
    odd = {"precision": 1, "threshold": 2, "edgeitems": 1, "linewidth": 20}
    with np.printoptions(**odd, sign="+"):
        torch.set_printoptions(**odd, sci_mode=True)
        try:
            yield
        finally:
            torch.set_printoptions(profile="default")


@contextmanager
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def threads(count):
    before = torch.get_num_threads()
    return changed(lambda: torch.set_num_threads(count), lambda: torch.set_num_threads(before))


SETTINGS = {
    "default dtype": lambda: changed(
        lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32)
    ),
    "default device": lambda: changed(lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None)),
    "a device's context": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "two threads": lambda: threads(2),
    "three threads": lambda: threads(3),
    "denormals flushed": lambda: changed(
        lambda: torch.set_flush_denormal(True), lambda: torch.set_flush_denormal(False)
    ),
    "print options": odd_print_options,
    "warnings as errors": warnings_are_errors,
    "NumPy raises": lambda: np.errstate(all="raise"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "products of low precision": lambda: changed(
        lambda: torch.set_float32_matmul_precision("medium"), lambda: torch.set_float32_matmul_precision("highest")
    ),
}


def state():
    """What a session's settings are."""
    return (
        *(torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads()),
        *(torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
        *(torch.get_float32_matmul_precision(), sys.float_info.min / 2 == 0),
        *(vars(torch._tensor_str.PRINT_OPTS).copy(), np.get_printoptions(), np.geterr(), list(warnings.filters)),
    )


def results():
    """Whatever a session computes from the data to the predictions, as bits."""
    found = []
    for dtype, engines in ((torch.float32, ("hand", "autograd")), (torch.float64, ("fleet",))):
        mnist = load("tenth", 3, dtype)
        small = mnist.first(20, 10)
        found += [mnist.mean.hex(), mnist.deviation.hex(), small.train.pixels.numpy().tobytes()]
        for engine in engines:
            config = ConvNetConfig(width=2, hidden=4, dropout=(0.25, 0.5, 0), exponent=5)
            net, recipe = ConvNet(config, stream(3, "initial weights"), dtype), Recipe(learning_rate=0.1, epochs=1)
            if engine == "fleet":
                (history,) = train_fleet([net], [small], [recipe], [3], progress=False)
            else:
                history = train(net, small, recipe, seed=3, progress=False, engine=engine)
            found += [history.online, history.validation, weights.digest(net.state_dict())]
            found += [count_errors(net, small.validation), predict(net, small.validation).tolist()]
    trained = weights.TrainedNet(net, mnist.mean, mnist.deviation)
    return [*found, trained.prepare(np.full((1, 28, 28), 7, np.uint8)).numpy().tobytes()]


@pytest.fixture(scope="module")
def expected():
    return results()


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_changes_a_result(name, expected):
    with SETTINGS[name]():
        before = state()
        assert results() == expected
        assert state() == before


def test_what_was_made_in_inference_mode_can_be_used_outside(expected):
    """Caches and networks live on after the mode has ended, and autograd refuses tensors that were made in it."""
    with torch.inference_mode():
        net = ConvNet(ConvNetConfig(width=2, hidden=4), stream(3, "initial weights"))
        small = load("tenth", 3).first(20, 10)
        predict(net, small.validation)
    for engine in ("autograd", "hand"):
        train(net, small, Recipe(epochs=1), seed=3, progress=False, engine=engine)


def test_print_options_change_no_text_of_ours():
    curves = Curves(np.linspace(0, 5, 60).reshape(2, 30))
    before = repr(curves)
    with odd_print_options():
        assert repr(curves) == before


def test_settings_come_back_after_an_error():
    for name in SETTINGS:
        with SETTINGS[name]():
            before = state()
            with pytest.raises(ValueError, match="scale is 'half'"):
                load("half", 0)
            assert state() == before


# The examples of the documentation

ROOMS = ["checks", "files", "seeds", "machine", "data", "derivation", "network", "training", "study"]


def examples():
    found = {}
    for info in pkgutil.walk_packages(labcode.__path__, "labcode."):
        if info.name.split(".")[1] in ROOMS:
            module = importlib.import_module(info.name)
            found |= {test.name: test for test in doctest.DocTestFinder(exclude_empty=True).find(module)}
    return {name: test for name, test in sorted(found.items()) if test.examples}


EXAMPLES = examples()
# What an example does by itself in PyTorch depends on the settings, and so should it.
DOES_BY_ITSELF = {
    r"torch\.(tensor|zeros|ones|randn|rand|empty|arange|full|eye|set_\w+)\(": {
        *("default dtype", "default device", "a device's context", "autocast"),
    },
    r"\.backward\(|\bbackward\b|ConjugateGradient\(|layer\.forward|net\(": {"no_grad", "inference_mode", "autocast"},
    r"tensor\(|array\(": {"print options"},
    r"Steps\(|HandProp\(|Fleet\w*\(": {"autocast"},
}


def applicable(name, chosen):
    """The settings that an example does not meet by itself."""
    text = "".join(example.source + example.want for example in EXAMPLES[name].examples)
    left_out = set().union(*(names for pattern, names in DOES_BY_ITSELF.items() if re.search(pattern, text)))
    return [each for each in SETTINGS if each in chosen and each not in left_out]


def run_example(name, chosen):
    test = EXAMPLES[name]
    fresh = doctest.DocTest(test.examples, dict(test.globs), name, test.filename, test.lineno, test.docstring)
    printed = []
    with ExitStack() as entered:
        for each in applicable(name, chosen):
            entered.enter_context(SETTINGS[each]())
        before = state()
        failed = doctest.DocTestRunner().run(fresh, out=printed.append).failed
        after = state()
    assert not failed, "".join(printed)
    assert after == before


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_holds_under_all_settings_at_once(name):
    run_example(name, set(SETTINGS))


@settings(max_examples=20)
@given(st.sampled_from(sorted(EXAMPLES)), st.sets(st.sampled_from(sorted(SETTINGS)), min_size=1, max_size=4))
def test_examples_hold_under_any_settings(name, chosen):
    run_example(name, chosen)
