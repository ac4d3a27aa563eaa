"""Every chapter's pair holds together, and tools/chapters.py keeps it so."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import chapters  # noqa: E402  (found by the line above)

PAGES = chapters.chapters()
LARGEST = 400 * 1024  # bytes of a snapshot

every_page = pytest.mark.parametrize("source", PAGES, ids=chapters.name_of)
every_chapter = pytest.mark.parametrize(
    "source", [page for page in PAGES if page.parent.name in ("backprop", "mnist")], ids=chapters.name_of
)


# The pages of this book


def stored(source):
    snapshot = chapters.snapshot_of(source)
    assert snapshot.exists(), f"{snapshot.name} is missing: make chapters"
    return nbformat.read(snapshot, as_version=4)


def code_cells(source):
    return [cell for cell in stored(source).cells if cell.cell_type == "code"]


def pages_in_contents():
    contents = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return [contents["root"], *listed]


def test_contents_list_every_pair_and_nothing_else():
    assert sorted(pages_in_contents()) == sorted(chapters.name_of(page) for page in PAGES)


def test_no_snapshot_without_its_source():
    snapshots = {path for path in chapters.BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert snapshots == {chapters.snapshot_of(page) for page in PAGES}


def test_contents_at_the_root_are_those_of_the_book():
    assert (ROOT / "_toc.yml").read_text() in ("book/_toc.yml", (ROOT / "book/_toc.yml").read_text())


@every_page
def test_source_and_snapshot_hold_the_same_cells(source):
    written, kept = chapters.notebook_from(source), stored(source)
    assert len(written.cells) == len(kept.cells), "the number of cells differs: make chapters"
    for ours, theirs in zip(written.cells, kept.cells, strict=True):
        if ours.cell_type == "code":
            # The generator adds to the source's cell the text that its figure computed.
            ours["outputs"] = theirs.get("outputs", [])
            chapters.label_figure(ours)
        for part in ("id", "cell_type", "source", "metadata"):
            assert ours[part] == theirs[part], f"cell {theirs['id']} differs: make chapters"


@every_page
def test_every_code_cell_was_executed_in_order(source):
    cells = code_cells(source)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@every_page
def test_no_stored_error_and_no_warning(source):
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
    assert chapters.snapshot_of(source).stat().st_size < LARGEST


@every_page
def test_snapshot_is_not_stale(source):
    reasons = chapters.stale_because(source)
    assert not reasons, f"{chapters.name_of(source)} is stale, {', '.join(reasons)}: make chapters"


def headings(source):
    return re.findall(r"^## +(.+?) *$", source.read_text(encoding="utf-8"), flags=re.MULTILINE)


@every_page
def test_page_ends_with_how_to_run_it_again(source):
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


# The tool, on a book of two chapters

HEADER = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

"""


def cell(*lines):
    return "\n".join(["```{code-cell} ipython3", *lines, "```", "", ""])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project of two chapters that share a package but not its modules, executed once."""
    root = tmp_path_factory.mktemp("project")
    files = {
        "requirements.txt": "# why\nnumpy==2.0\n",
        "constraints.txt": "six==1.17\n",
        "lab/__init__.py": "",
        "lab/used.py": "VALUE = 1\n",
        "lab/unused.py": "VALUE = 1\n",
        "book/part/one.md": HEADER + cell("from lab.used import VALUE", "print(VALUE)"),
        "book/part/two.md": HEADER
        + cell("from pathlib import Path", "records = Path('../records')")
        + cell("print((records / 'run.json').read_text())")
        + cell("try:", "    open(records / 'later.json')", "except FileNotFoundError as error:")[:-5]
        + "    print('later')\n```\n\n"
        + cell("print(sorted(path.name for path in (records / 'sweep').iterdir()))")
        + cell("print(sorted(name for name in globals() if not name.startswith('_')))"),
        "book/records/run.json": "12",
        "book/records/sweep/a.json": "",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        enter(root, patch)
        assert chapters.main([]) == 0
    return root


def enter(root, patch):
    patch.setattr(chapters, "ROOT", root)
    patch.setattr(chapters, "BOOK", root / "book")
    patch.setenv("PYTHONPATH", str(root))


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    root = shutil.copytree(made, tmp_path / "project")
    enter(root, monkeypatch)
    return root


def stale():
    reasons = {chapters.name_of(page): chapters.stale_because(page) for page in chapters.chapters()}
    return {name: why for name, why in reasons.items() if why}


def files_of(root):
    """Contents and time of last change of every file in the book."""
    files = [path for path in (root / "book").rglob("*") if path.is_file()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def printed(snapshot):
    notebook = nbformat.read(snapshot, as_version=4)
    return "".join(output.text for cell in notebook.cells for output in cell.get("outputs", []))


def test_fresh_copy_has_nothing_stale(project, capsys):
    assert stale() == {}
    assert chapters.main(["--check"]) == 0
    assert chapters.main([]) == 0
    assert "No chapter is stale" in capsys.readouterr().out


def test_executing_again_changes_no_byte_and_touches_no_file(project):
    before = files_of(project)
    assert chapters.main(["--all"]) == 0
    assert files_of(project) == before


def test_watching_leaves_no_name_in_the_chapter(project):
    names = printed(project / "book/part/two.ipynb").splitlines()[-1]
    assert "watch" not in names
    assert "'records'" in names


def test_imported_module_makes_only_its_chapter_stale(project):
    (project / "lab/used.py").write_text("VALUE = 2\n")
    assert stale() == {"part/one": ["lab/used.py changed"]}
    assert chapters.main(["--check"]) == 1
    before = files_of(project)
    assert chapters.main([]) == 0
    changed = [name for name, file in files_of(project).items() if file != before[name]]
    assert changed == ["one.ipynb"]
    assert printed(project / "book/part/one.ipynb") == "2\n"


def test_module_that_nobody_imports_makes_nothing_stale(project):
    (project / "lab/unused.py").write_text("VALUE = 2\n")
    assert stale() == {}


def test_source_makes_its_chapter_stale(project):
    source = project / "book/part/one.md"
    source.write_text(source.read_text() + "One more sentence.\n")
    assert stale() == {"part/one": ["one.md changed"]}


def test_record_that_changes_goes_or_comes(project):
    (project / "book/records/run.json").write_text("13")
    assert stale() == {"part/two": ["book/records/run.json changed"]}
    (project / "book/records/run.json").unlink()
    assert stale() == {"part/two": ["book/records/run.json is gone"]}
    (project / "book/records/run.json").write_text("12")
    (project / "book/records/later.json").write_text("")
    assert stale() == {"part/two": ["book/records/later.json is new"]}


def test_new_file_in_a_listed_folder(project):
    (project / "book/records/sweep/b.json").write_text("")
    assert stale() == {"part/two": ["book/records/sweep/ changed"]}


def test_pin_makes_every_chapter_stale_and_a_comment_none(project):
    (project / "requirements.txt").write_text("# another comment\nnumpy==2.0  # here too\n")
    assert stale() == {}
    (project / "constraints.txt").write_text("six==1.18\n")
    reason = ["a pinned version changed"]
    assert stale() == {"part/one": reason, "part/two": reason}


@pytest.mark.parametrize("damage", ["", "{}", '{"metadata": {"made_from": []}}'])
def test_damaged_snapshot_is_stale(project, damage):
    (project / "book/part/one.ipynb").write_text(damage)
    assert stale() == {"part/one": ["its snapshot does not say what it was made from"]}


def test_failing_cell_is_a_sentence_and_writes_nothing(project, capsys):
    source = project / "book/part/one.md"
    source.write_text(source.read_text() + cell("ratio = 1 / 0"))
    before = files_of(project)
    assert chapters.main([]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Chapter part/one: code cell 2, which begins `ratio = 1 / 0`, raised ZeroDivisionError: division by zero."
    )
    assert files_of(project) == before


def test_failing_chapter_does_not_keep_the_others_from_being_made(project):
    (project / "book/part/one.md").write_text(HEADER + cell("1 / 0"))
    (project / "book/records/run.json").write_text("13")
    assert chapters.main([]) == 1
    assert list(stale()) == ["part/one"]


def test_unknown_chapter_is_refused_by_name(project, capsys):
    assert chapters.main(["part/three"]) == 1
    message = "There is no chapter 'part/three'. The chapters are: part/one, part/two."
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize("name", ["part/one", "book/part/one.md", "./book/part/one.ipynb"])
def test_chapter_is_found_by_any_of_its_names(project, name):
    assert chapters.find(name) == project / "book/part/one.md"


PICTURE = (
    "from IPython.display import display",
    "label = {'labcode': {'alt': 'A dot.', 'caption': 'One dot.', 'name': 'fig-dot'}}",
    "display({'text/plain': 'One dot.'}, metadata=label, raw=True)",
)


def test_figure_text_reaches_the_cell(project):
    own = "```{code-cell} ipython3\n:mystnb: {image: {width: 50%}, figure: {name: fig-own}}\n\n"
    source = project / "book/part/one.md"
    source.write_text(HEADER + cell(*PICTURE) + own + "\n".join(PICTURE) + "\n```\n")
    assert chapters.main(["part/one"]) == 0
    first, second = code_cells(source)
    assert first.metadata.mystnb == {
        "image": {"alt": "A dot."},
        "figure": {"caption": "One dot.", "name": "fig-dot"},
    }
    # What the author wrote in the source stays.
    assert second.metadata.mystnb == {
        "image": {"alt": "A dot.", "width": "50%"},
        "figure": {"caption": "One dot.", "name": "fig-own"},
    }
    test_source_and_snapshot_hold_the_same_cells(source)


def test_figure_does_not_share_its_cell(project, capsys):
    (project / "book/part/one.md").write_text(HEADER + cell(*PICTURE, "7"))
    assert chapters.main(["part/one"]) == 1
    assert "a cell with a figure shows that figure alone" in capsys.readouterr().err


def test_plain_build_shows_the_new_result(project):
    """What an author sees who edits a function and then runs `jupyter-book build book`."""
    shutil.copytree(ROOT / "tools", project / "tools")
    for folder in ("_assets", "_templates"):
        shutil.copytree(ROOT / "book" / folder, project / "book" / folder)
    for file in ("_config.yml", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "book/LICENSE"):
        shutil.copy(ROOT / file, project / file)
    shutil.copytree(ROOT / "labcode", project / "labcode", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "book/references.bib").touch()
    (project / "book/_toc.yml").write_text("format: jb-book\nroot: part/one\nchapters:\n  - file: part/two\n")
    (project / "lab/used.py").write_text("VALUE = 'fresh from the oven'\n")
    tool = Path(sys.executable).parent / "jupyter-book"
    command = [tool, "build", "book", "-W", "--keep-going"]
    build = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    assert "part/one is stale: lab/used.py changed" in build.stdout
    assert "part/two is stale" not in build.stdout
    page = (project / "_build/html/part/one.html").read_text(encoding="utf-8")
    assert "fresh from the oven" in page
    # An author's mistake stops the build with the same sentence as the command line.
    (project / "lab/used.py").write_text("VALUE = 1 / 0\n")
    build = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert build.returncode != 0
    assert "Chapter part/one: code cell 1" in build.stderr + build.stdout
