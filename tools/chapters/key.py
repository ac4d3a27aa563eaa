"""The answer key: the solutions that the student edition leaves blank, and the right answers of the quizzes.

One file of HTML without scripts, to read or to print. It is made from the snapshots, so that every solution in it has
been accepted by the check that it is shown with.
"""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from chapters import pairs
from chapters.pairs import name_of, snapshot_of
from chapters.student import tagged
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from labcode.pages.mathml import SHEET, inline, mathml, page

DIRECTIVE = re.compile(r"^```\{(exercise|solution-start|solution-end)\}(.*?)^```$", re.DOTALL | re.MULTILINE)
QUESTION = re.compile(r"^\*\*Question \d+\.\*\* (.+?)$(.*?)(?=^\*\*Question|^## |\Z)", re.DOTALL | re.MULTILINE)
RIGHT = re.compile(r"<summary>([^<]+)</summary>\s+\*\*Right\.\*\* (.+?)\n\n</details>", re.DOTALL)
# What only the book resolves: roles and links lose their targets and keep their words.
ROLES = {
    re.compile(r"\{eq\}`([^`]+)`"): r"(\1)",
    re.compile(r"\{numref\}`([^`]+)`"): r"figure \1",
    re.compile(r"\{cite(?::[pt])?\}`([^`]+)`"): r"[\1]",
    re.compile(r"\{\w+\}`([^`<]+?)(?: *<[^`]*>)?`"): r"\1",
    re.compile(r"\[([^\]]+)\]\([^)]+\)"): r"\1",
}
STYLE = SHEET + "article { break-before: page; } article:first-of-type { break-before: auto; }\n"

markdown = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(
        dollarmath_plugin,
        renderer=lambda tex, options: mathml(tex, display=options["display_mode"]),
        label_normalizer=str,
    )
)


@dataclass
class Exercise:
    """An exercise, and its solution as pieces of HTML: text, code, and what the check printed."""

    title: str
    task: str
    solution: list[str] = field(default_factory=list)


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """Return the exercises of an executed chapter with their solutions."""
    found: list[Exercise] = []
    within = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            start = 0
            for directive in DIRECTIVE.finditer(cell.source):
                if within and (text := cell.source[start : directive.start()].strip()):
                    found[-1].solution.append(rendered(text))
                start = directive.end()
                if directive[1] == "exercise":
                    title, _, text = directive[2].partition("\n")
                    found.append(Exercise(title.strip(), rendered(re.sub(r"^:.*\n", "", text, flags=re.MULTILINE))))
                else:
                    within = directive[1] == "solution-start"
            if within and (text := cell.source[start:].strip()):
                found[-1].solution.append(rendered(text))
        elif within and tagged(cell, "solution"):
            found[-1].solution.append(f"<pre><code>{html.escape(cell.source)}</code></pre>")
        elif within and tagged(cell, "check"):
            shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            found[-1].solution.append(f'<pre class="quiet">{html.escape("".join(shown).strip())}</pre>')
    return found


def quiz(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """Return each question of the quiz with its right answer and the reason."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [
        (rendered(question), inline(html.unescape(answer)), rendered(reason))
        for question, answers in QUESTION.findall(text)
        for answer, reason in RIGHT.findall(answers)
    ]


def rendered(text: str) -> str:
    """Return Markdown of a chapter as HTML.

    >>> rendered("By {eq}`slope-5`, see [the page](x).")
    '<p>By (slope-5), see the page.</p>\\n'
    """
    for role, words in ROLES.items():
        text = role.sub(words, text)
    return str(markdown.render(text))


def in_order() -> list[Path]:
    """Return the sources of all chapters in the order of the book."""
    contents = (pairs.BOOK / "_toc.yml").read_text(encoding="utf-8")
    return [pairs.find(name) for name in re.findall(r"file: (\S+)", contents)]


def answer_key(sources: list[Path] | None = None) -> str:
    """Return the key to the exercises and quizzes of these chapters, by default of all."""
    articles = []
    for source in in_order() if sources is None else sources:
        notebook = nbformat.read(snapshot_of(source), as_version=4)
        solved, asked = exercises(notebook), quiz(notebook)
        if not solved and not asked:
            continue
        title = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)
        shown = [f"<h1>{inline(title[1]) if title else name_of(source)}</h1>"]
        for number, exercise in enumerate(solved, 1):
            shown.append(f"<section><h2>Exercise {number}. {inline(exercise.title)}</h2>{exercise.task}")
            shown.append(f"<h3>Solution</h3>{''.join(exercise.solution)}</section>")
        for number, (question, answer, reason) in enumerate(asked, 1):
            shown.append(f"<section><h2>Quiz, question {number}</h2>{question}<p><strong>{answer}</strong></p>{reason}")
            shown.append("</section>")
        articles.append(f"<article>{''.join(shown)}</article>")
    note = '<p class="quiet">For teachers. The student edition has the same exercises, left blank. Text: CC BY 4.0.</p>'
    return page("Answer key", f"{note}\n" + "\n".join(articles), STYLE)
