"""The idiomatic loop trains the same network by the same steps."""

import pytest
import torch

from labcode.bench.idiomatic import idiomatic, idiomatic_net
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import AutogradSteps


@pytest.mark.parametrize(
    "config",
    [
        ConvNetConfig(width=3, hidden=5),
        ConvNetConfig(width=3, stages=3, filter=5, activation="sigmoid", hidden=5),
        ConvNetConfig(width=3, pool=3, pool_stride=2, activation="relu", exponent=1, normalize=False, hidden=5),
        ConvNetConfig(width=3, padding=2, hidden=5),
    ],
)
def test_the_idiomatic_loop_takes_the_same_steps(config, batch_of):
    # One batch holds the whole set, so its shuffled order does not change the mean loss.
    images = batch_of(4)
    net = ConvNet(config, stream(0, "initial weights"))
    theirs = idiomatic(net, images, batch_size=4, lr=0.05)
    losses = [next(theirs) for _ in range(4)]
    ours = AutogradSteps(net, 0.05)
    assert losses == pytest.approx([ours.step(images, None)[0] for _ in range(4)], rel=1e-4)
    assert abs(losses[-1] - losses[0]) > 1e-2 * losses[0]  # the steps are long enough to tell a wrong one


@pytest.mark.parametrize("rates", [(0.5, 0.5, 0.5), (0.0, 0.5, 0.0)])
def test_the_idiomatic_network_has_the_same_dropout(rates):
    model = idiomatic_net(ConvNet(ConvNetConfig(width=3, dropout=rates), stream(0, "initial weights")))
    found = [layer.p for layer in model if isinstance(layer, torch.nn.Dropout)]
    assert found == [rate for rate in rates if rate]
