"""What all tests share: how nbval's kernels are reached."""

import functools
import os
import tempfile

import nbval.kernel
import pytest


@pytest.fixture(scope="session", autouse=True)
def kernels_without_ports():
    """Reach kernels through sockets in a short temporary folder instead of TCP ports.

    Several tests start kernels at the same time, and a port can be taken by another program
    between its choice and the kernel's start: a failure that has nothing to do with the book.
    """
    if os.name != "posix":
        yield
        return
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as sockets:
        patch.setenv("JUPYTER_RUNTIME_DIR", sockets)
        patch.setattr(
            nbval.kernel,
            "KernelManager",
            functools.partial(nbval.kernel.KernelManager, transport="ipc"),
        )
        yield
