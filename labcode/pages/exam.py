"""The exam on paper: a sheet for each version, and the key."""

from pathlib import Path

from sympy import Expr

from labcode.derivation.exam import VERSIONS, Exam
from labcode.derivation.exam_variant import ExamQuestion, Variant
from labcode.derivation.printing import latex
from labcode.files import write_whole
from labcode.pages.mathml import SHEET, inline, mathml, page

STYLE = (
    SHEET
    + """\
.sheet { break-before: page; } .sheet:first-of-type { break-before: auto; }
.name { display: flex; gap: 2rem; } .name span { flex: 1; border-bottom: 1px solid var(--line); }
.answer { height: 6.5rem; border: 1px solid var(--line); border-radius: 4px; margin: 0.5rem 0 1rem; }
.given { list-style: none; padding-left: 1.5rem; margin: 0.3rem 0; }
"""
)


def write_exam(exam: Exam, folder: Path) -> list[Path]:
    """Write the sheets and the key as two files; return their paths."""
    files = {f"exam-{exam.seed}.html": sheets(exam), f"exam-{exam.seed}-key.html": key(exam)}
    for name, text in files.items():
        write_whole(folder / name, text)
    return [folder / name for name in files]


def sheets(exam: Exam) -> str:
    """Return the sheets of all versions, each on pages of its own."""
    body = []
    for place, version in enumerate(VERSIONS):
        body.append(
            f'<article class="sheet"><h1>Exam on backpropagation, version {version}</h1>'
            '<p class="name">Name: <span></span> Date: <span></span></p>'
        )
        for number, (question, variants) in enumerate(exam.questions, 1):
            asked = _asked(question, variants[place])
            body.append(f'<section><h2>{number}. {question.title}</h2>{asked}<div class="answer"></div></section>')
        body.append(f'<p class="quiet">Sheet {exam.seed}{version}</p></article>')
    return page(f"Exam {exam.seed}", "\n".join(body), STYLE)


def key(exam: Exam) -> str:
    """Return the answers: the model solution of each variant, and answers that are wrong."""
    body = [
        f"<h1>Key to exam {exam.seed}</h1>",
        "<p>Every equality below was proved, and compared to 50 digits at random points, when this key was made; each "
        "wrong answer was refuted at one of them. Another form of the answer is right if it is equal.</p>",
    ]
    for place, version in enumerate(VERSIONS):
        body.append(f'<article class="sheet"><h1>Version {version}</h1>')
        for number, (question, variants) in enumerate(exam.questions, 1):
            variant = variants[place]
            wrong = "".join(
                f"<tr><td>{name}</td><td>{mathml(latex(answer))}</td></tr>" for name, answer in variant.wrong.items()
            )
            body.append(
                f"<section><h2>{number}. {question.title}: {variant.name}</h2>{_asked(question, variant)}"
                f"<h3>Answer</h3>{_solved(variant)}<h3>Wrong</h3><table>{wrong}</table></section>"
            )
        body.append("</article>")
    return page(f"Key to exam {exam.seed}", "\n".join(body), STYLE)


def _asked(question: ExamQuestion, variant: Variant) -> str:
    given = "".join(
        f"<li>{mathml(f'{latex(name)} := {latex(meaning)}')}</li>" for name, meaning in variant.given.items()
    )
    return (
        f'<p>{inline(question.words)} Given is:</p><ul class="given">{given}</ul>'
        f"<p>Write {mathml(latex(variant.sought))} in terms of {_listed(variant.terms)}.</p>"
    )


def _solved(variant: Variant) -> str:
    rows = [f"<tr><td>{mathml(latex(variant.sought))}</td><td></td></tr>"]
    for step in variant.solution.steps:
        rule = inline(f"{step.rule}: {step.words}" if step.words else step.rule)
        rows.append(f'<tr><td>{mathml(f"= {latex(step.expression)}")}</td><td class="quiet">{rule}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def _listed(terms: tuple[Expr, ...]) -> str:
    *most, last = [mathml(latex(term)) for term in terms]
    return f"{', '.join(most)} and {last}" if most else last
