"""Copies of the chapters to work in, with the solutions of the exercises left blank.

In a source, a solution stands between two directives of sphinx-exercise. Of its code cells, the one tagged "solution"
is the answer, and the one tagged "check" says whether an answer is right.
"""

import ast
import re
from pathlib import Path

import nbformat
from chapters import pairs
from chapters.pairs import ChapterError, name_of, notebook_from
from chapters.stale import is_private

from labcode.files import write_whole, zipped

SOLUTION = re.compile(r"^```\{solution-(start|end)\}.*?^```$", re.DOTALL | re.MULTILINE)
FOLDER = pairs.ROOT / "student"  # not below _build, which people and `jupyter-book clean` delete
README = """\
# Backpropagation, derived and rerun: student edition

The chapters of the book, with the solutions of their exercises left blank. In each cell that begins "Your answer",
replace the dots; then run the cell below it, which says whether the answer is right.

With Python 3.11 or newer, in this folder:

    python -m venv .venv
    source .venv/bin/activate        (on Windows: .venv\\Scripts\\activate)
    pip install -e '.[book]' jupyterlab jupyterlab-myst
    jupyter lab book

The answers are in a file of their own, the answer key, which the book's site has for teachers.

Once this is installed, every chapter runs without a network. The folder `labcode` is the code that the chapters
import; it includes the digits. `jupyterlab-myst` shows exercises and references between formulas as in the book;
without it the chapters run as well.
"""


def tagged(cell: nbformat.NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def student_copy(source: Path) -> nbformat.NotebookNode:
    """Return the chapter without its solutions: for each, a cell to fill in and the cell that checks it.

    Nothing in the copy has been executed. Text within a solution is left out together with the answer.

    Raises
    ------
    ChapterError : a solution begins and does not end.
    """
    notebook = notebook_from(source)
    cells, within = [], False
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            text, start = "", 0
            for directive in SOLUTION.finditer(cell.source):
                text += "" if within else cell.source[start : directive.start()]
                within, start = directive[1] == "start", directive.end()
            text += "" if within else cell.source[start:]
            if text.strip():
                cells.append({**cell, "source": text.strip()})
        elif within and tagged(cell, "solution"):
            check = next((later.source for later in notebook.cells[number:] if tagged(later, "check")), "")
            cells.append({**cell, "source": blank(cell.source, check), "metadata": {"tags": ["answer"]}})
        elif not within or tagged(cell, "check"):
            cells.append(cell)
    if within:
        raise ChapterError(f"Chapter {name_of(source)}: a solution begins and does not end.")
    notebook.cells = [nbformat.from_dict(cell) for cell in cells]
    return notebook


def blank(solution: str, check: str) -> str:
    """Return the names that a solution defines and its check reads, each left open: `answer = ...`.

    >>> print(blank("from math import pi\\nhalf = pi\\nanswer = 2 * half", "judge(answer, 6.28)"))
    # Your answer: replace the dots.
    answer = ...
    >>> print(blank("def area(r):\\n    return pi * r * r", "judge(area(1), 3.14)"))
    # Your answer: replace the dots.
    def area(r):
        ...
    """
    read = {node.id for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Name)}
    lines = ["# Your answer: replace the dots."]
    for node in ast.parse(solution).body:
        if isinstance(node, ast.Assign):
            names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            lines += [f"{name} = ..." for name in names if name in read]
        elif isinstance(node, ast.FunctionDef) and node.name in read:
            node.body = [ast.Expr(ast.Constant(...))]
            lines.append(ast.unparse(node))
    return "\n".join(lines)


def student_copies(sources: list[Path]) -> dict[str, str]:
    """Return the copies of those chapters that have exercises, by name, as the text of a notebook."""
    copies = {name_of(source): student_copy(source) for source in sources}
    return {
        name: nbformat.writes(copy, sort_keys=True) + "\n"
        for name, copy in copies.items()
        if any(tagged(cell, "answer") for cell in copy.cells)
    }


def write_student_copies(sources: list[Path]) -> None:
    """Write the copies below `student`.

    Raises
    ------
    ChapterError : a copy is there already and differs, so it may hold answers.
    """
    for name, text in student_copies(sources).items():
        place = FOLDER / f"{name}.ipynb"
        shown = place.relative_to(FOLDER.parent)
        if place.exists() and place.read_text(encoding="utf-8") != text:
            raise ChapterError(f"{shown} exists and may hold answers: move or delete it to get a fresh copy.")
        write_whole(place, text)
        print(f"{shown}: ready to work in")


def student_edition() -> bytes:
    """Return all copies as one zip with the package that they import: the same bytes every time.

    Files stand where they stand in the repository, so that the package finds the records and the measurements.
    """
    files: dict[str, str | bytes] = {"README.md": README}
    files |= {f"book/{name}.ipynb": text for name, text in student_copies(pairs.chapters()).items()}
    places = [pairs.ROOT / "pyproject.toml", pairs.ROOT / "LICENSE", pairs.BOOK / "LICENSE"]
    folders = (pairs.ROOT / "labcode", pairs.BOOK / "records", pairs.BOOK / "measurements")
    places += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in places:
        name = path.relative_to(pairs.ROOT)
        if not any(is_private(part) for part in name.parts):
            files[name.as_posix()] = path.read_bytes()
    return zipped({f"student-edition/{name}": data for name, data in files.items()})
