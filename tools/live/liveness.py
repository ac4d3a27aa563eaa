"""Which modules of labcode run in a page, and which cells of a chapter.

Both follow from what they import. Nothing is listed by hand and no cell carries a mark: a cell runs in the page if all
that it imports does, and if it reads no name that only a cell without this property defines.
"""

import ast
import functools
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from chapters.cells import names
from chapters.student import blank, tagged

ROOT = Path(__file__).resolve().parents[2]
AVAILABLE = {*sys.stdlib_module_names, "lazy_loader", "mpmath", "sympy"}
# Packages that readers know; the page names others only if none of these is missing.
WRITTEN = {"matplotlib": "matplotlib", "numpy": "NumPy", "torch": "PyTorch"}
SOLUTION = re.compile(r"^```\{solution-start\} +(\S+)", re.MULTILINE)


def imported(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the dotted names that statements import when they are executed, so without those in functions."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif isinstance(node, ast.Try | ast.With | ast.For | ast.While | ast.If):
            yield from imported(ast.iter_child_nodes(node))


def file_of(name: str) -> Path | None:
    """Return the file of labcode that a dotted name is imported from; the stubs say where a lazy name stands.

    >>> file_of("labcode.derivation.derive").name
    'chain.py'
    >>> file_of("sympy.diff")
    """
    place = ROOT.joinpath(*name.split("."))
    if name.split(".")[0] != "labcode":
        return None
    if place.is_dir():
        return place / "__init__.py"
    if place.with_suffix(".py").is_file():
        return place.with_suffix(".py")
    stub = place.parent / "__init__.pyi"
    found = (
        re.search(rf"^from \.(\w+) import {place.name} as", stub.read_text(), re.MULTILINE) if stub.is_file() else None
    )
    return place.parent / f"{found[1]}.py" if found else file_of(name.rpartition(".")[0])


@functools.cache
def missing(name: str) -> frozenset[str]:
    """Return what a page lacks to import a dotted name: the packages that the name, or what it imports, comes from.

    >>> missing("labcode.derivation.derive"), missing("torch.nn")
    (frozenset(), frozenset({'torch'}))
    """
    file = file_of(name)
    if file is None:
        return frozenset({name.split(".")[0]} - AVAILABLE)
    return frozenset().union(*map(missing, imported(ast.parse(file.read_text(encoding="utf-8")).body)))


def modules() -> list[Path]:
    """Return the files of labcode that go into the page: modules that run there, with their stubs and styles."""
    files = sorted((ROOT / "labcode").rglob("*.py"))
    dotted = {file: ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files}
    runs = {file for file in files if not missing(dotted[file])}
    beside = {file.with_suffix(suffix) for file in runs for suffix in (".pyi", ".css", ".js")}
    return sorted(runs | {file for file in beside if file.is_file()})


@dataclass(frozen=True)
class Cell:
    """A code cell of a chapter.

    Attributes
    ----------
    source : its code.
    tags : its author's.
    needs : what the page lacks to run it, in words; empty if the cell is live.
    """

    source: str
    tags: tuple[str, ...]
    needs: str


def cells(notebook: nbformat.NotebookNode) -> list[Cell]:
    """Return the code cells in order."""
    found = []
    lost: dict[str, frozenset[str]] = {}  # names that only recorded cells define, and what those lack
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        defined, read = names(cell.source)
        lacks = frozenset().union(
            *map(missing, imported(ast.parse(cell.source).body)), *(lost[name] for name in read & lost.keys())
        )
        lost = {name: why for name, why in lost.items() if name not in defined}
        lost |= dict.fromkeys(defined, lacks) if lacks else {}
        found.append(Cell(cell.source, tuple(cell.metadata.get("tags", ())), _listed(lacks)))
    return found


def _listed(packages: Collection[str]) -> str:
    known = [WRITTEN[name] for name in packages if name in WRITTEN]
    *most, last = sorted(known or packages, key=str.lower) or [""]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True)
class Exercise:
    """An exercise that can be answered in the page.

    Attributes
    ----------
    label : of the exercise.
    answer : the place in :func:`cells` of the cell that solves it; the cell after it checks.
    blank : what the reader begins with.
    """

    label: str
    answer: int
    blank: str


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """Return the exercises whose solution and check are live."""
    found, label, place, live = [], "", 0, cells(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            label = (SOLUTION.findall(cell.source) or [label])[-1]
            continue
        if tagged(cell, "solution") and not live[place].needs and not live[place + 1].needs:
            found.append(Exercise(label, place, blank(cell.source, live[place + 1].source)))
        place += 1
    return found


@dataclass(frozen=True)
class Field:
    """A value of a cell that the reader fills in: a constant that its last call takes by name.

    Attributes
    ----------
    label : the argument's name.
    value : what the chapter wrote.
    before : the code between the field before it and this one.
    """

    label: str
    value: str | int | float
    before: str


def form(cell: Cell) -> tuple[list[Field], str]:
    """Return the fields of a cell tagged "form", and the code after the last one.

    >>> fields, rest = form(Cell('judge(answer="x", tries=3)', ("form",), ""))
    >>> [(field.label, field.value, field.before) for field in fields], rest
    ([('answer', 'x', 'judge(answer='), ('tries', 3, ', tries=')], ')')
    """
    fields, rest = [], cell.source
    call = ast.parse(cell.source).body[-1].value
    for keyword in call.keywords:
        before, rest = rest.split(f"{keyword.arg}={ast.get_source_segment(cell.source, keyword.value)}", 1)
        fields.append(Field(keyword.arg, ast.literal_eval(keyword.value), f"{before}{keyword.arg}="))
    return fields, rest
