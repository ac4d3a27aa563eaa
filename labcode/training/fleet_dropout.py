"""Dropout in a fleet: each run's own masks, drawn on the CPU as bits and expanded where the fleet computes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from labcode.network.convnet import ConvNet
from labcode.network.layers import dropout_bits
from labcode.seeds import stream
from labcode.training.fleet_network import FleetMasks

Bits = Sequence[Tensor]
"""For each place where a run drops values, bytes (R, bytes) that hold a bit for each value, the lowest bit first."""


class FleetDropout:
    """The dropout of R networks of one shape.

    Each run draws from its own stream what `labcode.network.ConvNet.draw_masks` draws, so that it drops the same values
    as when it is trained alone. Bits are a 32nd of the masks in single precision.

    Parameters
    ----------
    nets : of one shape; a place where none of them drops values has no mask.
    seeds : of the runs.
    device : where the masks are used.

    Attributes
    ----------
    streams : of each run.

    >>> from labcode.network import ConvNetConfig
    >>> configs = [ConvNetConfig(width=2, hidden=4), ConvNetConfig(width=2, hidden=4, dropout=(0, 0, 0.5))]
    >>> nets = [ConvNet(config, stream(0, "initial weights")) for config in configs]
    >>> dropout = FleetDropout(nets, seeds=[0, 0])
    >>> (bits,) = dropout.draw([3])  # for three images
    >>> *_, mask = dropout.masks(dropout.expand(bits, 3), slice(0, 1))
    >>> mask.shape, sorted(mask.unique().tolist())
    (torch.Size([2, 1, 4]), [0.0, 1.0, 2.0])
    """

    def __init__(self, nets: Sequence[ConvNet], seeds: Sequence[int], device: str = "cpu"):
        config, dtype = nets[0].config, nets[0].output.weight.dtype
        self.shapes = [*((shape.pooled, shape.pooled, config.width) for shape in config.shapes), (config.hidden,)]
        self.rates = [net.config.dropout or (0.0,) * len(self.shapes) for net in nets]
        self.places = [place for place, rates in enumerate(zip(*self.rates, strict=True)) if any(rates)]
        kept = 1 - torch.tensor(self.rates, dtype=torch.float64, device="cpu")
        self.factors = (1 / kept.to(dtype)).to(device)
        self.streams = [stream(seed, "dropout") for seed in seeds]
        self.device = device
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def draw(self, counts: Iterable[int]) -> Iterator[Bits]:
        """Yield the bits for so many images at a time. Threads draw the next ones meanwhile."""
        remaining = iter(counts)
        coming: list[Future] | None = self._begin(next(remaining))
        while coming is not None:
            drawn = [each.result() for each in coming]  # now, since a stream serves one draw after another
            following = next(remaining, None)
            coming = None if following is None else self._begin(following)
            yield [torch.stack(each).to(self.device) for each in zip(*drawn, strict=True)]

    def _begin(self, count: int) -> list[Future]:
        return [self.pool.submit(self._draw, run, count) for run in range(len(self.rates))]

    def _draw(self, run: int, count: int) -> list[Tensor]:
        """Draw the bits of one run; all are set where it drops nothing and others do."""
        found = []
        for place in self.places:
            values, rate = count * torch.Size(self.shapes[place]).numel(), self.rates[run][place]
            every = torch.full((-(-values // 8),), 255, dtype=torch.uint8, device="cpu")
            found.append(dropout_bits(values, rate, self.streams[run]) if rate else every)
        return found

    def expand(self, bits: Bits, count: int) -> list[Tensor | None]:
        """Return 1 for each value that is kept and 0 for the others, (R, count, ...) for each place, as bytes."""
        found: list[Tensor | None] = [None] * len(self.shapes)
        for place, packed in zip(self.places, bits, strict=True):
            shape = (count, *self.shapes[place])
            single = packed[..., None] >> torch.arange(8, dtype=torch.uint8, device=packed.device) & 1
            found[place] = single.flatten(1)[:, : torch.Size(shape).numel()].view(len(packed), *shape)
        return found

    def masks(self, kept: Sequence[Tensor | None], images: slice) -> FleetMasks:
        """Return the masks of some of the images: 1 / (1 - rate) for what is kept, 0 for the others."""
        masks: list[Tensor | None] = []
        for own, factors in zip(kept, self.factors.mT, strict=True):
            masks.append(None if own is None else own[:, images] * factors.view(-1, *[1] * (own.dim() - 1)))
        return masks
