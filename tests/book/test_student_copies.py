"""Students' copies: no solution left in them, blanks judged wrong, the book's solutions judged right.

Each chapter's cells are run once, in order, as a student would meet them: at an exercise first the blank, whose check
must refuse it; then the solution, whose check must accept it.
"""

import contextlib
import io
import sys
import types
import zipfile
from pathlib import Path

import nbformat
import pytest

from labcode.derivation import DerivationError, GradientError, WrongAnswer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import chapters  # noqa: E402  (found by the line above)

PART = [page for page in chapters.chapters() if page.parent.name in ("backprop", "mnist")]
every_chapter = pytest.mark.parametrize("source", PART, ids=chapters.name_of)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


@every_chapter
def test_copies_hold_no_solution(source):
    original, copy = chapters.notebook_from(source), chapters.student_copy(source)
    nbformat.validate(copy)
    solutions = tagged(original, "solution")
    assert len(solutions) == len(tagged(copy, "answer")) == len(tagged(original, "check")) >= 1
    everything = "\n".join(cell.source for cell in copy.cells)
    assert "{solution" not in everything
    for cell in solutions:
        assert cell.source not in everything
    assert len(tagged(copy, "check")) == len(solutions)
    assert everything.count("{exercise}") == len(solutions)


@every_chapter
def test_blanks_fail_and_solutions_pass(source):
    solutions = iter(cell.source for cell in tagged(chapters.notebook_from(source), "solution"))
    namespace, judged = {"__name__": "__main__"}, 0
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in chapters.student_copy(source).cells:
            if cell.cell_type != "code":
                continue
            if "check" not in cell.metadata.get("tags", []):
                exec(cell.source, namespace)
                continue
            with pytest.raises((WrongAnswer, GradientError, DerivationError)) as refused:
                exec(cell.source, namespace)
            assert not str(refused.value).startswith("Right")
            exec(next(solutions), namespace)
            exec(cell.source, namespace)
            judged += 1
    assert judged == len(tagged(chapters.student_copy(source), "check")) >= 1


def test_a_copy_is_written_below_the_build_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chapters, "STUDENT", chapters.ROOT / "_build" / f"student-{tmp_path.name}")
    try:
        assert chapters.main(["--student", "backprop/logistic"]) == 0
        written = chapters.STUDENT / "backprop" / "logistic.ipynb"
        assert "answer_1 = ..." in written.read_text(encoding="utf-8")
        assert "ready to work in" in capsys.readouterr().out
        assert chapters.main(["--student", "backprop/logistic"]) == 0  # untouched, it is written again
        written.write_text(filled := written.read_text(encoding="utf-8").replace("answer_1 = ...", "answer_1 = 2"))
        assert chapters.main(["--student", "backprop/logistic"]) == 1
        assert "may hold answers" in capsys.readouterr().err
        assert written.read_text(encoding="utf-8") == filled
    finally:
        import shutil

        shutil.rmtree(chapters.STUDENT, ignore_errors=True)


def test_the_edition_has_every_judged_chapter_and_what_it_imports_and_is_the_same_every_time():
    data = chapters.student_edition()
    assert data == chapters.student_edition()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name.removeprefix("student-edition/") for name in archive.namelist()}
        assert {f"book/{chapters.name_of(page)}.ipynb" for page in PART} <= names
        assert {"README.md", "pyproject.toml", "labcode/derivation/answers.py", "labcode/pages/stepper.js"} <= names
        assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
        logistic = archive.read("student-edition/book/backprop/logistic.ipynb").decode("utf-8")
    assert logistic == chapters.student_copies([chapters.find("backprop/logistic")])["backprop/logistic"]


def test_a_build_offers_the_edition_unless_it_failed(tmp_path):
    app = types.SimpleNamespace(outdir=tmp_path, builder=types.SimpleNamespace(format="html"))
    chapters.offer_student_edition(app, ValueError("the build failed"))
    assert not list(tmp_path.iterdir())
    chapters.offer_student_edition(app, None)
    assert [file.name for file in tmp_path.iterdir()] == ["student-edition.zip"]


def test_a_blank_keeps_the_names_that_are_judged_and_nothing_else():
    solution = (
        "import math\nfirst = second = 3\nthird, _ = divmod(7, 2)\naside = 1\n"
        "def area(r, scale=2):\n    '''Why.'''\n    return math.pi * r**2\ndef helper():\n    pass"
    )
    assert chapters.blank(solution, "judge(first, second, third, area(2))").splitlines() == [
        "# Your answer: replace the dots.",
        "first = ...",
        "second = ...",
        "third = ...",
        "def area(r, scale=2):",
        "    ...",
    ]


def test_a_solution_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```{solution-start} somewhere\n```\n\nNever ends.\n", encoding="utf-8")
    with pytest.raises(chapters.ChapterError, match="does not end"):
        chapters.student_copy(page)
