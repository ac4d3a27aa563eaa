"""Chapters in pairs: `name.md`, which people edit, and `name.ipynb`, its last execution.

One file, four faces:

* the command line, `python tools/chapters.py [--all] [--check] [chapter ...]`, executes stale
  chapters and writes their snapshots;
* a Sphinx extension does the same before a build reads them, so that no build shows an old result
  in silence, and brings MathJax into the site from an installed package;
* `--student` writes copies of the chapters to work in, with their solutions left blank, and a build offers them
  all as one zip;
* functions that the tests of the chapters use.

A snapshot keeps in its own metadata what it was made from: digests of its source, of the
repository's modules that its kernel imported, of the repository's files that its kernel opened, and
of the pinned versions. It is stale when one of them no longer agrees. Times of files play no part,
so nothing is stale in a fresh clone.
"""

import argparse
import ast
import asyncio
import hashlib
import importlib.util
import inspect
import io
import json
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import jupytext
import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PIN_FILES = ("requirements.txt", "constraints.txt")
SECONDS_PER_CELL = 300  # as --nbval-cell-timeout in pyproject.toml

# The place in a notebook's metadata where a snapshot says what it was made from.
MADE_FROM = "made_from"
# The place in an output's metadata where labcode.pages.figures leaves the alternative text and caption.
FIGURE = "labcode"


class ChapterError(Exception):
    """A chapter that cannot be executed; the message is a sentence for its author."""


# Where chapters are


def chapters() -> list[Path]:
    """The sources of all chapters, in alphabetical order."""
    return sorted(
        source
        for source in BOOK.rglob("*.md")
        if not any(part.startswith(("_", ".")) for part in source.relative_to(BOOK).parts)
    )


def name_of(source: Path) -> str:
    """The chapter's name as in the table of contents: `backprop/logistic`."""
    return source.relative_to(BOOK).with_suffix("").as_posix()


def snapshot_of(source: Path) -> Path:
    return source.with_suffix(".ipynb")


def find(name: str) -> Path:
    """The source of a chapter given as `backprop/logistic` or as the path of either file."""
    wanted = name.removeprefix("./").removeprefix("book/")
    wanted = wanted.removesuffix(".md").removesuffix(".ipynb")
    known = {name_of(source): source for source in chapters()}
    if wanted not in known:
        raise ChapterError(f"There is no chapter {name!r}. The chapters are: {', '.join(known) or 'none yet'}.")
    return known[wanted]


# What a snapshot was made from


def digest(data: bytes) -> str:
    """Twelve hexadecimal digits of SHA-256: enough to notice a change, short enough to read."""
    return hashlib.sha256(data).hexdigest()[:12]


def digest_of(path: str) -> str:
    """Digest of a file, or of a folder's list of names if `path` ends in a slash."""
    place = ROOT / path
    if path.endswith("/") and place.is_dir():
        names = sorted(entry.name for entry in place.iterdir() if not is_private(entry.name))
        return digest("\n".join(names).encode())
    if not path.endswith("/") and place.is_file():
        return digest(place.read_bytes())
    return "absent"


def digest_of_pins() -> str:
    """Digest of the `name==version` lines, whatever their order or the comments beside them."""
    pins = set()
    for name in PIN_FILES:
        path = ROOT / name
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            pins.update(line.split("#")[0].strip() for line in lines if "==" in line.split("#")[0])
    return digest("\n".join(sorted(pins)).encode())


def is_private(name: str) -> bool:
    """Whether a file or folder is made by tools rather than written by people."""
    return name.startswith(".") or name in ("_build", "__pycache__") or name.endswith(".egg-info")


def stale_because(source: Path) -> list[str]:
    """Why the chapter's snapshot does not show its source; an empty list if it does."""
    snapshot = snapshot_of(source)
    if not snapshot.exists():
        return ["it has no snapshot yet"]
    try:
        made_from = json.loads(snapshot.read_text(encoding="utf-8"))["metadata"][MADE_FROM]
        reads = made_from["reads"].items()
        reasons = []
        if made_from["source"] != digest(source.read_bytes()):
            reasons.append(f"{source.name} changed")
        if made_from["pins"] != digest_of_pins():
            reasons.append("a pinned version changed")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["its snapshot does not say what it was made from"]
    for path, before in reads:
        now = digest_of(path)
        if now != before:
            change = {now: "changed", "absent": "is gone"}[now]
            reasons.append(f"{path} {'is new' if before == 'absent' else change}")
    return reasons


# Executing a chapter


class ThisPython(KernelSpecManager):
    """Gives the kernel of the Python that runs this file, whatever kernels the user installed."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def watch(root):
    """Make this process note the files of `root` that it reads (it runs in the kernel).

    `sys.modules["chapter_watch"].seen()` then gives, as JSON, the files opened for reading, found
    or not; the folders listed; and the modules imported.
    """
    import json
    import os
    import sys
    import types

    opened, listed = set(), set()
    writing = os.O_WRONLY | os.O_RDWR

    def note(event, arguments):
        if event == "open" and not (arguments[2] or 0) & writing:
            path, noted = arguments[0], opened
        elif event in ("os.listdir", "os.scandir"):
            path, noted = "." if arguments[0] is None else arguments[0], listed
        else:
            return
        if isinstance(path, (str, bytes, os.PathLike)):
            noted.add(os.path.realpath(os.fsdecode(path)))

    def seen():
        # The import system lists the folders that it searches: no result depends on those.
        searched = {os.path.realpath(path) for path in sys.path_importer_cache}
        files = (vars(module).get("__file__") for module in list(sys.modules.values()) if module)
        found = {
            "opened": sorted(opened),
            "listed": sorted(listed - searched),
            "imported": sorted(os.path.realpath(file) for file in files if file),
        }
        ours, installed = root + os.sep, os.path.realpath(sys.prefix) + os.sep
        inside = {
            kind: [
                os.path.relpath(path, root)
                for path in paths
                if path.startswith(ours) and not path.startswith(installed)
            ]
            for kind, paths in found.items()
        }
        return json.dumps(inside)

    module = types.ModuleType("chapter_watch")
    module.seen = seen
    sys.modules["chapter_watch"] = module
    sys.addaudithook(note)


def notebook_from(source: Path) -> nbformat.NotebookNode:
    """The source as a notebook without outputs: fixed cell ids, no metadata but the author's."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem}-{number}"
    return notebook


async def execute(notebook: nbformat.NotebookNode, folder: Path, sockets: str) -> dict[str, list[str]]:
    """Run every cell in a new kernel working in `folder`; return what the kernel read.

    `sockets` is a folder with a short path, where the kernel is reached.
    """
    manager = AsyncKernelManager(
        kernel_spec_manager=ThisPython(),
        # Not over TCP: another program can take a port between its choice and the kernel's start.
        transport="ipc" if os.name == "posix" else "tcp",
        ip=f"{sockets}/kernel" if os.name == "posix" else "127.0.0.1",
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=SECONDS_PER_CELL,
        record_timing=False,
        coalesce_streams=True,  # else a print may be split wherever the kernel happened to flush
        resources={"metadata": {"path": str(folder)}},
    )
    # Sets and hashes come out in the same order each time; a progress bar would be stored with its timings; and
    # sums come out the same whatever the number of cores.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    # One line in the student's namespace would be one too many: the name is deleted at once.
    begin = f"{inspect.getsource(watch)}\nwatch({str(ROOT)!r})\ndel watch"
    seen = {"seen": "__import__('sys').modules['chapter_watch'].seen()"}
    async with client.async_setup_kernel(env=environment, cleanup_kc=True):
        await ask(client, begin, {})
        number = 0
        for index, cell in enumerate(notebook.cells):
            number += cell.cell_type == "code"
            try:
                await client.async_execute_cell(cell, index, execution_count=number)
            except CellExecutionError as error:
                problem = f"raised {error.ename}: {error.evalue.rstrip('.')}"
            except CellTimeoutError:
                problem = f"took more than {SECONDS_PER_CELL} seconds"
            except DeadKernelError:
                problem = "ended its kernel"
            else:
                continue
            first_line = cell.source.strip().splitlines()[0]
            raise ChapterError(f"code cell {number}, which begins `{first_line}`, {problem}")
        reply = await ask(client, "", seen)
    return json.loads(ast.literal_eval(reply["seen"]["data"]["text/plain"]))


async def ask(client: NotebookClient, code: str, expressions: dict[str, str]) -> dict:
    """Run code in the kernel that leaves no trace in the notebook; return the expressions."""
    reply = await client.kc.execute_interactive(
        code, silent=True, user_expressions=expressions, output_hook=lambda message: None
    )
    if reply["content"]["status"] != "ok":
        raise ChapterError(f"the kernel could not be watched: {reply['content']['evalue']}")
    return reply["content"]["user_expressions"]


def label_figure(cell: nbformat.NotebookNode) -> None:
    """Copy a figure's computed text to where MyST-NB looks for it: the cell's metadata.

    Labels that the author wrote in the source stay as they are.
    """
    shown = [output for output in cell.outputs if output.output_type != "stream"]
    figures = [output.metadata[FIGURE] for output in shown if FIGURE in output.get("metadata", {})]
    if not figures:
        return
    if len(shown) > 1:
        raise ChapterError(
            f"the cell that begins `{cell.source.strip().splitlines()[0]}` shows {len(shown)} "
            "things; a cell with a figure shows that figure alone (it may print as well)"
        )
    figure = figures[0]
    labels = cell.metadata.setdefault("mystnb", {})
    labels["image"] = {"alt": figure["alt"], **labels.get("image", {})}
    caption = {key: figure[key] for key in ("caption", "name") if figure.get(key)}
    labels["figure"] = {**caption, **labels.get("figure", {})}


def make_snapshot(source: Path) -> str:
    """Execute the chapter and return its snapshot as text; the same text every time."""
    made_from = {"source": digest(source.read_bytes()), "pins": digest_of_pins()}
    notebook = notebook_from(source)
    try:
        with tempfile.TemporaryDirectory() as sockets:
            seen = asyncio.run(execute(notebook, source.parent, sockets))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                label_figure(cell)
    except ChapterError as error:
        raise ChapterError(f"Chapter {name_of(source)}: {error}.") from error
    # A Python file counts when it was imported, not when it was opened (for a traceback, say).
    paths = [path for path in seen["opened"] if not path.endswith((".py", ".pyc"))]
    paths += [path for path in seen["imported"] if path.endswith(".py")]
    # A package may look for its libraries in folders beside the chapter that were never there.
    paths += [f"{path}/" for path in seen["listed"] if (ROOT / path).is_dir()]
    made_from["reads"] = {
        path: digest_of(path)
        for path in sorted(Path(path).as_posix() + "/" * path.endswith("/") for path in paths)
        if not any(is_private(part) for part in Path(path).parts)
    }
    notebook.metadata[MADE_FROM] = made_from
    nbformat.validate(notebook)
    return nbformat.writes(notebook, sort_keys=True) + "\n"


def write_whole(path: Path, content: str | bytes) -> bool:
    """Replace a file in one step, or leave it untouched if it holds this content already."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == data:
        return False
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # A temporary file is readable by its owner alone; a chapter is readable by all.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def refresh(sources: list[Path], say=print) -> None:
    """Execute chapters one after the other and write their snapshots.

    A chapter that fails keeps its old snapshot and does not keep the others from being executed;
    one ChapterError then names all that failed.
    """
    failed = []
    with tqdm(sources, unit="chapter", disable=not sources) as bar:
        for source in bar:
            bar.set_description(name_of(source))
            try:
                changed = write_whole(snapshot_of(source), make_snapshot(source))
            except ChapterError as error:
                failed.append(str(error))
            else:
                say(f"{name_of(source)}: executed, {'new snapshot' if changed else 'unchanged'}")
    if failed:
        raise ChapterError("\n".join(failed))


# Copies for students

# A solution stands between these two directives of sphinx-exercise. Of its code cells, the one
# tagged "solution" is the answer, and the one tagged "check" says whether an answer is right.
SOLUTION = re.compile(r"^```\{solution-(start|end)\}.*?^```$", re.DOTALL | re.MULTILINE)
STUDENT = ROOT / "_build" / "student"


def student_copy(source: Path) -> nbformat.NotebookNode:
    """The chapter without its solutions: a cell to fill in, and the check that judges it.

    Nothing in it has been executed. Words within a solution are left out with the answer.
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
        elif within and "solution" in cell.metadata.get("tags", []):
            judged = next((c.source for c in notebook.cells[number:] if "check" in c.metadata.get("tags", [])), "")
            cells.append({**cell, "source": blank(cell.source, judged), "metadata": {"tags": ["answer"]}})
        elif not within or "check" in cell.metadata.get("tags", []):
            cells.append(cell)
    if within:
        raise ChapterError(f"Chapter {name_of(source)}: a solution begins and does not end.")
    notebook.cells = [nbformat.from_dict(cell) for cell in cells]
    return notebook


def blank(solution: str, check: str) -> str:
    """The names that a solution defines and its check reads, each left open: `answer = ...`.

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
    """The copies of those chapters that have exercises, by name, each as the text of a notebook."""
    copies = {name_of(source): student_copy(source) for source in sources}
    return {
        name: nbformat.writes(copy, sort_keys=True) + "\n"
        for name, copy in copies.items()
        if any("answer" in cell.metadata.get("tags", []) for cell in copy.cells)
    }


def write_student_copies(sources: list[Path], say=print) -> None:
    """Write the copies below `_build/student`."""
    for name, text in student_copies(sources).items():
        place = STUDENT / f"{name}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.read_text(encoding="utf-8") != text:
            shown = place.relative_to(ROOT)
            raise ChapterError(f"{shown} is there already and may hold answers: move or delete it for a fresh copy.")
        write_whole(place, text)
        say(f"{place.relative_to(ROOT)}: ready to work in")


STUDENT_README = """\
# Backpropagation, derived and rerun: student edition

The chapters of the book with the solutions of their exercises left blank. Replace the dots in a cell
that begins "Your answer"; the cell below it says right or wrong.

With Python 3.11 or newer, in this folder:

    python -m venv .venv
    source .venv/bin/activate        (on Windows: .venv\\Scripts\\activate)
    pip install -e . jupyterlab jupyterlab-myst
    jupyter lab book

Every chapter runs without a network once this is installed. The folder `labcode` is the code that the
chapters import, and it brings the digits along. `jupyterlab-myst` sets the exercises and the references
between formulas as in the book; without it they run as well, and read a little less well.
"""


def student_edition() -> bytes:
    """All copies as one zip, with the package that they import: the same bytes every time.

    Files stand where they stand in the repository, so the package finds the records, and a chapter the measurements.
    """
    files = {"README.md": STUDENT_README.encode()}
    files |= {f"book/{name}.ipynb": text.encode() for name, text in student_copies(chapters()).items()}
    places = [ROOT / "pyproject.toml", ROOT / "LICENSE", BOOK / "LICENSE"]
    folders = (ROOT / "labcode", BOOK / "records", BOOK / "measurements")
    places += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in places:
        name = path.relative_to(ROOT)
        if not any(is_private(part) for part in name.parts):
            files[name.as_posix()] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            # A fixed time, or the same edition would look new after every build.
            entry = zipfile.ZipInfo(f"student-edition/{name}", date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


# The Sphinx extension


def refresh_before_build(app) -> None:
    """Execute what is stale before Sphinx reads it (on `builder-inited`)."""
    from sphinx.errors import ExtensionError
    from sphinx.util import logging

    say = logging.getLogger(__name__).info
    stale = {source: stale_because(source) for source in chapters()}
    stale = {source: reasons for source, reasons in stale.items() if reasons}
    for source, reasons in stale.items():
        say(f"{name_of(source)} is stale: {', '.join(reasons)}")
    try:
        refresh(list(stale), say=say)
    except ChapterError as error:
        raise ExtensionError(str(error)) from error


def bring_mathjax(app, config) -> None:
    """Serve the one file of MathJax that the site needs from the site itself.

    The package `sphinx-mathjax-offline`, used as an extension, copies all of MathJax (31 MB).
    The "full" file knows all TeX extensions, so that none is looked for elsewhere.
    """
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    script = Path(package.origin).parent / "static" / "mathjax" / "tex-svg-full.js"
    config.html_static_path = [*config.html_static_path, str(script)]
    config.mathjax_path = script.name


def offer_student_edition(app, exception) -> None:
    """Put the student edition into the site, to be downloaded (on `build-finished`)."""
    if exception is None and app.builder.format == "html":
        write_whole(Path(app.outdir) / "student-edition.zip", student_edition())


def setup(app):
    app.connect("config-inited", bring_mathjax)
    app.connect("builder-inited", refresh_before_build)
    app.connect("build-finished", offer_student_edition)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# The command line


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Execute stale chapters and write their snapshots (.md -> .ipynb).")
    parser.add_argument("chapter", nargs="*", help="only these, stale or not: backprop/logistic")
    parser.add_argument("--all", action="store_true", help="every chapter, stale or not")
    parser.add_argument("--check", action="store_true", help="execute nothing; say what is stale")
    parser.add_argument("--student", action="store_true", help="execute nothing; write copies with blank answers")
    options = parser.parse_args(arguments)
    try:
        sources = [find(name) for name in options.chapter] or chapters()
        if options.student:
            write_student_copies(sources)
            return 0
        stale = {source: stale_because(source) for source in sources}
        if options.check:
            for source, reasons in stale.items():
                if reasons:
                    print(f"{name_of(source)} is stale: {', '.join(reasons)}")
            return int(any(stale.values()))
        if not options.all and not options.chapter:
            sources = [source for source in sources if stale[source]]
        refresh(sources, say=tqdm.write)
        if not sources:
            print("No chapter is stale.")
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
