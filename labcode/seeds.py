"""One seed, many independent random streams.

A run draws its split, its initial weights, its order of images and its dropout masks from one seed. Each purpose
gets a stream of its own, so that changing one (say, adding dropout) leaves the others as they were: this is what
makes runs with the same seed *paired* across the levels of an ablation.
"""

import hashlib

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return the random stream that ``seed`` gives to ``purpose``.

    The two are hashed together (SHA-256, first 8 bytes), since generators seeded with neighbouring integers are not
    guaranteed to be unrelated.

    Parameters
    ----------
    seed : the run's seed, any integer.
    purpose : what the numbers are for, such as ``"split"`` or ``"initial weights"``.

    >>> a, b = stream(3, "split"), stream(3, "split")
    >>> bool((torch.rand(4, generator=a) == torch.rand(4, generator=b)).all())
    True
    >>> c = stream(3, "dropout")
    >>> bool((torch.rand(4, generator=a) == torch.rand(4, generator=c)).any())
    False
    """
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
