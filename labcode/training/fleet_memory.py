"""How many runs and images a fleet takes at a time, by the memory that they need."""

import torch

from labcode.machine import memory
from labcode.network.config import IMAGE_SIZE, ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.training.fleet_network import Fleet

MEASURED_NUMBERS = 2**30
"""Numbers, of all runs together, that measuring the errors keeps in memory at a time, by `numbers_per_image`."""

MEASURED_AHEAD = 2**14
"""Images, of all runs together, that are brought to the device at a time: 67 MB of pixels."""

MEMORY_SHARE = 0.6
"""Of the memory; the rest is for what the estimate leaves out, and for other programs."""

BYTES = 4
"""Of a number in single precision."""

LARGEST_FLEET = 256
"""Runs. More hardly make a step of one of them cheaper."""


def numbers_per_image(config: ConvNetConfig) -> int:
    """Estimate the numbers that a step keeps for each image: maps several times, windows and their gradients.

    >>> numbers_per_image(ConvNetConfig())
    1104688
    """
    numbers, channels = config.hidden, 1
    for shape in config.shapes:
        numbers += 3 * (shape.convolved * config.filter) ** 2 * channels + 10 * shape.convolved**2 * config.width
        channels = config.width
    return numbers


def images_at_once(fleet: Fleet) -> int:
    """Return how many images of each run are measured at a time."""
    return max(1, MEASURED_NUMBERS // (numbers_per_image(fleet.config) * len(fleet)))


def largest_fleet(config: ConvNetConfig, batch_size: int, images: int, device: str) -> int:
    """Return how many runs a fleet may have, so that it fits into the memory.

    Parameters
    ----------
    config : of the networks.
    batch_size : images per step.
    images : that a run loads: training, validation and test.
    device : where the fleet computes.

    >>> 1 <= largest_fleet(ConvNetConfig(), batch_size=1, images=16_000, device="cpu") <= LARGEST_FLEET
    True
    """
    pixels = images * IMAGE_SIZE**2
    weights = sum(parameter.numel() for parameter in ConvNet(config, torch.Generator()).parameters())
    # Each run's weights three times: now, before the last steps, and those that it would end with.
    needed = {device: pixels + 3 * weights + batch_size * numbers_per_image(config)}
    needed["cpu"] = needed.get("cpu", 0) + 2 * pixels  # as loaded, and side by side
    measured = {device: MEASURED_NUMBERS}
    fitting = [
        int((MEMORY_SHARE * memory(where) / BYTES - measured.get(where, 0)) // numbers)
        for where, numbers in needed.items()
    ]
    return max(1, min(LARGEST_FLEET, *fitting))
