"""tools/chapters, on a book of two chapters: what makes a snapshot stale, and what an execution writes."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from chapters import __main__ as command
from chapters import execute, pairs, sphinx_extension
from chapters.execute import label_figure
from chapters.pairs import name_of
from chapters.stale import digest_of, stale_chapters
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
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
        assert command.main([]) == 0
    return root


def enter(root, patch):
    patch.setattr(pairs, "ROOT", root)
    patch.setattr(pairs, "BOOK", root / "book")
    patch.setenv("PYTHONPATH", str(root))


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    root = shutil.copytree(made, tmp_path / "project")
    enter(root, monkeypatch)
    return root


@pytest.fixture
def building(tmp_path):
    """What a build of the site tells its extensions."""
    return SimpleNamespace(doctreedir=tmp_path / "_build" / ".doctrees", outdir=tmp_path / "_build" / "html")


def stale():
    return {name_of(page): reasons for page, reasons in stale_chapters(pairs.chapters()).items()}


def files_of(root):
    """Contents and time of last change of every file in the book."""
    files = [path for path in (root / "book").rglob("*") if path.is_file()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def snapshot(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def printed(source):
    return "".join(output.text for cell in snapshot(source).cells for output in cell.get("outputs", []))


def test_fresh_copy_has_nothing_stale(project, capsys):
    assert stale() == {}
    assert command.main(["--check"]) == 0
    assert command.main([]) == 0
    assert "No chapter is stale" in capsys.readouterr().out


def test_executing_again_changes_no_byte_and_touches_no_file(project):
    before = files_of(project)
    assert command.main(["--all"]) == 0
    assert files_of(project) == before


def test_watching_leaves_no_name_in_the_chapter(project):
    names = printed(project / "book/part/two.md").splitlines()[-1]
    assert "watch" not in names
    assert "'records'" in names


def test_imported_module_makes_only_its_chapter_stale(project):
    (project / "lab/used.py").write_text("VALUE = 2\n")
    assert stale() == {"part/one": ["lab/used.py changed"]}
    assert command.main(["--check"]) == 1
    before = files_of(project)
    assert command.main([]) == 0
    changed = [name for name, file in files_of(project).items() if file != before[name]]
    assert changed == ["one.ipynb"]
    assert printed(project / "book/part/one.md") == "2\n"


def test_module_that_no_chapter_imports_makes_nothing_stale(project):
    (project / "lab/unused.py").write_text("VALUE = 2\n")
    assert stale() == {}


def test_source_makes_its_chapter_stale(project):
    source = project / "book/part/one.md"
    source.write_text(source.read_text() + "One more sentence.\n")
    assert stale() == {"part/one": ["one.md changed"]}


def test_changed_missing_and_new_records_make_their_chapter_stale(project):
    (project / "book/records/run.json").write_text("13")
    assert stale() == {"part/two": ["book/records/run.json changed"]}
    (project / "book/records/run.json").unlink()
    assert stale() == {"part/two": ["book/records/run.json is gone"]}
    (project / "book/records/run.json").write_text("12")
    (project / "book/records/later.json").write_text("")
    assert stale() == {"part/two": ["book/records/later.json is new"]}


def test_of_a_gzipped_file_the_text_counts_and_of_a_damaged_one_the_bytes(project):
    """So that nothing is stale because another zlib, or another level, compressed the same text."""
    file, found = project / "book/records/width=128.jsonl.gz", []
    for data in (gzip.compress(b"text", 1), gzip.compress(b"text", 9, mtime=7), gzip.compress(b"test"), b"text"):
        file.write_bytes(data)
        found.append(digest_of("book/records/width=128.jsonl.gz"))
    assert found[0] == found[1] == found[3] != found[2]
    for damaged in (data := gzip.compress(b"text"))[:-1], data[:5] + b"X" + data[6:-12] + b"XX" + data[-10:]:
        file.write_bytes(damaged)
        assert digest_of("book/records/width=128.jsonl.gz") not in found


def test_new_file_in_a_listed_folder_makes_its_chapter_stale(project):
    (project / "book/records/sweep/b.json").write_text("")
    assert stale() == {"part/two": ["book/records/sweep/ changed"]}


def test_changed_pin_makes_every_chapter_stale_and_a_changed_comment_none(project):
    (project / "requirements.txt").write_text("# another comment\nnumpy==2.0  # here too\n")
    assert stale() == {}
    (project / "constraints.txt").write_text("six==1.18\n")
    reason = ["a pinned version changed"]
    assert stale() == {"part/one": reason, "part/two": reason}


def test_stub_that_lazy_imports_open_does_not_count(project):
    """A chapter depends on the modules that it imported, not on the stub that lists a package's names."""
    (project / "lab/__init__.py").write_text(
        "import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)\n"
    )
    (project / "lab/__init__.pyi").write_text("from .used import VALUE as VALUE\nfrom .unused import OTHER as OTHER\n")
    source = project / "book/part/one.md"
    source.write_text(HEADER + cell("from lab import VALUE"))
    assert command.main(["part/one"]) == 0
    assert list(snapshot(source).metadata.made_from.reads) == ["lab/__init__.py", "lab/used.py"]


def saved_by_jupyter(text):
    """The snapshot after a cell was run again and the notebook saved."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells[-1].execution_count = 7
    return nbformat.writes(notebook)


@pytest.mark.parametrize(
    "changed",
    [
        saved_by_jupyter,
        lambda text: text.replace("A page", "A better page"),
        lambda text: text.replace('"1\\n"', '"2\\n"'),
        lambda text: text.replace('"made_from"', '"made_of"'),
        lambda text: f"<<<<<<< HEAD\n{text}",
        lambda text: "{}",
        lambda text: "",
    ],
)
def test_snapshot_changed_by_hand_is_reported_and_never_overwritten(project, building, capsys, changed):
    snapshot = project / "book/part/one.ipynb"
    before = snapshot.read_text(encoding="utf-8")
    snapshot.write_text(after := changed(before), encoding="utf-8")
    assert after != before
    what_to_do = (
        "one.ipynb is not as its execution wrote it (move what you want to keep to one.md, then delete one.ipynb)"
    )
    assert stale() == {"part/one": [what_to_do]}
    assert command.main(["--check"]) == 1
    for arguments in ([], ["part/one"]):
        assert command.main(arguments) == 1
        assert f"Chapter part/one was not executed: {what_to_do}." in capsys.readouterr().err
        assert snapshot.read_text(encoding="utf-8") == after
    # A build would publish the change, and then lose it.
    with pytest.raises(ExtensionError, match="then delete one"):
        sphinx_extension.begin(building, None)


def test_deleted_snapshot_is_made_again(project):
    snapshot = project / "book/part/one.ipynb"
    before = snapshot.read_bytes()
    snapshot.unlink()
    assert command.main([]) == 0
    assert snapshot.read_bytes() == before


def test_snapshot_laid_out_anew_is_not_changed(project):
    """Git or a formatter may have written the file, not the notebook."""
    snapshot = project / "book/part/one.ipynb"
    snapshot.write_text(json.dumps(json.loads(snapshot.read_text(encoding="utf-8")), indent=4).replace("\n", "\r\n"))
    assert stale() == {}


def test_lines_that_end_as_on_windows_make_nothing_stale(project):
    texts = [path for path in project.rglob("*") if path.is_file() and path.suffix in (".md", ".py", ".txt", ".json")]
    assert len(texts) > 5
    for path in texts:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert stale() == {}


def test_a_checkout_on_windows_has_the_same_bytes(tmp_path):
    """Git for Windows is installed with `core.autocrlf=true`."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    for name in (".gitattributes", "book/index.md", "book/index.ipynb", "labcode/data/tenth.npz"):
        (there / Path(name).name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "core.autocrlf=true"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["clone", "-q", there, here]):
        subprocess.run([*git, *arguments], cwd=there, env=environment, check=True, capture_output=True)
    for path in filter(Path.is_file, there.iterdir()):
        assert (here / path.name).read_bytes() == path.read_bytes()


def test_a_snapshot_that_cannot_be_read_is_reported_in_a_sentence(project, monkeypatch, capsys):
    def refuse(sources):
        raise PermissionError(13, "Permission denied", "one.ipynb")

    monkeypatch.setattr(command, "stale_chapters", refuse)
    assert command.main(["--check"]) == 1
    assert capsys.readouterr().err == "one.ipynb: Permission denied.\n"


def test_a_folder_that_cannot_be_written_is_reported_in_a_sentence(project, monkeypatch, capsys):
    def refuse(path, content):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(execute, "write_whole", refuse)
    assert command.main(["part/one"]) == 1
    sentence = "Chapter part/one: one.ipynb cannot be written (Permission denied)."
    assert capsys.readouterr().err.splitlines()[-1] == sentence


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (HEADER.replace("name: python3", "name: [python3"), "while parsing a flow sequence"),
        (HEADER + cell(":tags: [a", "", "1"), "Code cell 1 at line 10 could not be read: Invalid YAML"),
        (HEADER.encode() + "Café".encode("latin-1"), "'utf-8' codec can't decode byte 0xe9"),
    ],
    ids=["header", "cell", "encoding"],
)
def test_a_source_that_cannot_be_read_is_reported_in_a_sentence(project, capsys, source, reason):
    (project / "book/part/one.md").write_bytes(source if isinstance(source, bytes) else source.encode())
    before = files_of(project)
    assert command.main([]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"Chapter part/one cannot be read ({reason}")
    assert files_of(project) == before


def test_failing_cell_is_named_and_writes_nothing(project, building, capsys):
    source = project / "book/part/one.md"
    source.write_text(source.read_text() + cell("ratio = 1 / 0"))
    before = files_of(project)
    assert command.main([]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Chapter part/one: code cell 2, which begins `ratio = 1 / 0`, raised ZeroDivisionError: division by zero."
    )
    assert files_of(project) == before
    with pytest.raises(ExtensionError, match="Chapter part/one: code cell 2"):  # a build stops as well
        sphinx_extension.begin(building, None)


def test_other_chapters_are_executed_when_one_fails(project):
    (project / "book/part/one.md").write_text(HEADER + cell("1 / 0"))
    (project / "book/records/run.json").write_text("13")
    assert command.main([]) == 1
    assert list(stale()) == ["part/one"]


def test_an_interruption_ends_the_kernel_and_says_what_was_kept(project, capsys, ctrl_c):
    source = project / "book/part/one.md"
    wait = "import os, signal, time\nopen('pid', 'w').write(str(os.getpid()))\nos.kill(os.getppid(), signal.SIGINT)"
    source.write_text(HEADER + cell(*wait.splitlines(), "time.sleep(60)"))
    assert command.main(["part/one"]) == 130
    assert capsys.readouterr().err.endswith("Interrupted. Chapters that were executed have their new snapshots.\n")
    assert stale() == {"part/one": ["one.md changed"]}
    assert not psutil.pid_exists(int((source.parent / "pid").read_text()))


def test_unknown_chapter_is_refused(project, capsys):
    assert command.main(["part/three"]) == 1
    message = "'part/three' is not a chapter. The chapters are: part/one, part/two."
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize("name", ["part/one", "book/part/one.md", "./book/part/one.ipynb"])
def test_chapter_is_found_by_its_name_and_by_either_path(project, name):
    assert pairs.find(name) == project / "book/part/one.md"


PICTURE = (
    "from IPython.display import display",
    "label = {'labcode': {'alt': 'A dot.', 'caption': 'One dot.', 'name': 'fig-dot'}}",
    "display({'text/plain': 'One dot.'}, metadata=label, raw=True)",
)


def test_text_of_a_figure_reaches_the_metadata_of_its_cell(project):
    own = "```{code-cell} ipython3\n:mystnb: {image: {width: 50%}, figure: {name: fig-own}}\n\n"
    source = project / "book/part/one.md"
    source.write_text(HEADER + cell(*PICTURE) + own + "\n".join(PICTURE) + "\n```\n")
    assert command.main(["part/one"]) == 0
    first, second = (cell for cell in snapshot(source).cells if cell.cell_type == "code")
    assert first.metadata.mystnb == {
        "image": {"alt": "A dot."},
        "figure": {"caption": "One dot.", "name": "fig-dot"},
    }
    # What the author wrote in the source stays.
    assert second.metadata.mystnb == {
        "image": {"alt": "A dot.", "width": "50%"},
        "figure": {"caption": "One dot.", "name": "fig-own"},
    }
    # tests/book/test_chapters.py compares the metadata of source and snapshot after the same call.
    written = [cell for cell in pairs.notebook_from(source).cells if cell.cell_type == "code"]
    for ours, theirs in zip(written, (first, second), strict=True):
        ours["outputs"] = theirs.outputs
        label_figure(ours)
        assert ours.metadata == theirs.metadata


def test_cell_with_a_figure_shows_nothing_else(project, capsys):
    (project / "book/part/one.md").write_text(HEADER + cell(*PICTURE, "7"))
    assert command.main(["part/one"]) == 1
    assert "a cell with a figure shows only that figure" in capsys.readouterr().err


@pytest.fixture
def site(project):
    """The project with all that a build of its site needs."""
    shutil.copytree(ROOT / "tools", project / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("_assets", "_templates"):
        shutil.copytree(ROOT / "book" / folder, project / "book" / folder)
    settings = (ROOT / "_config.yml").read_text(encoding="utf-8")
    without_npm = settings.replace("- live.sphinx_extension\n", "\n").replace("- train\n", "\n")
    (project / "_config.yml").write_text(without_npm, encoding="utf-8")
    for file in ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "book/LICENSE"):
        shutil.copy(ROOT / file, project / file)
    shutil.copytree(ROOT / "labcode", project / "labcode", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "book/references.bib").touch()
    (project / "book/_toc.yml").write_text("format: jb-book\nroot: part/one\nchapters:\n  - file: part/two\n")
    return project


BUILD = (Path(sys.executable).parent / "jupyter-book", "build", "book", "-W", "--keep-going")


def build(site, **environment):
    return subprocess.run(
        BUILD, cwd=site, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def page(site, name="one"):
    return (site / f"_build/html/part/{name}.html").read_text(encoding="utf-8")


def built_files(site):
    html = site / "_build" / "html"
    return {path.relative_to(html): path.read_bytes() for path in html.rglob("*") if path.is_file()}


def test_plain_build_shows_what_the_sources_say(site):
    """An author edits a function and runs `jupyter-book build book`."""
    (site / "lab/used.py").write_text("VALUE = 'from the edited function'\n")
    built = build(site, SOURCE_DATE_EPOCH="0")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "part/one is stale: lab/used.py changed" in built.stdout
    assert "part/two is stale" not in built.stdout
    assert "from the edited function" in page(site)
    assert "2026" in page(site)
    assert "1970" not in page(site)
    # Contents decide, not dates: the snapshots are new and bear an old date, as restored copies can.
    (site / "lab/used.py").write_text("VALUE = 'from the second edit'\n")
    source = site / "book/part/two.md"
    source.write_text(source.read_text().replace("# A page", "# Another title"))
    assert command.main([]) == 0
    for chapter in (site / "book/part").iterdir():
        os.utime(chapter, (1e9, 1e9))
    assert build(site).returncode == 0
    assert "from the second edit" in page(site)
    assert "Another title" in page(site, "two")
    assert "Another title" in page(site)  # in its contents and its link to the next page
    # Two builds at once, of a copy: the same tree gives the same bytes, whatever was there before.
    copy = shutil.copytree(site, site.parent / "copy", ignore=shutil.ignore_patterns("_build"))
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    running = [subprocess.Popen(BUILD, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [each.communicate()[0] for each in running]
    assert [each.returncode for each in running] == [0, 0]
    assert sum(f"Waiting for another build in {copy / '_build'}." in text for text in told) == 1
    assert built_files(copy) == built_files(site)


@pytest.mark.parametrize(
    "ending",
    [
        {"exception": ValueError("it failed")},
        {"_warncount": 1},
        {"complete": False},
        {"builder": SimpleNamespace(name="linkcheck")},  # it writes no pages, and keeps what it read
    ],
)
def test_only_after_a_complete_build_of_pages_is_anything_used_again(project, building, ending):
    page, doctree = Path(building.outdir, "page.html"), Path(building.doctreedir, "page.doctree")

    def build(exception=None, _warncount=0, complete=True, builder=SimpleNamespace(name="html")):  # noqa: B008
        sphinx_extension.begin(building, None)
        was_there = page.exists(), doctree.exists()
        page.touch()
        doctree.touch()
        vars(building).update(_warncount=_warncount, complete=complete, builder=builder)
        sphinx_extension.end(building, exception)
        return was_there

    building.doctreedir.mkdir(parents=True)
    assert build() == (False, False)
    made = project / "tools/live/node_modules/made.js"
    made.parent.mkdir(parents=True)
    made.touch()  # a build may bring packages and compile
    assert build() == (True, True)
    assert build(**ending) == (True, True)
    assert build() == (False, False)
    # A changed chapter lets what was read of the others stand.
    snapshot = project / "book/part/one.ipynb"
    snapshot.write_text(snapshot.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert build() == (False, True)
    (project / "requirements.txt").write_text("# another comment\nnumpy==2.0\n")
    assert build() == (False, False)


def test_a_build_that_warned_warns_again(site):
    source = site / "book/part/one.md"
    source.write_text(source.read_text() + "\n{ref}`nowhere`\n")
    for _ in range(2):
        built = build(site)
        assert built.returncode != 0
        assert "undefined label: 'nowhere'" in built.stderr + built.stdout
