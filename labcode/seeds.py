"""One seed, many independent random streams.

A run draws its split, initial weights, order of images and dropout masks from one seed. Each purpose has its own
stream, so that changing one (say, adding dropout) leaves the others unchanged: this makes runs with the same seed
*paired* across the levels of an ablation.
"""

import hashlib

import torch

from labcode.checks import whole_number


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return the random stream of ``seed`` for ``purpose``.

    Both are hashed together (SHA-256, first 8 bytes), since generators seeded with successive integers may be related.

    Parameters
    ----------
    seed : the run's seed, any integer.
    purpose : what the numbers are for, such as ``"split"`` or ``"initial weights"``.

    Raises
    ------
    ValueError : ``seed`` is not a whole number.

    >>> a, b = stream(3, "split"), stream(3, "split")
    >>> bool((torch.rand(4, generator=a) == torch.rand(4, generator=b)).all())
    True
    >>> c = stream(3, "dropout")
    >>> bool((torch.rand(4, generator=a) == torch.rand(4, generator=c)).any())
    False
    """
    digest = hashlib.sha256(f"{purpose}/{whole_number('seed', seed)}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
