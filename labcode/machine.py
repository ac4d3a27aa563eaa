"""The processor: its name for the records, and its vector instructions, which decide which convolution is faster."""

import platform
from functools import cache
from pathlib import Path

import torch


def processor() -> str:
    """Return the processor's name and its vector instructions, since one name can stand for several processors.

    >>> processor()  # doctest: +SKIP
    'AMD EPYC, AVX2'
    """
    return f"{processor_name()}, {vectors()}"


@cache
def processor_name() -> str:
    """Return the manufacturer's name of the processor, or its architecture if the system does not know the name.

    >>> processor_name()  # doctest: +SKIP
    'AMD EPYC'
    """
    try:
        # On Linux the name is only in this file.
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def vectors() -> str:
    """Return PyTorch's name for the vector instructions that it uses.

    >>> vectors()  # doctest: +SKIP
    'AVX2'
    """
    return torch.backends.cpu.get_cpu_capability()
