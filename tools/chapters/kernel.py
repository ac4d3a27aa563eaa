"""The kernel that executes a chapter: the same whoever starts it, and wherever."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

# All that a kernel takes from its user's environment: where programs, modules and temporary files are. Everything else
# can change a chapter: PYTHONOPTIMIZE removes its assertions, MPLBACKEND its figures.
KEPT = (
    *("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME"),
    *("USERNAME", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT"),  # Windows
    *("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"),  # `make coverage`
)
FIXED = {
    "PYTHONHASHSEED": "0",  # sets in the same order each time
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TQDM_DISABLE": "1",  # no timings of a progress bar in the outputs
    "OMP_NUM_THREADS": "1",  # sums that do not depend on the number of cores
}
LONGEST_SOCKET = 100  # characters of a socket's path: macOS takes 103, Linux 107


class ThisPython(KernelSpecManager):
    """Gives the kernel of the Python that runs this file, whichever kernels the user has installed."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


@contextlib.contextmanager
def empty_home() -> Iterator[Path]:
    """Make a temporary home for kernels, where no settings of IPython, Jupyter or matplotlib are.

    Its path is short, since it also holds the kernels' sockets: a long TMPDIR is left for /tmp.
    """
    longest = os.path.join(tempfile.gettempdir(), "labcode-12345678", "kernel-1234-5")
    short = len(longest) <= LONGEST_SOCKET or os.name != "posix"
    with tempfile.TemporaryDirectory(prefix="labcode-", dir=None if short else "/tmp") as home:
        yield Path(home)


def environment(home: Path) -> dict[str, str]:
    """Return the environment variables of a kernel whose home is ``home``."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | FIXED | {"HOME": str(home), "USERPROFILE": str(home), "IPYTHONDIR": str(home / "ipython")}


def connection(home: Path, number: int = 0) -> dict:
    """Return the arguments of a manager of `jupyter_client`; kernels that run at the same time differ in number."""
    place = {"kernel_spec_manager": ThisPython(), "connection_file": str(home / f"{number}.json")}
    if os.name == "posix":
        # Not TCP: another program can take a port between its choice and the kernel's start.
        place |= {"transport": "ipc", "ip": str(home / f"kernel-{number}")}
    return place
