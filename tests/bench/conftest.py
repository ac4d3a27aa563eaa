"""A small network and small random images, shared by the tests of the bench."""

import pytest
import torch

from labcode.data import Images
from labcode.network import ConvNetConfig
from labcode.seeds import stream


@pytest.fixture
def small():
    return ConvNetConfig(width=3, hidden=5)


@pytest.fixture
def batch_of():
    def make(count: int) -> Images:
        generator = stream(0, "digits")
        pixels = torch.randn(count, 1, 32, 32, generator=generator)
        return Images(pixels, torch.randint(0, 10, (count,), generator=generator))

    return make
