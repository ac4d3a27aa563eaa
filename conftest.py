"""Settings of every test, chapters included."""

import itertools
import os
import tempfile

import nbval.kernel
import pytest

# Needs Cosmic Ray, which has an environment of its own.
collect_ignore = ["tools/mutants.py"]

# A progress bar writes to standard error, which a chapter's stored output must not hold.
os.environ.setdefault("TQDM_DISABLE", "1")
# Tests run side by side, one a core: threads of their own would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def kernels_without_ports():
    """Reach kernels through sockets in a temporary folder instead of TCP ports.

    Several tests start kernels at the same time, and a port can be taken by another program
    between its choice and the kernel's start: a failure that has nothing to do with the book.
    """
    if os.name != "posix":
        yield
        return
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as sockets:
        manager = nbval.kernel.KernelManager
        numbers = itertools.count()

        def over_sockets(**options):
            return manager(transport="ipc", ip=f"{sockets}/{next(numbers)}", **options)

        patch.setattr(nbval.kernel, "KernelManager", over_sockets)
        yield
