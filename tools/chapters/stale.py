"""Whether a snapshot still shows its source.

A snapshot keeps in its metadata what it was made from: digests of its source, of the repository's modules that its
kernel imported, of the repository's files that its kernel opened, and of the pinned versions. It is stale when one of
them has changed, or the snapshot itself. Contents are compared, never dates, so nothing is stale in a fresh clone.
"""

import gzip
import hashlib
import json
import zlib
from contextlib import suppress
from pathlib import Path

from chapters import pairs
from chapters.pairs import snapshot_of

PIN_FILES = ("requirements.txt", "constraints.txt")
# The key of a notebook's metadata that says what the snapshot was made from, and within it the key for the snapshot.
MADE_FROM = "made_from"
SNAPSHOT = "snapshot"


def digest(data: bytes) -> str:
    """Return twelve hexadecimal digits of SHA-256: enough to notice a change, and short to read.

    Lines of a text may end as on Windows: Git and editors change that without changing the text.
    """
    text = b"\0" not in data
    return hashlib.sha256(data.replace(b"\r\n", b"\n") if text else data).hexdigest()[:12]


def digest_of(path: str) -> str:
    """Return the digest of a file, or of a folder's list of names if ``path`` ends in a slash.

    Of a gzip'd file, what is in it counts: another zlib compresses the same text to other bytes.
    """
    place = pairs.ROOT / path
    if path.endswith("/") and place.is_dir():
        names = sorted(entry.name for entry in place.iterdir() if not is_private(entry.name))
        return digest("\n".join(names).encode())
    if not path.endswith("/") and place.is_file():
        data = place.read_bytes()
        if path.endswith(".gz"):
            with suppress(OSError, EOFError, zlib.error):  # damaged: the bytes count
                data = gzip.decompress(data)
        return digest(data)
    return "absent"


def digest_of_pins() -> str:
    """Return the digest of the `name==version` lines, in any order and without comments."""
    pins = set()
    for name in PIN_FILES:
        path = pairs.ROOT / name
        if path.exists():
            lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
            pins.update(line for line in lines if "==" in line)
    return digest("\n".join(sorted(pins)).encode())


def is_private(name: str) -> bool:
    """Return whether tools made a file or folder of this name, not people."""
    # An editable installation puts an entry on `sys.path` that Python tries to open as a file.
    made = ("_build", "__pycache__", "node_modules")
    return name.startswith((".", "__editable__")) or name in made or name.endswith(".egg-info")


def digests_of_reads(opened: list[str], imported: list[str], listed: list[str]) -> dict[str, str]:
    """Return the digests of what a kernel read, by path relative to the repository.

    Parameters
    ----------
    opened : files that were opened for reading, whether they exist or not
    imported : files of the imported modules
    listed : folders whose names were listed
    """
    # Python code counts when it was imported. It is also opened for a traceback, and stubs for names imported lazily.
    paths = [path for path in opened if not path.endswith((".py", ".pyc", ".pyi"))]
    paths += [path for path in imported if path.endswith(".py")]
    # A package may look for its libraries in folders that do not exist.
    paths += [f"{path}/" for path in listed if (pairs.ROOT / path).is_dir()]
    paths = sorted(Path(path).as_posix() + "/" * path.endswith("/") for path in paths)
    return {path: digest_of(path) for path in paths if not any(is_private(part) for part in Path(path).parts)}


def digest_of_snapshot(text: str) -> str:
    """Return the digest of a snapshot's contents, except for this digest itself."""
    notebook = json.loads(text)
    notebook["metadata"][MADE_FROM].pop(SNAPSHOT, None)
    return digest(json.dumps(notebook, sort_keys=True).encode())


def changed_by_hand(source: Path) -> str:
    """Return what is to be done if a snapshot is not as its execution wrote it, or an empty string.

    Somebody has edited it, or executed and saved it in Jupyter. It may hold work that exists nowhere else.
    """
    snapshot = snapshot_of(source)
    if not snapshot.exists():
        return ""
    try:
        text = snapshot.read_text(encoding="utf-8")
        now = digest_of_snapshot(text)
        if json.loads(text)["metadata"][MADE_FROM].get(SNAPSHOT, now) == now:
            return ""
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return (
        f"{snapshot.name} is not as its execution wrote it "
        f"(move what you want to keep to {source.name}, then delete {snapshot.name})"
    )


def stale_because(source: Path) -> list[str]:
    """Return why the chapter's snapshot does not show its source; an empty list if it does."""
    snapshot = snapshot_of(source)
    if not snapshot.exists():
        return ["it has no snapshot yet"]
    if changed := changed_by_hand(source):
        return [changed]
    made_from = json.loads(snapshot.read_text(encoding="utf-8"))["metadata"][MADE_FROM]
    reasons = []
    if made_from["source"] != digest(source.read_bytes()):
        reasons.append(f"{source.name} changed")
    if made_from["pins"] != digest_of_pins():
        reasons.append("a pinned version changed")
    for path, before in made_from["reads"].items():
        now = digest_of(path)
        if now != before:
            reasons.append(f"{path} {'is new' if before == 'absent' else 'is gone' if now == 'absent' else 'changed'}")
    return reasons


def stale_chapters(sources: list[Path]) -> dict[Path, list[str]]:
    """Return the stale ones of these chapters, each with the reasons."""
    reasons = {source: stale_because(source) for source in sources}
    return {source: why for source, why in reasons.items() if why}
