"""Each chapter's source and snapshot belong together, and each page has the parts that all pages have."""

import ast
import re

import nbformat
import pytest
import yaml
from chapters import pairs
from chapters.execute import label_figure
from chapters.pairs import BOOK, ROOT, name_of, notebook_from, snapshot_of
from chapters.stale import stale_because

PAGES = pairs.chapters()
LARGEST = 400 * 1024  # bytes of a snapshot

every_page = pytest.mark.parametrize("source", PAGES, ids=name_of)
every_chapter = pytest.mark.parametrize(
    "source", [page for page in PAGES if page.parent.name in ("backprop", "mnist")], ids=name_of
)


def stored(source):
    snapshot = snapshot_of(source)
    assert snapshot.exists(), f"{snapshot.name} is missing: make chapters"
    return nbformat.read(snapshot, as_version=4)


def code_cells(source):
    return [cell for cell in stored(source).cells if cell.cell_type == "code"]


def pages_in_contents():
    contents = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return [contents["root"], *listed]


def test_table_of_contents_lists_every_pair_and_nothing_else():
    assert sorted(pages_in_contents()) == sorted(name_of(page) for page in PAGES)


def test_no_snapshot_without_its_source():
    snapshots = {path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert snapshots == {snapshot_of(page) for page in PAGES}


def test_table_of_contents_at_the_root_is_that_of_the_book():
    assert (ROOT / "_toc.yml").read_text() in ("book/_toc.yml", (ROOT / "book/_toc.yml").read_text())


@every_page
def test_source_and_snapshot_hold_the_same_cells(source):
    written, kept = notebook_from(source), stored(source)
    assert len(written.cells) == len(kept.cells), "the number of cells differs: make chapters"
    for ours, theirs in zip(written.cells, kept.cells, strict=True):
        if ours.cell_type == "code":
            # Execution adds to the cell the text that its figure computed.
            ours["outputs"] = theirs.get("outputs", [])
            label_figure(ours)
        for part in ("id", "cell_type", "source", "metadata"):
            assert ours[part] == theirs[part], f"cell {theirs['id']} differs: make chapters"


@every_page
def test_every_code_cell_was_executed_in_order(source):
    cells = code_cells(source)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@every_page
def test_snapshot_holds_no_error_and_no_warning(source):
    for cell in code_cells(source):
        for output in cell.outputs:
            assert output.output_type != "error", f"cell {cell.id} stored {output.get('ename')}"
            assert output.get("name") != "stderr", f"cell {cell.id} wrote: {output.get('text')}"


@every_page
def test_every_figure_has_alternative_text(source):
    for cell in code_cells(source):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        label = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert not pictures or label.strip(), f"the figure of cell {cell.id} has no alt text"


@every_page
def test_snapshot_is_small(source):
    assert snapshot_of(source).stat().st_size < LARGEST


@every_page
def test_snapshot_is_not_stale(source):
    reasons = stale_because(source)
    assert not reasons, f"{name_of(source)} is stale, {', '.join(reasons)}: make chapters"


def files_named(code, folder):
    """The files that the strings of this code name, relative to the folder or absolutely."""
    strings = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    names = {name for name in strings if isinstance(name, str) and name.isprintable() and len(name) < 200}
    return sorted(name for name in names if (folder / name).is_file())


@every_page
def test_no_code_names_a_file_by_its_place(source):
    """A reader's copy, the page's script and the page in a browser run in other folders."""
    for cell in notebook_from(source).cells:
        if cell.cell_type == "code":
            assert files_named(cell.source, source.parent) == []


def test_code_that_names_a_file_is_noticed():
    code = "from pathlib import Path\nlen(Path('../records/README.md').name), open('data.md'), 'mnist', '/', __file__"
    assert files_named(code, BOOK / "mnist") == ["data.md"]


def headings(source):
    return re.findall(r"^## +(.+?) *$", source.read_text(encoding="utf-8"), flags=re.MULTILINE)


@every_page
def test_page_ends_with_how_to_run_it(source):
    assert headings(source)[-1] == "Run it again"


@every_chapter
def test_chapter_begins_with_what_you_will_learn(source):
    beginning = source.read_text(encoding="utf-8").split("\n## ")[0]
    assert re.search(r"^[`:]{3,}\{admonition\} What you will learn$", beginning, flags=re.MULTILINE)


@every_chapter
def test_every_exercise_has_a_folded_solution_that_executes(source):
    text = source.read_text(encoding="utf-8")
    exercises = re.findall(r"\{exercise(?:-start)?\}.*\n:label: *(\S+)", text)
    solutions = dict(re.findall(r"\{solution-start\} *(\S+)\n(.*?)\{solution-end\}", text, flags=re.DOTALL))
    assert exercises, "no exercise with a label"
    assert sorted(solutions) == sorted(exercises)
    for label, solution in solutions.items():
        assert re.match(r":class: .*\bdropdown\b", solution), f"{label}'s solution is not folded"
        assert "{code-cell}" in solution, f"{label}'s solution executes nothing"
