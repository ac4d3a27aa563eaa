"""The dropout of a fleet against that of each run alone."""

import pytest
import torch

from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training.fleet_dropout import FleetDropout

DROPOUT = [(0.5, 0.25, 0.5), (), (0, 0, 0.5)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_drops_the_values_that_it_drops_alone(dtype):
    """Also where the bits of a place do not fill its last byte."""
    configs = [ConvNetConfig(width=3, hidden=5, dropout=dropout) for dropout in DROPOUT]
    nets = [ConvNet(config, stream(0, "initial weights"), dtype) for config in configs]
    dropout, streams = FleetDropout(nets, range(3)), [stream(seed, "dropout") for seed in range(3)]
    counts = [7, 7, 2]
    for count, bits in zip(counts, dropout.draw(counts), strict=True):
        alone = [net.draw_masks(count, own) for net, own in zip(nets, streams, strict=True)]
        kept = dropout.expand(bits, count)
        for part in (slice(0, 3), slice(3, 7)):
            for place, masks in enumerate(dropout.masks(kept, part)):
                for run, own in enumerate(alone):
                    mask = own and own[place]
                    expected = torch.ones(()) if mask is None else mask[part].movedim(1, -1)
                    assert masks[run].dtype == dtype
                    assert torch.equal(masks[run], expected.to(dtype).expand_as(masks[run]))
    for mine, theirs in zip(dropout.streams, streams, strict=True):
        assert torch.equal(mine.get_state(), theirs.get_state())


def test_bits_are_drawn_only_where_a_run_drops_values():
    nets = [ConvNet(ConvNetConfig(width=2, dropout=rates), stream(0, "initial weights")) for rates in ((), (0, 0.5, 0))]
    dropout = FleetDropout(nets, range(2))
    (bits,) = dropout.draw([3])
    assert [tuple(each.shape) for each in bits] == [(2, -(-3 * 5 * 5 * 2 // 8))]
    assert bits[0].dtype == torch.uint8
    kept = dropout.expand(bits, 3)
    assert [each is None for each in kept] == [True, False, True]
    assert [mask is None for mask in dropout.masks(kept, slice(0, 3))] == [True, False, True]


def test_the_next_bits_are_drawn_ahead_and_no_more_than_those_asked_for():
    net = ConvNet(ConvNetConfig(width=1, hidden=4, dropout=(0, 0, 0.5)), stream(0, "initial weights"))
    asked = []

    def counts():
        for count in (5, 3, 2):
            asked.append(count)
            yield count

    drawn = FleetDropout([net], [0]).draw(counts())
    next(drawn)
    assert asked == [5, 3]
    assert len(list(drawn)) == 2
    assert asked == [5, 3, 2]
