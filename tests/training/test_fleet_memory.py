"""How many runs and images a fleet takes at a time: never more than the memory holds, by an estimate from above."""

import pytest
import torch

from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import fleet_memory
from labcode.training.fleet_memory import images_at_once, largest_fleet, numbers_per_image
from labcode.training.fleet_network import Fleet

GIGABYTE = 1e9


def kept(fleet: Fleet) -> int:
    """The numbers that the layers of a fleet keep between a forward and a backward pass."""
    layers = [fleet.hidden, fleet.hidden_activation, fleet.classifier]
    for convolution, others in fleet.stages:
        layers += [convolution.products, *others]
    tensors = [each for layer in layers for name, each in vars(layer).items() if name in ("input", "output")]
    return sum(tensor.numel() for tensor in tensors)


@pytest.mark.parametrize(
    "config", [ConvNetConfig(width=4), ConvNetConfig(width=4, stages=1, filter=9), ConvNetConfig(width=2, stages=3)]
)
def test_the_estimate_is_above_what_a_step_keeps_but_not_far_above(config):
    """Besides that, a step makes gradients of the same sizes."""
    fleet = Fleet([ConvNet(config, stream(0, "initial weights"))])
    images = torch.randn(1, 5, 32, 32, 1, generator=stream(0, "digits"))
    fleet.step(images, torch.zeros(1, 5, dtype=torch.int64), None, torch.tensor([0.1]))
    assert 2 * kept(fleet) / 5 < numbers_per_image(config) < 6 * kept(fleet) / 5


def test_the_estimate_of_two_stages_is_their_windows_and_maps():
    config = ConvNetConfig(width=2, filter=5, hidden=7)  # maps of 28 and 10 pixels after the convolutions
    windows, maps = 28**2 * 25 + 10**2 * 25 * 2, 28**2 * 2 + 10**2 * 2
    assert numbers_per_image(config) == 3 * windows + 10 * maps + 7


def test_fewer_images_are_measured_at_once_the_more_runs_there_are(monkeypatch):
    fleets = [Fleet([ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))] * runs) for runs in (1, 4)]
    monkeypatch.setattr(fleet_memory, "MEASURED_NUMBERS", 40 * numbers_per_image(fleets[0].config))
    assert [images_at_once(fleet) for fleet in fleets] == [40, 10]
    monkeypatch.setattr(fleet_memory, "MEASURED_NUMBERS", 1)
    assert images_at_once(fleets[1]) == 1


@pytest.mark.parametrize(
    ("config", "batch", "images", "gpu", "host", "expected"),
    [
        (ConvNetConfig(), 1, 16_000, 141, 2_000, 256),  # the most
        (ConvNetConfig(), 1, 16_000, 16, 2_000, 72),
        (ConvNetConfig(), 1, 16_000, 141, 16, 73),  # here the images fill the computer's own memory
        (FINAL_MODEL, 1, 70_000, 80, 2_000, 142),
        (ConvNetConfig(), 100, 16_000, 80, 2_000, 85),
        (ConvNetConfig(), 1, 16_000, 1, 2_000, 1),  # too little, and yet one run is tried
    ],
)
def test_a_fleet_fits_into_both_memories(config, batch, images, gpu, host, expected, monkeypatch):
    monkeypatch.setattr(fleet_memory, "memory", lambda device: GIGABYTE * {"cuda": gpu, "cpu": host}[device])
    assert largest_fleet(config, batch, images, "cuda") == expected
    if expected < 256:
        pixels = 1024 * images
        weights = sum(parameter.numel() for parameter in ConvNet(config, torch.Generator()).parameters())
        run = 4 * (pixels + 3 * weights + batch * numbers_per_image(config))

        def fits(runs):
            return runs * run + 4 * 2**30 <= 0.6 * GIGABYTE * gpu and runs * 8 * pixels <= 0.6 * GIGABYTE * host

        assert (fits(expected), fits(expected + 1)) == (expected > 1, False)


def test_on_a_cpu_everything_is_in_one_memory(monkeypatch):
    monkeypatch.setattr(fleet_memory, "memory", lambda device: 32 * GIGABYTE)
    on_cpu, on_gpu = (largest_fleet(ConvNetConfig(), 1, 16_000, device) for device in ("cpu", "cuda"))
    assert on_cpu < on_gpu < 256
