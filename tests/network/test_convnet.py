"""The network: its sizes, its parameters, what it refuses."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck

from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig
from labcode.seeds import stream


def build(config, seed=0, dtype=torch.float32):
    return ConvNet(config, stream(seed, "initial weights"), dtype)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_final_model_has_940_170_parameters_stage_by_stage():
    net = build(FINAL_MODEL)
    assert [count(stage) for stage in net.stages] == [3_328, 409_728]
    assert (count(net.hidden), count(net.output)) == (524_544, 2_570)
    assert count(net) == 940_170


SIZES = {
    **{"width": st.integers(1, 4), "stages": st.integers(1, 4), "filter": st.integers(1, 9)},
    **{"padding": st.integers(0, 3), "pool": st.integers(1, 4), "pool_stride": st.integers(1, 3)},
    **{"hidden": st.integers(1, 5)},
}


@settings(max_examples=60)
@example({"width": 128, "pool": 3, "hidden": 256})
@given(st.fixed_dictionaries(SIZES))
def test_parameters_and_multiply_adds_are_those_of_the_layers(sizes):
    """Counted in a real network: the numbers of its tensors, and the products by hooks that see its maps."""
    try:
        config = ConvNetConfig(**sizes)
    except ValueError:
        reject()
    net, total = build(config), 0

    def add(layer, _, output):
        nonlocal total
        total += layer.weight[0].numel() * output.numel()

    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(add)
    net(torch.zeros(1, 1, 32, 32))
    assert (config.parameters, config.multiply_adds) == (count(net), total)


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({}, [(32, 28, 14), (14, 10, 5)]),
        ({"stages": 3}, [(32, 28, 14), (14, 10, 5), (5, 1, 1)]),
        ({"pool": 3, "pool_stride": 2}, [(32, 28, 13), (13, 9, 4)]),
        ({"pool": 3, "pool_stride": 3}, [(32, 28, 9), (9, 5, 1)]),
        ({"filter": 3}, [(32, 30, 15), (15, 13, 6)]),
        ({"filter": 7}, [(32, 26, 13), (13, 7, 3)]),
    ],
)
def test_map_sizes_are_those_that_pass_through(settings, sizes):
    config = ConvNetConfig(width=2, **settings)
    assert [(s.input, s.convolved, s.pooled) for s in config.shapes] == sizes
    x = torch.zeros(1, 1, 32, 32)
    for stage, (size, convolved, pooled) in zip(build(config).stages, sizes, strict=True):
        assert x.shape[-1] == size
        assert stage.convolution(x).shape[-1] == convolved
        x = stage(x)
        assert x.shape[-1] == pooled


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"filter": 33}, "Stage 1 cannot be built: filter 33 does not fit into a 32x32 map."),
        ({"stages": 4}, "filter 5 does not fit into a 1x1 map .*stage 3: 5 -> 1 -> 1"),
        ({"pool": 12}, r"pool 12 does not fit into the 5x5 map after the convolution \(stage 1: 32 -> 28 -> 9\)"),
        ({"activation": "softplus"}, "activation is 'softplus'; accepted are 'tanh', 'relu', 'sigmoid'"),
        ({"dropout": (0.5, 1, 0.5)}, "dropout is 1; it must be a finite number of at least 0 and below 1"),
        ({"dropout": (0.5, -0.1, 0.5)}, "dropout is -0.1"),
        ({"dropout": (0.5, float("nan"), 0.5)}, "dropout is nan"),
        ({"dropout": (0.5,)}, r"with 2 stages it takes 3 probabilities"),
        ({"width": 0}, "width is 0; it must be a whole number of at least 1"),
        ({"hidden": 2.5}, "hidden is 2.5"),
        ({"stages": True}, "stages is True"),
        ({"exponent": 0.5}, "exponent is 0.5; it must be a finite number of at least 1"),
        ({"exponent": float("nan")}, "exponent is nan"),
        ({"exponent": "2"}, "exponent is '2'"),
        ({"activation": ["tanh"]}, r"activation is \['tanh'\]"),
        ({"dropout": 0.5}, "dropout is 0.5; it takes numbers"),
        ({"dropout": ("a", "b", "c")}, "dropout is 'a'; it must be a finite number"),
        ({"dropout": (True, 0, 0)}, "dropout is True"),
        ({"width": np.bool_(True)}, "width is "),
        ({"padding": 5}, "padding is 5; it must be a whole number of at least 0 and of at most 4"),
        ({"stages": 101}, "stages is 101; it must be a whole number of at least 1 and of at most 100"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ConvNetConfig(**settings)


def test_numpys_numbers_are_numbers():
    config = ConvNetConfig(width=np.int64(8), exponent=np.float64(3), dropout=(np.float32(0.5), np.int8(0), 0.25))
    assert config == ConvNetConfig(width=8, exponent=3, dropout=(0.5, 0, 0.25))
    assert {type(value) for value in (config.width, config.exponent, *config.dropout)} == {int, float}


def test_no_dropout_has_one_spelling():
    assert ConvNetConfig(dropout=(0, 0.0, 0)) == ConvNetConfig()


def test_outputs_are_log_probabilities():
    outputs = build(ConvNetConfig(width=4))(torch.randn(5, 1, 32, 32, generator=stream(0, "images")))
    torch.testing.assert_close(outputs.exp().sum(dim=1), torch.ones(5))


def test_initial_weights_are_uniform_in_one_over_root_fan_in():
    net = build(FINAL_MODEL)
    for layer, fan_in in ((net.stages[1].convolution, 128 * 25), (net.hidden, 2048), (net.output, 256)):
        bound = fan_in**-0.5
        assert max(layer.weight.abs().max(), layer.bias.abs().max()) <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.bias.abs().max() > 0.5 * bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_initial_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = build(ConvNetConfig(width=3)), build(ConvNetConfig(width=3)), build(ConvNetConfig(), seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.output.bias, other.output.bias)


def test_dropout_acts_only_where_masks_are_given():
    config = ConvNetConfig(width=4, dropout=(0.5, 0, 0.5))
    net, images = build(config), torch.randn(3, 1, 32, 32, generator=stream(0, "images"))
    masks = net.draw_masks(3, stream(0, "dropout"))
    assert [None if mask is None else tuple(mask.shape) for mask in masks] == [(3, 4, 14, 14), None, (3, 128)]
    torch.testing.assert_close(net(images), net(images))
    assert not torch.allclose(net(images), net(images, masks))
    torch.testing.assert_close(net(images, masks), net(images, masks))
    by_hand = net.stages[1](net.stages[0](images) * masks[0])
    by_hand = torch.tanh(net.hidden(by_hand.flatten(1))) * masks[2]
    torch.testing.assert_close(net(images, masks), F.log_softmax(net.output(by_hand), dim=1))


def test_a_network_without_dropout_draws_no_masks():
    generator = stream(0, "dropout")
    before = generator.get_state()
    assert build(ConvNetConfig(width=2)).draw_masks(1, generator) is None
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("settings", [{}, {"stages": 3, "activation": "sigmoid"}, {"normalize": False, "exponent": 4}])
def test_the_gradient_through_the_whole_network(settings):
    net = build(ConvNetConfig(width=2, hidden=3, **settings), dtype=torch.float64)
    images = torch.randn(2, 1, 32, 32, dtype=torch.float64, generator=stream(0, "images"))
    parameters = {name: p for name, p in net.named_parameters() if "output" in name or "0.convolution" in name}

    def loss(*values):
        state = dict(zip(parameters, values, strict=True))
        outputs = torch.func.functional_call(net, state, (images,))
        return F.nll_loss(outputs, torch.tensor([3, 8]))

    assert gradcheck(loss, tuple(parameters.values()))


@pytest.mark.parametrize("settings", [{}, {"stages": 3}, {"normalize": False, "activation": "relu"}])
def test_a_new_network_has_no_alterations(settings):
    net = build(ConvNetConfig(width=2, **settings))
    assert net.alterations() == []
    assert net.double().eval().alterations() == []  # another dtype or mode is no alteration


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda net: setattr(net, "activation", torch.relu), "activation is relu in place of tanh"),
        (lambda net: setattr(net, "output", nn.Linear(128, 20)), "output is Linear(in_features=128, out_features=20"),
        (lambda net: setattr(net.stages[1], "activation", nn.SiLU()), "stages.1.activation is SiLU in place of"),
        (lambda net: setattr(net.stages[0].pooling, "exponent", 3), "stages.0.pooling is LpPool2d(exponent=3, size=2"),
        (lambda net: setattr(net.stages[0].pooling, "forward", torch.relu), "with hooks or a forward of its own"),
        (lambda net: net.stages.append(nn.Identity()), "stages.2 is Identity in place of nothing"),
        (lambda net: net.stages.__delitem__(1), "stages.1.pooling is absent in place of LpPool2d"),
        (
            lambda net: setattr(net.stages[0], "convolution", nn.Conv2d(1, 2, 5, padding_mode="circular")),
            "padding_mode=circular) in place of Conv2d(1, 2, kernel_size=(5, 5), stride=(1, 1))",
        ),
    ],
)
def test_a_replaced_part_is_named(alter, sentence):
    net = build(ConvNetConfig(width=2))
    alter(net)
    assert sentence in "; ".join(net.alterations())


@pytest.mark.parametrize(
    "register",
    [
        lambda layer: layer.register_forward_pre_hook(lambda layer, inputs: None),
        lambda layer: layer.register_forward_hook(lambda layer, inputs, output: None),
        lambda layer: layer.register_full_backward_pre_hook(lambda layer, gradients: None),
        lambda layer: layer.register_full_backward_hook(lambda layer, gradients, outputs: None),
        lambda layer: layer.bias.register_hook(lambda gradient: None),
        lambda layer: layer.weight.register_post_accumulate_grad_hook(lambda weight: None),
    ],
)
def test_hooks_on_a_layer_or_its_parameters_are_reported_until_removed(register):
    net = build(ConvNetConfig(width=2))
    hook = register(net.stages[1].convolution)
    (found,) = net.alterations()
    assert found.startswith("stages.1.convolution is Conv2d(")
    assert "with hooks or a forward of its own" in found
    hook.remove()
    assert net.alterations() == []
