"""tools/chapters/key.py: the key has what the student edition leaves out, each solution with what its check said."""

import html
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapters import pairs
from chapters.key import answer_key, exercises, in_order, quiz
from chapters.pairs import name_of, snapshot_of
from chapters.student import student_copy, tagged

PART = [page for page in pairs.chapters() if page.parent.name in ("backprop", "mnist")]


@pytest.mark.parametrize("source", PART, ids=name_of)
def test_every_blank_of_the_student_edition_is_answered(source):
    notebook = nbformat.read(snapshot_of(source), as_version=4)
    found = exercises(notebook)
    blanks = [cell for cell in student_copy(source).cells if tagged(cell, "answer")]
    solutions = [cell.source for cell in notebook.cells if tagged(cell, "solution")]
    assert len(found) == len(blanks) == len(solutions)
    for exercise, solution in zip(found, solutions, strict=True):
        assert exercise.title
        assert exercise.task
        assert all(exercise.solution)
        assert f"<pre><code>{html.escape(solution)}</code></pre>" in exercise.solution


@pytest.mark.parametrize("source", PART, ids=name_of)
def test_every_question_of_the_quiz_has_one_right_answer_with_a_reason(source):
    text = source.read_text(encoding="utf-8")
    answered = quiz(nbformat.read(snapshot_of(source), as_version=4))
    assert len(answered) == text.count("\n**Question ")
    for question, answer, reason in answered:
        assert question
        assert answer
        assert len(reason) > 40
        assert "<p><strong>" not in reason


def test_the_key_is_one_page_in_the_order_of_the_book_and_hides_no_markup():
    key = answer_key([source for source in in_order() if source in PART])
    titles = [heading.text for heading in BeautifulSoup(key, "html.parser").find_all("h1")]
    assert titles[0] == "The logistic function"
    assert len(titles) == len(PART)
    text = re.sub(r"<pre.*?</pre>", "", key, flags=re.DOTALL)  # code may quote the book's markup
    for markup in ("{eq}", "{doc}", "$$", "```", "<script", "](", "{solution", ":label:"):
        assert markup not in text


def test_the_order_is_that_of_all_chapters():
    assert sorted(in_order()) == sorted(source for source in pairs.chapters() if source.stem != "index")
