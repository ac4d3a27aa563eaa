"""Every chapter has a quiz whose questions have one right answer, and an explanation of its own for each answer.

Quizzes are plain Markdown that teachers can edit: a paragraph that begins "**Question 1.**", then for each answer a
details element whose summary is the answer and whose text begins "**Right.**" or "**No: the misconception.**".
"""

import re
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = sorted([*BOOK.glob("backprop/*.md"), *BOOK.glob("mnist/*.md")])

QUIZ = re.compile(r"^## Quiz\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
ANSWER = re.compile(
    r'<details class="quiz">\n<summary>(.+?)</summary>\n\n\*\*(.+?)\.\*\* (.+?)\n\n</details>', re.DOTALL
)


def questions(markdown: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The questions of a chapter's quiz, each with its answers: (answer, verdict, explanation)."""
    found = QUIZ.search(markdown)
    if not found:
        return []
    parts = re.split(r"^\*\*Question (\d+)\.\*\* ", found[1], flags=re.MULTILINE)
    assert [int(number) for number in parts[1::2]] == list(range(1, len(parts) // 2 + 1)), "numbered from 1"
    return [(part.split("\n\n")[0], ANSWER.findall(part)) for part in parts[2::2]]


def complaints(markdown: str) -> list[str]:
    """The defects of a chapter's quiz, one sentence each."""
    asked = questions(markdown)
    found = [] if len(asked) >= 2 else [f"{len(asked)} questions, expected at least 2"]
    for number, (question, answers) in enumerate(asked, 1):
        verdicts = [verdict for _, verdict, _ in answers]
        texts = [explanation for _, _, explanation in answers]
        if not 2 <= len(answers) <= 5:
            found.append(f"question {number} has {len(answers)} answers")
        if verdicts.count("Right") != 1:
            found.append(f"question {number} has {verdicts.count('Right')} right answers")
        if not all(re.fullmatch(r"Right|No: .{5,}", verdict) for verdict in verdicts):
            found.append(f"question {number} has a wrong answer without a named misconception")
        if len(set(texts)) < len(texts) or min(map(len, texts), default=0) < 40:
            found.append(f"question {number} has an answer without an explanation of its own")
        if len({answer for answer, _, _ in answers}) < len(answers) or len(question) < 20:
            found.append(f"question {number} asks nothing or has a duplicate answer")
    places = [[v for _, v, _ in answers].index("Right") for _, answers in asked if not found]
    if len(places) > 1 and len(set(places)) == 1:
        found.append("the right answer is always in the same place")
    quiz = QUIZ.search(markdown)
    if quiz and quiz[1].count("<details") != sum(len(answers) for _, answers in asked):
        found.append("an answer is not in the expected format")
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_quiz_is_complete(chapter):
    assert complaints(chapter.read_text(encoding="utf-8")) == []


GOOD = """## Quiz

**Question 1.** What is the answer to this one?

<details class="quiz">
<summary>It is one.</summary>

**Right.** This is a long enough explanation of why it is right.

</details>

<details class="quiz">
<summary>It is two.</summary>

**No: a slip.** This is why one may think so, and why it is not true.

</details>

**Question 2.** What is the answer to the other one?

<details class="quiz">
<summary>It is two.</summary>

**No: another slip.** Another explanation of why one may think so.

</details>

<details class="quiz">
<summary>It is one.</summary>

**Right.** The reason why it is right differs from the one above.

</details>

## Exercises
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("", "", None),
        ("## Quiz", "## Riddles", "0 questions, expected at least 2"),
        ("**Right.** This", "**No: a trap.** This", "question 1 has 0 right answers"),
        ("**No: a slip.**", "**Right.**", "question 1 has 2 right answers"),
        ("**No: a slip.**", "**Wrong.**", "question 1 has a wrong answer without a named misconception"),
        ("This is why one may think so, and why it is not true.", "No.", "explanation of its own"),
        ("It is two", "It is one", "has a duplicate answer"),
        ("</summary>\n\n**No: another", "</summary>\n**No: another", "an answer is not in the expected format"),
    ],
)
def test_a_defective_quiz_is_found(old, new, complaint):
    found = complaints(GOOD.replace(old, new, 1) if old else GOOD)
    assert (not found) if complaint is None else any(complaint in sentence for sentence in found)
