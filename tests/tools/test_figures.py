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


def test_captions_are_those_of_the_figures_alone():
    cells = notebook("print(1)", "show(n, math)")
    cells[-1].outputs = [
        nbformat.v4.new_output(
            "display_data", {"text/plain": "A caption.\nA text."}, metadata={"labcode": {"name": "fig-one"}}
        )
    ]
    assert figures.captions(cells) == {"fig-one": "A caption.\nA text."}


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
