"""tools/extensions/figures.py: the zip has every figure that a snapshot shows, drawn from the same cells."""

import io
import zipfile
from types import SimpleNamespace
from xml.etree import ElementTree

import figures
import nbformat
import pytest
from chapters import pairs
from chapters.pairs import ChapterError, snapshot_of
from sphinx.errors import ExtensionError

from labcode.pages import figures as drawing

CHAPTER = "backprop/logistic"


def notebook(*sources):
    return [nbformat.v4.new_code_cell(source) for source in sources]


@pytest.fixture(autouse=True)
def publisher(monkeypatch):
    """The function that publishes figures, which drawing them replaces: here in the process of the test."""
    monkeypatch.setattr(drawing, "publish", drawing.publish)


def test_only_cells_that_a_figure_needs_are_run():
    cells = notebook(
        "import math", "n = 3\nunused = 1", "for k in range(n):\n    last = k", "print(unused)", "show(n, math)"
    )
    cells[-1].outputs = [
        nbformat.v4.new_output(
            "display_data", {"text/plain": "A caption.\nA text."}, metadata={"labcode": {"name": "fig-one"}}
        )
    ]
    assert figures.leading_to_figures(cells) == ["import math", "n = 3\nunused = 1", "show(n, math)"]
    assert figures.captions(cells) == {"fig-one": "A caption.\nA text."}


@pytest.mark.parametrize(
    ("source", "bound", "read"),
    [
        ("x = x + 1", {"x"}, {"x"}),
        ("x += 1", {"x"}, {"x"}),
        ("x = 1\ny = x", {"x", "y"}, set()),
        ("def f(a):\n    return a + b", {"f"}, {"b"}),
        ("for x in y:\n    z = x", {"x", "z"}, {"y"}),
        ("import a.b", {"a"}, set()),
        ("c = [d for d in e]", {"c"}, {"e"}),
    ],
)
def test_names_that_a_cell_binds_and_reads(source, bound, read):
    assert figures.names(source) == (bound, read)


def test_a_chapters_figures_are_those_of_its_snapshot_with_their_licence():
    drawn = figures.draw(CHAPTER)
    cells = nbformat.read(snapshot_of(pairs.find(CHAPTER)), as_version=4).cells
    assert set(drawn) == set(figures.captions(cells))
    for svg in drawn.values():
        ElementTree.fromstring(svg)
        assert "CC BY 4.0" in svg
    assert figures.draw(CHAPTER) == drawn  # the same bytes every time


def test_a_figure_that_is_not_the_snapshots_is_reported(monkeypatch):
    monkeypatch.setattr(figures, "captions", lambda cells: {"fig-slope": "another caption"} if len(cells) > 1 else {})
    with pytest.raises(ChapterError, match="are not those that its snapshot shows"):
        figures.draw(CHAPTER)


def test_a_build_writes_the_zip_and_keeps_the_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FOLDER", tmp_path / "kept")
    app = SimpleNamespace(
        outdir=tmp_path / "site", figures={CHAPTER: SimpleNamespace(result=lambda: {"fig-a": "<svg/>"})}
    )
    figures.end(app, None)
    with zipfile.ZipFile(io.BytesIO((tmp_path / "site/teaching/figures.zip").read_bytes())) as archive:
        assert archive.namelist() == ["figures/LICENSE.txt", f"figures/{CHAPTER}/fig-a.svg"]
        assert archive.read("figures/LICENSE.txt").decode().count("\n") == 1
    app.figures = {CHAPTER: None}  # kept: nothing is drawn
    first = (tmp_path / "site/teaching/figures.zip").read_bytes()
    figures.end(app, None)
    assert (tmp_path / "site/teaching/figures.zip").read_bytes() == first


def test_a_build_that_fails_draws_no_further_and_a_wrong_figure_stops_it(tmp_path):
    stopped = []
    painter = SimpleNamespace(shutdown=lambda cancel_futures: stopped.append(cancel_futures))
    app = SimpleNamespace(outdir=tmp_path, figures={CHAPTER: None}, painter=painter)
    figures.end(app, ValueError("the build failed"))
    assert stopped == [True]

    def fail():
        raise ChapterError("The figures differ.")

    app.figures = {CHAPTER: SimpleNamespace(result=fail)}
    with pytest.raises(ExtensionError, match="The figures differ"):
        figures.end(app, None)
    assert not (tmp_path / "teaching").exists()
