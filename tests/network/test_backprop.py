"""The hand-written pass against autograd: every legal network, every gradient, shared dropout masks."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode.data import Images
from labcode.network import ConvNet, ConvNetConfig, HandProp, LpPool2d, backprop, parameter_matrices
from labcode.network.backprop import HandPass
from labcode.network.config import ACTIVATIONS
from labcode.network.manual_layers import Convolution, LpPooling, UnfoldedConvolution
from labcode.seeds import stream
from labcode.training import AutogradSteps, HandSteps, engines

TOLERANCE = 1e-10

# PyTorch mends a buffer of another size than what goes into it, with a warning.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module", params=[1, 5, math.inf], ids=["kernels", "both", "products"], autouse=True)
def kernels_from(request):
    """Every test runs with both convolutions; the processor and the number of images decide which one is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backprop, "KERNELS_FROM", request.param)
        yield request.param


@pytest.mark.parametrize(
    ("vectors", "processor", "images"),
    [
        ("AVX512", "AMD EPYC", 1),
        ("AVX512", "Intel(R) Xeon(R) Processor", 5),
        ("AVX2", "Intel(R) Xeon(R) Processor", math.inf),
        ("NO AVX", "", math.inf),
    ],
)
def test_vectors_and_manufacturer_decide_which_convolutions_are_used(monkeypatch, vectors, processor, images):
    monkeypatch.setattr(backprop, "vectors", lambda: vectors)
    monkeypatch.setattr(backprop, "processor_name", lambda: processor)
    assert backprop.kernels_from() == images


def test_kernels_are_used_from_that_number_of_images(kernels_from):
    net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    taken = [type(HandPass(net, count).stages[0].convolution) for count in (1, 4, 5)]
    assert taken == [Convolution if count >= kernels_from else UnfoldedConvolution for count in (1, 4, 5)]


@st.composite
def configs(draw) -> ConvNetConfig:
    """Draw any legal network, small in width."""
    rate = st.sampled_from([0.0, 0.25, 0.5])
    stages = draw(st.integers(1, 3))
    settings = {
        "stages": stages,
        "width": draw(st.integers(1, 5)),
        "hidden": draw(st.integers(1, 6)),
        "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
        "exponent": draw(st.sampled_from([1, 2, 4]) | st.floats(1, 6)),
        "normalize": draw(st.booleans()),
        "dropout": draw(st.just(()) | st.tuples(*[rate] * (stages + 1))),
    }
    geometry = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4)).filter(
        lambda sizes: _legal(settings, *sizes)
    )
    filter, pool, stride = draw(geometry)
    return ConvNetConfig(**settings, filter=filter, pool=pool, pool_stride=stride)


def _legal(settings: dict, filter: int, pool: int, stride: int) -> bool:
    try:
        ConvNetConfig(**settings, filter=filter, pool=pool, pool_stride=stride)
    except ValueError:
        return False
    return True


def draw_batch(count: int, dtype=torch.float64) -> Images:
    generator = stream(count, "digits")
    pixels = torch.randn(count, 1, 32, 32, generator=generator, dtype=dtype)
    return Images(pixels, torch.randint(0, 10, (count,), generator=generator))


def assert_equal_to_autograd(net: ConvNet, batch: Images, masks) -> None:
    hand, gradient = HandProp(net), [torch.zeros_like(p) for p in net.parameters()]
    loss, errors = hand.add_gradient(batch, masks, parameter_matrices(net, gradient), scale=1.0)
    outputs = net(batch.pixels, masks)
    oracle = F.nll_loss(outputs, batch.labels)
    assert loss == pytest.approx(oracle.item(), rel=TOLERANCE)
    assert errors == int((outputs.argmax(dim=1) != batch.labels).sum())
    # A gradient that cancels to 0 has the rounding error of its terms: hence the common scale.
    theirs = torch.autograd.grad(oracle, net.parameters())
    scale = max(g.norm().item() for g in theirs)
    for (name, _), mine, reference in zip(net.named_parameters(), gradient, theirs, strict=True):
        difference = (mine - reference).norm().item()
        assert difference <= TOLERANCE * max(reference.norm().item(), 1e-6 * scale), name


@settings(max_examples=40, deadline=None)
@given(config=configs(), count=st.integers(1, 11), seed=st.integers(0, 2**32))
def test_loss_and_gradients_are_those_of_autograd(config, count, seed):
    net = ConvNet(config, stream(seed, "initial weights"), torch.float64)
    assert_equal_to_autograd(net, draw_batch(count), net.draw_masks(count, stream(seed, "dropout")))


@pytest.mark.parametrize(
    "settings",
    [
        {"stages": 3, "filter": 5},  # its last map is 1x1 and is not pooled
        {"pool": 3, "pool_stride": 2, "dropout": (0.5, 0.5, 0.5)},
        {"pool": 3, "pool_stride": 3},
        {"filter": 7},
        {"filter": 5, "padding": 2},
        {"pool": 2, "pool_stride": 3, "filter": 3},  # pixels between the windows belong to none
        {"exponent": 4, "activation": "sigmoid"},
        {"exponent": 1, "activation": "relu"},
    ],
    ids=str,
)
def test_gradients_of_the_ablations_networks_are_those_of_autograd(settings):
    net = ConvNet(ConvNetConfig(width=4, hidden=6, **settings), stream(0, "initial weights"), torch.float64)
    assert_equal_to_autograd(net, draw_batch(9), net.draw_masks(9, stream(0, "dropout")))


@pytest.mark.parametrize("exponent", [1, 1.5, 2, 3, 4])
def test_pooling_alone_agrees_with_autograd(exponent):
    """Also where pixels are exactly 0, in windows with other values and in windows of zeros."""
    maps = (1.5 * torch.randint(-1, 2, (40, 1, 6, 6), generator=stream(0, "digits")).double()).requires_grad_()
    pooled = LpPool2d(exponent, size=2, stride=2)(maps)
    silent = pooled == 0
    assert silent.any()
    assert ((maps[..., ::2, ::2] == 0) & ~silent).any()
    error = torch.arange(1, pooled.numel() + 1, dtype=torch.float64).reshape(pooled.shape)
    (reference,) = torch.autograd.grad(pooled, maps, error)
    rows = maps.detach().reshape(-1, 1)  # of one channel, its pixels are its rows
    layer = LpPooling(rows, count=40, side=6, size=2, stride=2, exponent=exponent)
    assert torch.allclose(layer.forward(rows), pooled.detach().reshape(-1, 1), rtol=TOLERANCE)
    assert torch.allclose(layer.backward(error.reshape(-1, 1)), reference.reshape(-1, 1), rtol=TOLERANCE)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("exponent", [1, 1.5, 2, 4])
def test_silent_windows_pass_no_gradient(activation, exponent):
    config = ConvNetConfig(width=4, hidden=6, activation=activation, exponent=exponent)
    net = ConvNet(config, stream(0, "initial weights"), torch.float64)
    convolution = net.stages[0].convolution
    with torch.no_grad():
        convolution.weight[1:].zero_(), convolution.bias[1:].zero_()
    batch = draw_batch(3)
    pooled = net.stages[0].pooling(net.stages[0].activation(convolution(batch.pixels)))
    assert 0.7 < (pooled == 0).double().mean() < 0.9  # three maps of four are silent
    assert_equal_to_autograd(net, batch, None)


def test_a_minibatch_larger_than_a_chunk_steps_like_autograd(monkeypatch):
    for module in (backprop, engines):
        monkeypatch.setattr(module, "CHUNK", 4)
    config = ConvNetConfig(width=4, hidden=6, dropout=(0.5, 0.0, 0.5))
    nets = [ConvNet(config, stream(0, "initial weights"), torch.float64) for _ in range(2)]
    batch, masks = draw_batch(10), nets[0].draw_masks(10, stream(0, "dropout"))
    for net, engine in zip(nets, (HandSteps, AutogradSteps), strict=True):
        engine(net, learning_rate=0.1).step(batch, masks)
    for mine, theirs in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.allclose(mine, theirs, rtol=TOLERANCE, atol=1e-14)


@pytest.mark.parametrize("count", [1, 10])
def test_a_loss_that_is_not_finite_does_not_change_the_weights(count):
    net = ConvNet(ConvNetConfig(width=2, hidden=3), stream(0, "initial weights"))
    before = [p.clone() for p in net.parameters()]
    batch = draw_batch(count, torch.float32)
    batch.pixels[-1, 0, 16, 16] = math.nan
    loss, _ = HandSteps(net, learning_rate=0.1).step(batch, None)
    assert math.isnan(loss)
    assert all(map(torch.equal, before, net.parameters()))


def test_a_hundred_steps_in_single_precision_stay_with_autograd():
    config = ConvNetConfig(width=4, hidden=8, dropout=(0.5, 0.5, 0.5))
    nets = [ConvNet(config, stream(0, "initial weights")) for _ in range(2)]
    start = [p.detach().clone() for p in nets[0].parameters()]
    engines = [HandSteps(nets[0], learning_rate=0.01), AutogradSteps(nets[1], learning_rate=0.01)]
    random = stream(0, "dropout")
    for step in range(100):
        batch, masks = draw_batch(1 + step % 3, torch.float32), nets[0].draw_masks(1 + step % 3, random)
        mine, theirs = (engine.step(batch, masks) for engine in engines)
        assert mine[0] == pytest.approx(theirs[0], rel=1e-4)
        assert mine[1] == theirs[1]
    for mine, theirs, first in zip(*(net.parameters() for net in nets), start, strict=True):
        moved = (theirs - first).norm()
        assert moved > 0.01
        assert (mine - theirs).norm() < 1e-4 * moved


def test_parameters_share_their_memory_with_the_matrices():
    net = ConvNet(ConvNetConfig(width=3, hidden=4), stream(0, "initial weights"))
    saved = {name: value.clone() for name, value in net.state_dict().items()}
    hand, batch = HandProp(net), draw_batch(2, torch.float32)
    for weight, bias in hand.weights:
        weight.zero_(), bias.zero_()
    assert not any(p.any() for p in net.parameters())
    net.load_state_dict(saved)
    assert torch.allclose(hand.log_probabilities(batch.pixels), net(batch.pixels), atol=1e-6)


def test_memory_does_not_grow_with_the_minibatch():
    net = ConvNet(ConvNetConfig(width=2, hidden=3), stream(0, "initial weights"))
    hand = HandProp(net)
    hand.log_probabilities(draw_batch(5 * backprop.CHUNK, torch.float32).pixels)
    assert set(hand.passes) == {backprop.CHUNK}


def test_memory_of_a_gradient_does_not_grow_with_the_minibatch(monkeypatch):
    monkeypatch.setattr(backprop, "CHUNK", 4)
    net = ConvNet(ConvNetConfig(width=2, hidden=3), stream(0, "initial weights"))
    hand, gradient = HandProp(net), [torch.zeros_like(p) for p in net.parameters()]
    hand.add_gradient(draw_batch(9, torch.float32), None, parameter_matrices(net, gradient), scale=1.0)
    assert set(hand.passes) == {4, 1}


@pytest.mark.parametrize("make", [HandProp, lambda net: HandPass(net, count=1), lambda net: HandSteps(net, 0.1)])
def test_a_network_with_a_replaced_part_is_refused(make):
    net = ConvNet(ConvNetConfig(width=2, hidden=3), stream(0, "initial weights"))
    net.stages[1].activation = torch.relu
    with pytest.raises(ValueError, match=r"stages\.1\.activation is relu in place of tanh"):
        make(net)


def test_another_module_is_refused():
    with pytest.raises(ValueError, match="Linear is not a ConvNet, which the hand-written pass takes"):
        HandProp(torch.nn.Linear(2, 2))
