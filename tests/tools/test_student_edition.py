"""The student edition: no solution is left in it, its checks refuse blanks and accept the book's solutions."""

import contextlib
import io
import zipfile

import nbformat
import pytest
from chapters import __main__ as command
from chapters import pairs, student
from chapters.cells import leading_to
from chapters.pairs import ChapterError, name_of, notebook_from, snapshot_of
from chapters.student import blank, student_copies, student_copy, student_edition

from labcode.derivation import DerivationError, GradientError, WrongAnswer

PART = [page for page in pairs.chapters() if page.parent.name in ("backprop", "mnist")]
every_chapter = pytest.mark.parametrize("source", PART, ids=name_of)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


@every_chapter
def test_copies_hold_no_solution(source):
    original, copy = notebook_from(source), student_copy(source)
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
def test_checks_refuse_blanks(source):
    """The other cells of a chapter, which may train a network, say nothing about its blanks: they are left out."""
    blanks = iter(cell.source for cell in tagged(student_copy(source), "answer"))
    namespace, refusals, solution = {"__name__": "__main__"}, 0, ""
    with contextlib.redirect_stdout(io.StringIO()):
        checks = leading_to(
            notebook_from(source).cells, lambda cell: bool({"solution", "check"} & set(cell.metadata.get("tags", [])))
        )
        for cell in checks:
            tags = cell.metadata.get("tags", [])
            if "solution" in tags:
                solution = cell.source
                exec(next(blanks), namespace)
            elif "check" in tags:
                with pytest.raises((WrongAnswer, GradientError, DerivationError)) as refused:
                    exec(cell.source, namespace)
                assert not str(refused.value).startswith("Right")
                exec(solution, namespace)  # later cells may read what it defines
                refusals += 1
            else:
                exec(cell.source, namespace)
    assert refusals == len(tagged(student_copy(source), "check")) >= 1


@every_chapter
def test_checks_accept_solutions(source):
    """The book executes both, and the tests of its snapshots compare the outcome: the copy has the same checks."""
    executed = nbformat.read(snapshot_of(source), as_version=4)
    checks = tagged(executed, "check")
    assert [cell.source for cell in checks] == [cell.source for cell in tagged(student_copy(source), "check")]
    assert all(cell.execution_count for cell in checks + tagged(executed, "solution"))
    assert [output for cell in checks for output in cell.outputs if output.output_type == "error"] == []


def test_a_copy_is_written_below_the_student_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(student, "FOLDER", tmp_path / "student")
    assert command.main(["--student", "backprop/logistic"]) == 0
    written = student.FOLDER / "backprop" / "logistic.ipynb"
    assert "answer_1 = ..." in written.read_text(encoding="utf-8")
    assert capsys.readouterr().out == "student/backprop/logistic.ipynb: ready to work in\n"
    assert command.main(["--student", "backprop/logistic"]) == 0  # untouched, it is written again
    written.write_text(filled := written.read_text(encoding="utf-8").replace("answer_1 = ...", "answer_1 = 2"))
    assert command.main(["--student", "backprop/logistic"]) == 1
    assert "may hold answers" in capsys.readouterr().err
    assert written.read_text(encoding="utf-8") == filled


def test_a_folder_that_cannot_be_made_is_reported_in_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "student").touch()
    monkeypatch.setattr(student, "FOLDER", tmp_path / "student")
    assert command.main(["--student", "backprop/logistic"]) == 1
    assert "student/backprop: Not a directory." in capsys.readouterr().err


def test_the_edition_has_every_judged_chapter_and_what_it_imports_and_is_the_same_every_time():
    data = student_edition()
    assert data == student_edition()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name.removeprefix("student-edition/") for name in archive.namelist()}
        assert {f"book/{name_of(page)}.ipynb" for page in PART} <= names
        assert {"README.md", "pyproject.toml", "labcode/derivation/answers.py", "labcode/pages/stepper.js"} <= names
        assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
        logistic = archive.read("student-edition/book/backprop/logistic.ipynb").decode("utf-8")
    assert logistic == student_copies([pairs.find("backprop/logistic")])["backprop/logistic"]


def test_a_blank_keeps_the_names_that_are_judged_and_nothing_else():
    solution = (
        "import math\nfirst = second = 3\nthird, _ = divmod(7, 2)\naside = 1\n"
        "def area(r, scale=2):\n    '''Why.'''\n    return math.pi * r**2\ndef helper():\n    pass"
    )
    assert blank(solution, "judge(first, second, third, area(2))").splitlines() == [
        "# Your answer: replace the dots.",
        "first = ...",
        "second = ...",
        "third = ...",
        "def area(r, scale=2):",
        "    ...",
    ]


def test_a_solution_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "BOOK", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```{solution-start} somewhere\n```\n\nNever ends.\n", encoding="utf-8")
    with pytest.raises(ChapterError, match="does not end"):
        student_copy(page)
