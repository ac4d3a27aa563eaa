"""The processor: its name for the records, and its vector instructions, which decide which convolution is faster."""

import os
import platform
from functools import cache
from pathlib import Path

import torch

from labcode.checks import one_of

DEVICES = ("cpu", "cuda")


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


def require_device(device: str) -> str:
    """Return ``device`` if this machine has it: ``"cpu"``, or ``"cuda"`` for a GPU.

    Raises
    ------
    ValueError : it is something else, or there is no GPU.

    >>> require_device("gpu")
    Traceback (most recent call last):
    ...
    ValueError: device is 'gpu'; accepted are 'cpu', 'cuda'.
    """
    if one_of("device", device, DEVICES) == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', and this machine has no GPU that PyTorch can use; 'cpu' always works.")
    return device


def device_name(device: str) -> str:
    """Return the GPU's name, or that of the processor.

    >>> device_name("cuda")  # doctest: +SKIP
    'NVIDIA H200'
    """
    return torch.cuda.get_device_name() if device == "cuda" else processor_name()


def memory(device: str) -> int:
    """Return the bytes of memory that the device has.

    >>> memory("cpu") > 2**20
    True
    """
    if device == "cuda":
        return torch.cuda.get_device_properties(0).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
