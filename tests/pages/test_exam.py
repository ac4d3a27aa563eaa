"""The exam on paper: the sheets hold no answer, the key holds every one, and neither needs anything else."""

import re

import pytest
from bs4 import BeautifulSoup

from labcode.__main__ import main
from labcode.derivation import exam as drawing
from labcode.derivation.exam import VERSIONS, draw_exam
from labcode.derivation.printing import latex
from labcode.pages.exam import key, sheets, write_exam
from labcode.pages.mathml import inline, mathml


@pytest.fixture(scope="module")
def exam():
    return draw_exam(1)


def formulas(section):
    return [formula["alttext"] for formula in section.find_all("math")]


def test_each_sheet_asks_every_question_and_tells_no_answer(exam):
    versions = BeautifulSoup(sheets(exam), "html.parser").find_all("article")
    assert [version.h1.text[-1] for version in versions] == list(VERSIONS)
    for place, version in enumerate(versions):
        sections = version.find_all("section")
        for (question, variants), section in zip(exam.questions, sections, strict=True):
            variant = variants[place]
            assert question.title in section.h2.text
            assert latex(variant.sought) in formulas(section)
            for name, meaning in variant.given.items():
                assert f"{latex(name)} := {latex(meaning)}" in formulas(section)
            assert latex(variant.solution.result) not in formulas(section)
            assert variant.name not in section.text


def test_the_key_has_every_step_and_every_wrong_answer(exam):
    versions = BeautifulSoup(key(exam), "html.parser").find_all("article")
    for place, version in enumerate(versions):
        for (_, variants), section in zip(exam.questions, version.find_all("section"), strict=True):
            shown = formulas(section)
            for step in variants[place].steps:
                assert f"= {latex(step.expression)}" in shown
            for mistake, answer in variants[place].wrong.items():
                assert mistake in section.text
                assert latex(answer) in shown


def test_both_files_stand_alone(exam, tmp_path):
    paths = write_exam(exam, tmp_path)
    assert [path.name for path in paths] == ["exam-1.html", "exam-1-key.html"]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script|<link|src=|url\(|http://(?!www\.w3\.org)|https://", text)


def test_the_command_writes_the_same_files_every_time_and_names_them(exam, tmp_path, capsys):
    assert main(["exam", "--seed", "1", "--folder", str(tmp_path)]) == 0
    sheet, answers = tmp_path / "exam-1.html", tmp_path / "exam-1-key.html"
    assert capsys.readouterr().out.split() == [str(sheet), str(answers)]
    assert sheet.read_text(encoding="utf-8") == sheets(exam)
    assert answers.read_text(encoding="utf-8") == key(exam)
    assert main(["exam", "--seed", "-3", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "seed is -3; it must be a whole number of at least 0.\n"


def test_a_folder_that_takes_no_files_is_refused_before_anything_is_proved(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(drawing, "draw_exam", None)
    (tmp_path / "file").touch()
    assert main(["exam", "--folder", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"Nothing can be written to {tmp_path / 'file'}: File exists.\n"


def test_formulas_become_mathml_and_the_rest_is_escaped():
    assert inline("if `a<b`, $x_1$ & more").startswith("if <code>a&lt;b</code>, <math ")
    assert inline("$x_1$ & more").endswith("</math> &amp; more")
    assert "<mo>:=</mo>" in mathml("a := b")
    assert "mtable" in mathml("{}\\begin{aligned}[t]\n& a \\\\\n& + b\n\\end{aligned}", display=True)
    assert 'alttext="a &lt; b"' in mathml("a\n<  b")
    for unknown in ("\\unheard x", "a & b"):
        with pytest.raises(ValueError, match="cannot be written in MathML"):
            mathml(unknown)
