"""What convolutions cost by kernels and by matrix products: ``python -m labcode bench --convolutions``."""

import json
import statistics
from collections.abc import Iterable

import torch
from tqdm import tqdm

from labcode.bench.timing import ROUNDS, SECONDS_PER_TURN, Steps, machine, take_turns
from labcode.machine import fixed_settings
from labcode.network.backprop import parameter_matrices
from labcode.network.config import ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.network.manual_layers import Convolution, UnfoldedConvolution
from labcode.seeds import stream

IMAGE_COUNTS = (1, 2, 4, 8, 16)


def convolution_ms(
    config: ConvNetConfig, counts: Iterable[int], rounds: int, seconds: float
) -> dict[int, dict[str, float]]:
    """Return the milliseconds of a network's convolutions, forward and backward, by number of images and by method.

    ``kernels`` are PyTorch's own for convolutions; ``products`` are its matrix products over windows copied side by
    side. `labcode.network.backprop.kernels_from` chooses between them in training.

    Parameters
    ----------
    config : of the network.
    counts : of images at a time.
    rounds, seconds : as in `labcode.bench.timing.take_turns`; the median over the rounds is returned.

    >>> measured = convolution_ms(ConvNetConfig(width=2), counts=(1,), rounds=1, seconds=0.001)
    >>> sorted(measured[1])
    ['kernels', 'products']
    """
    methods = {"kernels": Convolution, "products": UnfoldedConvolution}
    found = {}
    with fixed_settings():
        for count in tqdm(list(counts), unit="count", desc="measuring"):
            loops = {name: _convolve(kind, config, count) for name, kind in methods.items()}
            times = take_turns(loops, rounds, seconds)
            found[count] = {name: round(statistics.median(ms), 3) for name, ms in times.items()}
    return found


@torch.no_grad()
def _convolve(kind: type[Convolution], config: ConvNetConfig, count: int) -> Steps:
    """Go forward and backward through the convolutions of a network, endlessly, on random numbers."""
    draws = stream(0, "maps")
    layers = []
    for shape, (weight, bias) in zip(config.shapes, parameter_matrices(ConvNet(config, draws)), strict=False):
        layer = kind(weight, bias, count, shape.input, config.filter, config.padding)
        x = torch.randn(count * shape.input**2, weight.shape[1] // config.filter**2, generator=draws)
        g = torch.randn(count * shape.convolved**2, config.width, generator=draws)
        layers.append((layer, x, g, (torch.zeros_like(weight), torch.zeros_like(bias))))
    while True:
        for number, (layer, x, g, target) in enumerate(layers):
            layer.forward(x)
            if number:
                layer.backward(g, target, 1.0)
            else:  # images do not change
                layer.add_gradient(g, target, 1.0)
        yield 0.0


def main() -> None:
    """Measure the baseline's convolutions and print them as JSON."""
    measured = convolution_ms(ConvNetConfig(), IMAGE_COUNTS, ROUNDS, SECONDS_PER_TURN)
    print(json.dumps({"machine": machine(), "milliseconds": measured}, indent=1))
