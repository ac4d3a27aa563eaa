"""What a number depends on besides its formula: the processor, and the settings of PyTorch."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
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
    """Return the name of the GPU with its version of CUDA, or ``"cpu"``.

    >>> device_name("cuda")  # doctest: +SKIP
    'NVIDIA H200, CUDA 13.0'
    """
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}" if device == "cuda" else device


def memory(device: str) -> int:
    """Return the bytes of memory that the device has.

    >>> memory("cpu") > 2**20
    True
    """
    if device == "cuda":
        return torch.cuda.get_device_properties(0).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_precision(dtype: torch.dtype) -> torch.dtype:
    """Return ``dtype`` if it is one in which networks are trained.

    >>> require_precision(torch.int64)
    Traceback (most recent call last):
    ...
    ValueError: dtype is torch.int64; it must be torch.float32 or torch.float64.
    """
    if isinstance(dtype, torch.dtype) and dtype in (torch.float32, torch.float64):
        return dtype
    raise ValueError(f"dtype is {dtype}; it must be torch.float32 or torch.float64.")


@contextmanager
def fixed_settings() -> Iterator[None]:
    """Compute with the same settings of PyTorch whatever the user's are, which are put back afterwards.

    One thread: another number adds in another order and so rounds differently, and at one image per step a second
    thread has nothing to do. Denormal numbers are flushed to zero, since they can make a convolution many times slower.
    Tensors are made on the CPU in float32 unless asked for otherwise; products keep full precision; gradients can be
    recorded.

    >>> torch.set_default_dtype(torch.float64)
    >>> with fixed_settings():
    ...     torch.zeros(1).dtype
    torch.float32
    >>> torch.zeros(1).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    threads, dtype, precision = torch.get_num_threads(), torch.get_default_dtype(), torch.get_float32_matmul_precision()
    flushed = sys.float_info.min / 2 == 0  # PyTorch sets this for the thread's every number and cannot be asked
    with ExitStack() as entered:
        if torch.get_default_device().type != "cpu":  # where it is, a context would only slow every operation
            entered.enter_context(torch.device("cpu"))
        for context in (torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False)):
            entered.enter_context(context)
        entered.callback(torch.set_num_threads, threads)
        entered.callback(torch.set_default_dtype, dtype)
        entered.callback(torch.set_float32_matmul_precision, precision)
        entered.callback(torch.set_flush_denormal, flushed)
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        torch.set_flush_denormal(True)
        yield
