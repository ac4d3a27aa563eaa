"""Every engine pools alike, whatever the exponent."""

import math

import pytest
import torch

from labcode.data import Images, Mnist
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, train, train_fleet

# Pooled alone, in windows that overlap, and in windows that leave out the last row.
WINDOWS = [(2, 2), (3, 2), (2, 3)]


def digits(count, dtype):
    draws = stream(0, "digits")
    return Images(torch.randn(count, 1, 32, 32, generator=draws, dtype=dtype), torch.arange(count) % 10)


def trained(engine, dtype, **settings):
    """The history and the weights after two epochs of 12 images."""
    images = digits(12, dtype)
    config = ConvNetConfig(**({"width": 3, "hidden": 4} | settings))
    net = ConvNet(config, stream(1, "initial weights"), dtype)
    mnist, recipe = Mnist(images, images, images, 0.0, 1.0), Recipe(learning_rate=0.1, batch_size=2, epochs=2)
    if engine == "fleet":
        (history,) = train_fleet([net], [mnist], [recipe], [0], progress=False)
    else:
        history = train(net, mnist, recipe, seed=0, progress=False, engine=engine)
    return history, torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


@pytest.mark.parametrize(("pool", "pool_stride"), WINDOWS)
@pytest.mark.parametrize("exponent", [1, 2, 3.5, 4, 4.5, 12, 100, 10_000])
def test_engines_reach_the_same_weights(exponent, pool, pool_stride):
    settings = {"exponent": exponent, "pool": pool, "pool_stride": pool_stride}
    found = {engine: trained(engine, torch.float64, **settings) for engine in ("autograd", "hand", "fleet")}
    _, expected = found["autograd"]
    for engine in ("hand", "fleet"):
        torch.testing.assert_close(found[engine][1], expected, rtol=1e-9, atol=1e-11, msg=engine)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("exponent", [5, 12, 100, 999_999])
def test_single_precision_holds_every_exponent(exponent, activation):
    for engine in ("autograd", "hand", "fleet"):
        history, weights = trained(engine, torch.float32, exponent=exponent, activation=activation)
        assert not history.diverged, engine
        assert weights.isfinite().all(), engine


@pytest.mark.parametrize("exponent", [1e300, 1e6, math.inf, math.nan, 0.5])
def test_an_exponent_that_cannot_be_computed_is_refused_before_any_training(exponent):
    with pytest.raises(ValueError, match=r"^exponent is .*; it must be a finite number of at least 1 and below 1e\+06"):
        ConvNetConfig(exponent=exponent)
