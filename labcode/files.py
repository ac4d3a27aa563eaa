"""Files that are written whole or not at all, folders that take them, and what is compressed."""

import gzip
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from labcode.errors import LabcodeError


class UnwritableError(LabcodeError, OSError):
    """A folder that takes no files."""


def require_writable(folder: Path) -> None:
    """Make ``folder`` where it is missing, and a file in it for a moment: found out before the work, not after it.

    Raises
    ------
    UnwritableError : the folder cannot be made or takes no file.

    >>> with tempfile.NamedTemporaryFile(dir=".", prefix="a file ") as file:
    ...     require_writable(Path(file.name))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    labcode.files.UnwritableError: Nothing can be written to ...: File exists.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnwritableError(f"Nothing can be written to {folder}: {error.strerror}.") from error


def write_whole(path: Path, content: str | bytes) -> bool:
    """Write ``content`` to ``path`` in one step; return whether the file changed.

    The content goes to a temporary file beside ``path``, onto the disk, and then takes its name: whatever interrupts,
    the old file or the new one is there, whole. A file that holds ``content`` already is left untouched.

    Raises
    ------
    OSError : the folder cannot be made or takes no file; what was there before is unchanged.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [write_whole(Path(folder) / "note", "whole"), write_whole(Path(folder) / "note", "whole")]
    [True, False]
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or a power cut after the renaming could leave an empty file
        os.chmod(temporary, 0o644)  # a temporary file is readable by its owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write ``files``, given by name, each as `write_whole` does, and delete all others that ``folder`` holds.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folder(Path(folder), {"old": "1", "kept": "2"})
    ...     write_folder(Path(folder), {"kept": "2", "new": "3"})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['kept', 'new']
    """
    for path in folder.glob("*"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        write_whole(folder / name, content)


def gzipped(text: str) -> bytes:
    """Compress ``text``: no time and no name go in, so that equal texts give equal bytes.

    They do with one build of zlib; another may compress the same text to other bytes. So compare texts, not files.

    >>> gzip.decompress(gzipped("whole")), gzipped("whole") == gzipped("whole")
    (b'whole', True)
    """
    compressed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, compressed, mtime=0) as file:  # gzip.compress would name the system it runs on
        file.write(text.encode())
    return compressed.getvalue()


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip of files, given by name, in the order of their names: the same bytes every time, as `gzipped`.

    >>> zipped({"a": "one", "b": b"two"}) == zipped({"b": "two", "a": "one"})
    True
    """
    compressed = io.BytesIO()
    with ZipFile(compressed, "w", ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16  # once unpacked, everybody may read it
            archive.writestr(entry, content, ZIP_DEFLATED)
    return compressed.getvalue()
