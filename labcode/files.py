"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path


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
