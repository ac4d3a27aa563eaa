"""Where chapters are, and a chapter's source as a notebook."""

from pathlib import Path

import jupytext
import nbformat
from jupytext.myst import MystMetadataParsingError
from yaml import YAMLError

from labcode.errors import LabcodeError

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"


class ChapterError(LabcodeError):
    """A chapter that cannot be found, read or executed."""


def chapters() -> list[Path]:
    """Return the sources of all chapters, in alphabetical order."""
    return sorted(
        source
        for source in BOOK.rglob("*.md")
        if not any(part.startswith(("_", ".")) for part in source.relative_to(BOOK).parts)
    )


def name_of(source: Path) -> str:
    """Return the chapter's name as in the table of contents: `backprop/logistic`."""
    return source.relative_to(BOOK).with_suffix("").as_posix()


def snapshot_of(source: Path) -> Path:
    return source.with_suffix(".ipynb")


def find(name: str) -> Path:
    """Return the source of a chapter given as `backprop/logistic` or by the path of either file.

    Raises
    ------
    ChapterError : there is no such chapter.
    """
    wanted = name.removeprefix("./").removeprefix("book/").removesuffix(".md").removesuffix(".ipynb")
    known = {name_of(source): source for source in chapters()}
    if wanted not in known:
        raise ChapterError(f"{name!r} is not a chapter. The chapters are: {', '.join(known) or 'none yet'}.")
    return known[wanted]


def notebook_from(source: Path) -> nbformat.NotebookNode:
    """Return the source as a notebook without outputs, with fixed cell ids and only the author's metadata.

    Raises
    ------
    ChapterError : the source is not UTF-8, or the YAML of its header or of a cell is wrong.
    """
    try:
        notebook = jupytext.read(source)
    except (MystMetadataParsingError, YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ChapterError(f"Chapter {name_of(source)} cannot be read ({reason}).") from error
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem}-{number}"
    return notebook
