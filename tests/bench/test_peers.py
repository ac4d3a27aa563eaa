"""tools/peers.py: other frameworks train the same network by the same steps. Skips those that are not installed."""

import sys

import numpy as np
import peers
import pytest
import torch

from labcode.bench import steps
from labcode.data import Images
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import AutogradSteps


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
@pytest.mark.parametrize(
    "config",
    [
        ConvNetConfig(width=3, hidden=5),
        ConvNetConfig(width=3, stages=3, filter=5, activation="sigmoid", hidden=5),
        ConvNetConfig(width=3, pool=3, pool_stride=2, activation="relu", exponent=1, normalize=False, hidden=5),
    ],
)
def test_other_frameworks_take_the_same_steps(name, config, batch_of):
    if name not in peers.available():
        pytest.skip(f"{name} is not installed")
    # One batch holds the whole set, so its shuffled order does not change the mean loss.
    images = batch_of(4)
    net = ConvNet(config, stream(0, "initial weights"))
    theirs = getattr(peers, name)(net, images, batch_size=4, lr=0.05)
    losses = [next(theirs) for _ in range(4)]
    ours = AutogradSteps(net, 0.05)
    assert losses == pytest.approx([ours.step(images, None)[0] for _ in range(4)], rel=1e-4)
    assert abs(losses[-1] - losses[0]) > 1e-2 * losses[0]  # the steps are long enough to tell a wrong one


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_padding_is_refused(name, monkeypatch, batch_of):
    monkeypatch.setitem(sys.modules, name, None)  # the check comes before the framework's import
    net = ConvNet(ConvNetConfig(width=3, padding=2), stream(0, "initial weights"))
    with pytest.raises(ValueError, match="padding is 2; it must be 0"):
        next(getattr(peers, name)(net, batch_of(4), batch_size=4, lr=0.05))


def test_only_installed_frameworks_are_measured_beside_our_loops(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    monkeypatch.setattr(peers, "which", lambda name: None)
    assert peers.available() == {}
    monkeypatch.setattr(peers, "find_spec", lambda name: name == "jax" or None)
    assert list(steps.LOOPS | peers.available()) == ["hand", "autograd", "idiomatic", "jax"]


# What the loops are made of can be tested without their frameworks


def test_channels_last_columns_give_the_same_product(small):
    net = ConvNet(small, stream(0, "initial weights"))
    maps = torch.randn(2, 3, 5, 5, generator=stream(0, "maps"))
    theirs = maps.permute(0, 2, 3, 1).flatten(1) @ peers._channels_last_columns(net).T
    torch.testing.assert_close(theirs, maps.flatten(1) @ net.hidden.weight.T)


def test_numpy_minibatches_hold_distinct_images_within_an_epoch_and_are_never_partial():
    images = Images(torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 32, 32), torch.arange(5))
    batches = peers._numpy_batches(images, batch_size=2)
    for _ in range(3):
        epoch = [next(batches) for _ in range(2)]
        assert [(pixels.shape, labels.dtype) for pixels, labels in epoch] == [((2, 32, 32, 1), np.int32)] * 2
        assert all((pixels[:, 0, 0, 0] == labels).all() for pixels, labels in epoch)
        assert len({int(label) for _, labels in epoch for label in labels}) == 4


def test_a_loop_starts_from_a_copy_of_the_weights(small):
    net = ConvNet(small, stream(0, "initial weights"))
    before = net.output.bias.clone()
    peers._numpy(net.output.bias)[:] = 7
    assert torch.equal(net.output.bias, before)
    assert peers._stages(net) == list(net.stages)
