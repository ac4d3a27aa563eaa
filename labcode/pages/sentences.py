"""Sentences about numbers: text, numbers, and the conditions under which the text is true, in one call.

How a chapter uses them
-----------------------
Read the runs, name the numbers, then say what they show. The text names its numbers in braces, and each condition is a
Python expression; both are evaluated where the call stands, as in `numexpr.evaluate`:

>>> from labcode.study import results
>>> from labcode.study.lab.stages import STAGES
>>> one, two, three = results(STAGES).values()
>>> second = one.validation.best - two.validation.best
>>> third = two.validation.best - three.validation.best
>>> say("A second stage gains {second:.2f} points, and does so in every seed.", "second.lowest > 0")
A second stage gains 0.83 points, and does so in every seed.
>>> say("A third one gains {third}: its sign is open.", "third.low < 0 < third.high")
A third one gains −0.08 (−0.40 to +0.25): its sign is open.

A page shows the sentence as Markdown. When a record changes, either a printed number changes, which re-executing the
page reports, or a condition fails, and the page stops with a message that names the sentence, the condition, and the
numbers in it. Add a condition for every word that no printed number carries: "every", "less than half", "open".

- `say` a sentence that prints numbers, and `expect` one that stands in the Markdown beside the cell.
- Give each sentence its own call and join them with `paragraph`, so that a failure names the one sentence.
- A condition on an array, such as ``lead.epochs(8, 17) > 0``, must hold for all of its elements.
- Tag the cell ``hide-input``. Write literal braces twice, as in an f-string.
"""

import ast
import inspect
import re
import string
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labcode.errors import LabcodeError

Names = Mapping[str, Any]


class SentenceError(LabcodeError, AssertionError):
    """A sentence does not follow from the numbers, or cannot be checked."""


@dataclass(frozen=True)
class Sentence:
    """Checked text, which a notebook shows as Markdown and a terminal as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def say(text: str, *conditions: str, **values: Any) -> Sentence:
    """Return ``text`` with its numbers, provided that all conditions hold.

    Parameters
    ----------
    text : Markdown with expressions in braces, each with its format, such as ``{gain:.2f}``. Indentation that all
        lines share is removed.
    conditions : Python expressions, all of which must be true.
    values : names for text and conditions, in addition to those of the caller.

    Raises
    ------
    SentenceError : a condition does not hold, or an expression cannot be evaluated; or nothing could contradict the
        text, because it has neither a number nor a condition.

    >>> say("SGD misclassifies {wrong} images, fewer than ten.", "wrong < 10", wrong=7)
    SGD misclassifies 7 images, fewer than ten.
    >>> say("SGD misclassifies fewer than ten images.", "wrong < 10", wrong=12)
    Traceback (most recent call last):
    ...
    labcode.pages.sentences.SentenceError: This no longer holds: "SGD misclassifies fewer than ten images."
    It requires wrong < 10, but wrong is 12.
    """
    return _checked(text, conditions, values)


def expect(text: str, *conditions: str, **values: Any) -> None:
    """Check a sentence that the page says in its own words, and show nothing.

    Parameters
    ----------
    text : the sentence, possibly shortened; the error quotes it.
    conditions, values : as in `say`.

    Raises
    ------
    SentenceError : as in `say`.

    >>> expect("fewer than ten errors", "wrong < 10", wrong=7)
    """
    _checked(text, conditions, values)


def paragraph(*sentences: Sentence | str) -> Sentence:
    """Return several sentences as one paragraph.

    >>> paragraph(say("One is {one}.", one=1), "That is all.")
    One is 1. That is all.
    """
    return Sentence(" ".join(inspect.cleandoc(str(each)) for each in sentences))


def answer(*sentences: Sentence | str) -> Sentence:
    """Return several sentences as the answer that a page opens with; the book's style sheet sets it apart.

    >>> answer(say("One is {one}.", one=1))
    :::{div} answer
    One is 1.
    :::
    """
    return Sentence(f":::{{div}} answer\n{paragraph(*sentences)}\n:::")


def minus(text: str) -> str:
    """Return text whose negative numbers have a minus sign in place of the hyphen.

    >>> minus("-0.08 (-0.40 to +0.25), well-known, 1e-06, seed-1")
    '−0.08 (−0.40 to +0.25), well-known, 1e-06, seed-1'
    """
    return re.sub(r"(?<![\w./-])-(?=\d)", "−", text)


def _checked(text: str, conditions: tuple[str, ...], values: Names) -> Sentence:
    text = inspect.cleandoc(text)
    if not conditions and all(field is None for _, field, _, _ in string.Formatter().parse(text)):
        raise SentenceError(f'"{text}" has no number and no condition; write it as plain Markdown.')
    caller = inspect.currentframe().f_back.f_back  # type: ignore[union-attr]  # CPython has frames
    names = ChainMap({**values}, caller.f_locals, caller.f_globals)  # type: ignore[union-attr]
    try:
        broken = [condition for condition in conditions if not np.all(_evaluate(condition, names))]
        filled = _Text(names).format(text)
    except Exception as error:
        raise SentenceError(f'"{text}" cannot be checked: {type(error).__name__}: {error}.') from error
    if broken:
        reasons = [f"It requires {condition}, but {_found(condition, names)}." for condition in broken]
        raise SentenceError("\n".join([f'This no longer holds: "{filled}"', *reasons]))
    return Sentence(filled)


def _evaluate(expression: str, names: Names) -> Any:
    # One mapping as globals, since comprehensions do not see the locals of eval.
    return eval(expression, dict(names))


def _found(condition: str, names: Names) -> str:
    """The numbers in a condition, such as "gain.low is 0.1": each name with what the condition reads off it."""
    found: dict[str, str] = {}
    tree = ast.parse(condition, mode="eval").body
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def collect(node: ast.AST) -> None:
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            if used and all(name in names and name not in bound for name in used):
                found[ast.unparse(node)] = repr(_evaluate(ast.unparse(node), names))
                return
        for child in ast.iter_child_nodes(node):
            collect(child)

    collect(tree)
    return "; ".join(f"{expression} is {value}" for expression, value in found.items()) or "it is false"


class _Text(string.Formatter):
    """`str.format` with expressions in the braces; no number prints as -0.00, and none with a hyphen for its minus."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return _evaluate(field_name, self.names), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        shown = format(value, format_spec)
        return format(0.0, format_spec) if shown.startswith("-") and not shown.strip("-0.") else minus(shown)
