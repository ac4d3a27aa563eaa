"""Which rows are added to which: how pooling sums over windows, and a gradient over the copies of a pixel."""

from functools import lru_cache

import torch
from torch import Tensor


class RowSums:
    """Sums of rows of a matrix, each over its own list of rows: how pooling gathers.

    The lists are those of ``torch.embedding_bag``, which adds whole rows at the speed of memory: ``rows`` holds the
    lists one after the other, ``starts`` says where each begins.

    >>> sums = RowSums(rows=torch.tensor([0, 2, 1]), starts=torch.tensor([0, 2, 2]))
    >>> sums.of(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    tensor([[6., 8.],
            [0., 0.],
            [3., 4.]])
    """

    def __init__(self, rows: Tensor, starts: Tensor):
        self.rows, self.starts = rows.int(), starts.int()  # half the memory traffic of 64-bit lists

    def of(self, matrix: Tensor) -> Tensor:
        return torch.embedding_bag(matrix, self.rows, self.starts)[0]

    def to(self, device: torch.device) -> "RowSums":
        return RowSums(self.rows.to(device), self.starts.to(device))


# The lists depend on a few numbers and take longer to make than a step does, so they are made once.


@lru_cache
def window_pixels(count: int, side: int, size: int, stride: int) -> RowSums:
    """List, for each window, its pixels.

    >>> window_pixels(count=1, side=3, size=2, stride=1).rows.view(4, 4)[1].tolist()  # the window at the top right
    [1, 2, 4, 5]
    """
    pixels = _pixels(count, side, size, stride)
    return RowSums(pixels.flatten(), torch.arange(len(pixels), device="cpu") * size**2)


@lru_cache
def pixel_windows(count: int, side: int, size: int, stride: int) -> RowSums:
    """List, for each pixel, the windows that hold it.

    >>> pixel_windows(count=1, side=3, size=2, stride=1).rows[:3].tolist()  # pixel 0 is in window 0, pixel 1 in 0 and 1
    [0, 0, 1]
    """
    copies = pixel_copies(count, side, size, stride)
    return RowSums(copies.rows // size**2, copies.starts)


@lru_cache
def pixel_copies(count: int, side: int, size: int, stride: int) -> RowSums:
    """List, for each pixel, its places among all windows copied one after the other.

    >>> pixel_copies(count=1, side=3, size=2, stride=1).rows[:3].tolist()  # pixel 1 comes second, then fifth
    [0, 1, 4]
    """
    pixels = _pixels(count, side, size, stride).flatten()
    holders = torch.bincount(pixels, minlength=count * side**2)
    return RowSums(pixels.argsort(stable=True), holders.cumsum(0) - holders)


def _pixels(count: int, side: int, size: int, stride: int) -> Tensor:
    """Return each window's pixels, (count * windows, size^2), pixels counted through all images."""
    pixels = torch.arange(count * side**2, device="cpu").view(count, side, side)
    return pixels.unfold(1, size, stride).unfold(2, size, stride).reshape(-1, size**2)
