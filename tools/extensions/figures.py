"""Every figure of the book as SVG in one zip (a Sphinx extension), with a line about its licence.

The snapshots hold figures as PNG only. So a build runs again, beside its other work, the cells of each chapter that
lead to its figures, and takes the figures before they become pictures. It keeps them in `_build/figures` until the
chapter's snapshot changes.
"""

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import nbformat
from chapters import pairs
from chapters.cells import leading_to
from chapters.pairs import ChapterError, name_of, snapshot_of
from sphinx.errors import ExtensionError

from labcode.files import write_whole, zipped

FOLDER = pairs.ROOT / "_build" / "figures"
LICENSE = 'Figures of the book "Backpropagation, derived and rerun", CC BY 4.0: use them anywhere and name the book.'


def captions(cells: list[nbformat.NotebookNode]) -> dict[str, str]:
    """Return the name of each figure that cells show, with its caption and alternative text."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    figures = [output for output in outputs if "labcode" in output.get("metadata", {})]
    return {output.metadata["labcode"]["name"]: output.data["text/plain"] for output in figures}


def draw(name: str) -> dict[str, str]:
    """Run a chapter's cells, in a process of their own, and return its figures as SVG, by name.

    Raises
    ------
    ChapterError : a figure is not the one that the snapshot shows.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from labcode.pages import figures

    source = pairs.find(name)
    notebook = nbformat.read(snapshot_of(source), as_version=4)
    found, told = {}, {}

    def collect(figure: Figure, alt: str, caption: str, name: str) -> None:
        drawn = io.StringIO()
        about = {"Title": caption, "Description": alt, "Rights": LICENSE, "Date": None, "Creator": None}
        figure.savefig(drawn, format="svg", transparent=True, bbox_inches="tight", metadata=about)
        found[name], told[name] = drawn.getvalue(), f"{caption}\n{alt}"

    figures.publish = collect
    mpl.rcParams["svg.hashsalt"] = "labcode"  # the same file every time
    with contextlib.chdir(source.parent), contextlib.redirect_stdout(io.StringIO()):
        namespace = {"__name__": "__main__"}
        for cell in leading_to(notebook.cells, lambda cell: bool(captions([cell]))):
            exec(cell.source, namespace)
    if told != captions(notebook.cells):
        raise ChapterError(f"The figures of {name} are not those that its snapshot shows: execute it again.")
    return found


def kept(name: str) -> Path:
    """Return where a chapter's figures are kept: in a file that is named by the contents of its snapshot."""
    digest = hashlib.sha256(snapshot_of(pairs.find(name)).read_bytes()).hexdigest()[:12]
    return FOLDER / f"{name.replace('/', '-')}-{digest}.json"


def begin(app) -> None:
    """Start to draw the figures that are not kept (on `builder-inited`)."""
    app.figures = {}
    if app.builder.name != "html":
        return
    sources = {name_of(source): snapshot_of(source) for source in pairs.chapters()}
    shown = [name for name, path in sources.items() if captions(nbformat.read(path, as_version=4).cells)]
    app.figures = dict.fromkeys(shown)
    if missing := [name for name in shown if not kept(name).is_file()]:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # it works beside Sphinx
        app.painter = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        app.figures |= {name: app.painter.submit(draw, name) for name in missing}


def end(app, exception) -> None:
    """Write the zip into the site (on `build-finished`)."""
    try:
        if app.figures and exception is None:
            drawn = {name: collected(name, future) for name, future in app.figures.items()}
            write_whole(Path(app.outdir, "teaching", "figures.zip"), packed(drawn))
    except ChapterError as error:
        raise ExtensionError(str(error)) from error
    finally:
        if hasattr(app, "painter"):
            app.painter.shutdown(cancel_futures=True)


def collected(name: str, future: Future | None) -> dict[str, str]:
    """Return a chapter's figures: those just drawn, which are kept from now on, or those kept before."""
    place = kept(name)
    if future is None:
        return json.loads(place.read_text(encoding="utf-8"))
    figures = future.result()
    for old in FOLDER.glob(f"{name.replace('/', '-')}-????????????.json"):
        old.unlink()
    write_whole(place, json.dumps(figures))
    return figures


def packed(drawn: dict[str, dict[str, str]]) -> bytes:
    """Return the zip of all figures, in a folder per chapter, with the licence: the same bytes every time."""
    figures = {f"figures/{chapter}/{name}.svg": svg for chapter, shown in drawn.items() for name, svg in shown.items()}
    return zipped({"figures/LICENSE.txt": f"{LICENSE}\n", **figures})


def setup(app):
    app.connect("builder-inited", begin)
    app.connect("build-finished", end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
