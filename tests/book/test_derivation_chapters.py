"""Every "=" that a reader sees in Part I is a step that was checked.

Prose is read from the source, chains from the snapshot, which `pytest --nbval` compares with a fresh execution. An
equals sign may occur only

* in a chain displayed by `labcode.derivation.derive`, exactly once per step;
* in a definition, written ":=";
* in an inline condition between two names or a name and a number, as in "i = j".

Any other is an unchecked step and fails the test.
"""

import json
import re
from pathlib import Path

import pytest

PART = Path(__file__).parents[2] / "book" / "backprop"
CHAPTERS = sorted(PART.glob("*.md"))

#: One symbol, with or without an index: x, x_1, x_{\mathrm{in}}, \beta, |x|; or a number; or \pm of it.
NAME = r"(?:\\?[A-Za-z]+(?:_(?:\w|\\\w+|\{[^{}]*(?:\{[^{}]*\})?\}))?|-?\d+(?:\.\d+)?)"
CONDITION = re.compile(rf"^\s*{NAME}(?:\s*,\s*{NAME})*\s*=\s*{NAME}(?:,\s*\\dots,\s*{NAME})?\s*$")
DISPLAY = re.compile(r"\$\$(.+?)\$\$|\\begin\{(?:align|equation|gather)\*?\}(.+?)\\end|```\{math\}(.+?)```", re.DOTALL)
INLINE = re.compile(r"(?<![\\$])\$(?!\$)([^$]+?)(?<!\\)\$|\{math\}`([^`]+)`")
HEADER = re.compile(r"^([\w-]+): (\d+) steps?, each proved, then compared to 50 digits at (\d+) points or more$")
BLOCK = re.compile(r"\$\$\n(.+?)\n\$\$ \(([\w-]+)\)", re.DOTALL)


def unchecked_in_prose(markdown: str) -> list[str]:
    """Formulas in prose with an equals sign that is neither in a definition nor in a condition."""
    prose = re.sub(r"^```\{code-cell\}.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    found = []
    for match in DISPLAY.finditer(prose):
        formula = next(group for group in match.groups() if group is not None)
        if "=" in formula.replace(":=", ""):
            found.append(formula.strip())
    for match in INLINE.finditer(DISPLAY.sub("", prose)):
        formula = next(group for group in match.groups() if group is not None)
        if "=" in formula.replace(":=", "") and not CONDITION.match(formula):
            found.append(formula.strip())
    return found


def outputs(snapshot: Path) -> list[dict]:
    cells = json.loads(snapshot.read_text(encoding="utf-8"))["cells"]
    return [o for cell in cells if cell["cell_type"] == "code" for o in cell["outputs"] if "data" in o]


def joined(data: dict, kind: str) -> str:
    return "".join(data.get(kind, ""))


def unchecked_in_output(data: dict) -> list[str]:
    """Formulas in one output that do not belong to a checked chain."""
    if joined(data, "text/latex"):
        return [joined(data, "text/latex")]
    shown = joined(data, "text/markdown")
    header = HEADER.match(joined(data, "text/plain").split("\n")[0])
    if not header:
        return unchecked_in_prose(shown)
    name, steps = header[1], int(header[2])
    blocks = BLOCK.findall(shown)
    expected = [f"{name}-{number}" for number in range(steps + 1)]
    found = unchecked_in_prose(BLOCK.sub("", shown))
    if [label for _, label in blocks] != expected:
        found.append(f"{name}: {len(blocks)} formulas for {steps} steps")
    for number, (formula, label) in enumerate(blocks):
        # The start has no "="; every step begins with its only one. The limits of sums do not count.
        bare = re.sub(r"_\{[^{}]*=[^{}]*\}", "", formula)
        if bare.count("=") != (number > 0) or (number > 0 and not bare.startswith("= ")):
            found.append(f"{label}: {formula}")
    return found


def chains(chapter: str) -> dict[str, list[str]]:
    """The expressions of each chain in a chapter's snapshot as plain text, by the name of the chain."""
    found = {}
    for output in outputs(PART / f"{chapter}.ipynb"):
        first, *lines = joined(output["data"], "text/plain").split("\n")
        if header := HEADER.match(first):
            shown = [re.sub(r"^(?:\(\d+\) =|     ) ", "", line).split("    ")[0].strip() for line in lines]
            assert header[1] not in found, f"{chapter}: two chains are named {header[1]}"
            found[header[1]] = shown
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_equals_sign_in_prose_is_unchecked(chapter):
    assert unchecked_in_prose(chapter.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_equals_sign_in_output_is_unchecked(chapter):
    for output in outputs(chapter.with_suffix(".ipynb")):
        assert unchecked_in_output(output["data"]) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_words_beside_steps_hide_no_equals_sign(chapter):
    """The words of a step are strings in a code cell, but readers see them in the output."""
    for output in outputs(chapter.with_suffix(".ipynb")):
        words = BLOCK.sub("", joined(output["data"], "text/markdown"))
        assert unchecked_in_prose(words) == []


TOTAL = "Sum(exp(Z[k]), (k, 1, n))"

#: The lab's own chains: their expressions must occur in this order within the chain of that name.
LAB = {
    "logistic": {
        "logistic": [
            "∂E/∂x_in",
            "∂E/∂x_out·∂x_out/∂x_in",
            "∂E/∂x_out·∂σ(x_in)/∂x_in",
            "∂E/∂x_out·(1 - σ(x_in))·σ(x_in)",
            "∂E/∂x_out·(1 - x_out)·x_out",
        ],
    },
    "softmax": {
        "same": [
            "∂p[i]/∂Z[i]",
            f"∂[exp(Z[i])/{TOTAL}]/∂Z[i]",
            f"(exp(Z[i])·{TOTAL} - exp(Z[i])·exp(Z[i]))/{TOTAL}**2",
            f"exp(Z[i])/{TOTAL} - (exp(Z[i])/{TOTAL})**2",
            "p[i] - p[i]**2",
            "p[i]·(1 - p[i])",
        ],
        "other": [
            "∂p[i]/∂Z[j]",
            f"∂[exp(Z[i])/{TOTAL}]/∂Z[j]",
            f"exp(Z[i])·∂[1/{TOTAL}]/∂Z[j]",
            f"exp(Z[i])·(-exp(Z[j])/{TOTAL}**2)",
            f"-(exp(Z[i])/{TOTAL})·(exp(Z[j])/{TOTAL})",
            "-p[i]·p[j]",
        ],
        "answersame": ["∂p[i]/∂X[i]", "∂p[i]/∂Z[i]·∂Z[i]/∂X[i]", "p[i]·(1 - p[i])·(-β)"],
        "answerother": ["∂p[i]/∂X[j]", "∂p[i]/∂Z[j]·∂Z[j]/∂X[j]", "-p[i]·p[j]·(-β)", "β·p[i]·p[j]"],
    },
    "max_min": {
        "maxmin": [
            "∂E/∂x1",
            "∂E/∂y·∂y/∂x1",
            "∂E/∂y·∂[σ(x1) + σ(x2)]/∂x1",
            "∂E/∂y·(1 - σ(x1))·σ(x1)",
        ],
        "maxminsecond": [
            "∂E/∂x2",
            "∂E/∂y·∂y/∂x2",
            "∂E/∂y·∂[σ(x1) + σ(x2)]/∂x2",
            "∂E/∂y·(1 - σ(x2))·σ(x2)",
        ],
    },
}


@pytest.mark.parametrize(("chapter", "name"), [(c, n) for c in LAB for n in LAB[c]])
def test_the_page_contains_the_labs_chain_complete_and_in_order(chapter, name):
    rest = iter(chains(chapter)[name])
    missing = [expression for expression in LAB[chapter][name] if expression not in rest]
    assert missing == []


def test_names_of_chains_are_unique_in_the_book():
    """They label its equations."""
    names = [name for chapter in CHAPTERS for name in chains(chapter.stem)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_chains_mistakes_and_exercises(chapter):
    source = chapter.read_text(encoding="utf-8")
    assert len(chains(chapter.stem)) >= 2
    assert source.count("except DerivationError as error:") + source.count("except GradientError as error:") >= 3
    assert len(re.findall(r"^```\{exercise\}", source, re.MULTILINE)) >= 3
    assert len(re.findall(r"^:tags: \[solution\]", source, re.MULTILINE)) >= 3
    assert "## Run it again" in source


# The functions above find what they are looking for


@pytest.mark.parametrize(
    "formula",
    [
        "So $$a = b + c$$ holds.",
        "Inline $\\sigma'(x) = \\sigma(x)(1 - \\sigma(x))$ counts too.",
        "$$\na &= b \\\\ &= c\n$$ (label)",
        "{math}`f(x) = 0` as a role",
        "\\begin{align} a &= b \\end{align}",
        "```{math}\na = b + 1\n```",
        "A definition and a step, $a := b = c + 1$.",
        "A chain of names, $a = b = c$.",
    ],
)
def test_an_unchecked_step_is_found(formula):
    assert unchecked_in_prose(formula)


@pytest.mark.parametrize(
    "allowed",
    [
        "$x_{\\mathrm{out}} := \\sigma(x_{\\mathrm{in}})$",
        "where $i = j$ and $x_1 = x_2$, $\\beta = 0$, $n = 2, \\dots, 6$",
        "$$f(x) := 2x$$",
        "code `a = b + c` is no formula",
        "```{code-cell} ipython3\na = b + c\nc = '$a = b + c$'\n```",
    ],
)
def test_definitions_and_conditions_are_allowed(allowed):
    assert unchecked_in_prose(allowed) == []


def test_a_forged_chain_is_found():
    plain = "q: 1 step, each proved, then compared to 50 digits at 16 points or more\n"
    good = "$$\na\n$$ (q-0)\n\n$$\n= b\n$$ (q-1)\n\n*rule*\n"
    assert unchecked_in_output({"text/plain": plain, "text/markdown": good}) == []
    for forged in (
        good.replace("= b", "= b = c"),
        good + "\n$$\n= c\n$$ (q-2)\n",
        good.replace("*rule*", "*rule*: since $b = c + 1$"),
        good.replace("a\n", "a = a'\n"),
    ):
        assert unchecked_in_output({"text/plain": plain, "text/markdown": forged})
    assert unchecked_in_output({"text/plain": "no chain", "text/markdown": good})
    assert unchecked_in_output({"text/plain": "x", "text/latex": "$a$"})
