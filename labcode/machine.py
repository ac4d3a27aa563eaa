"""The processor that computes: what a record says of it, and what decides which of two ways is faster on it."""

import platform
from functools import cache
from pathlib import Path

import torch


def processor() -> str:
    """Return the processor's name, and the vectors that PyTorch computes with: a name such as AMD EPYC stands for many.

    >>> processor()  # doctest: +SKIP
    'AMD EPYC, AVX2'
    """
    return f"{processor_name()}, {vectors()}"


@cache
def processor_name() -> str:
    """Return the name that the maker gave it, as far as the system tells.

    >>> processor_name()  # doctest: +SKIP
    'AMD EPYC'
    """
    try:
        # Linux tells it only here.
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def vectors() -> str:
    """Return PyTorch's name for the vectors that it computes with.

    >>> vectors()  # doctest: +SKIP
    'AVX2'
    """
    return torch.backends.cpu.get_cpu_capability()
