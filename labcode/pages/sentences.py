"""Sentences about numbers: text, numbers, and the conditions under which the text is true, in one call.

How a chapter uses them
-----------------------
Read the runs, then say what they show. The numbers come from `labcode.study.results` or from a claim's decision, by
name; the text names them in braces; each condition is a Python expression in the same names:

>>> from labcode.study import results
>>> from labcode.study.ablation import STAGES
>>> one, two, three = results(STAGES).values()
>>> say(
...     "A second stage lowers the best validation error by {gain:.2f} points, and does so in every seed.",
...     "gain.lowest > 0",
...     gain=one.validation.best - two.validation.best,
... )
A second stage lowers the best validation error by 0.83 points, and does so in every seed.
>>> say(
...     "A third stage changes it by {change} points; a gain of 0.2 points is excluded.",
...     "change.low > -0.2",
...     change=three.validation.best - two.validation.best,
... )
A third stage changes it by +0.08 (-0.08 to +0.23) points; a gain of 0.2 points is excluded.

A page shows the sentence as Markdown. When a record changes, either the printed number changes, which re-executing the
page reports, or a condition fails, and the page stops with a message that names the sentence, the condition and the
numbers in it. Use a condition for every word that no printed number carries: "every", "less than half", "excluded".

- A condition on an array, such as ``lead.epochs(8, 17) > 0``, must hold for all of its elements.
- Give each sentence its own call and join them with `paragraph`, so that a failure names the one sentence.
- Tag the cell ``remove-input`` if it holds sentences alone, ``hide-input`` if a reader may want to see how its numbers
  are computed. Prose that no record could contradict stays in Markdown.
- Text is Markdown. Write literal braces twice, as in `str.format`.
"""

import ast
import inspect
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labcode.errors import LabcodeError


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
    text : Markdown, with fields as in `str.format`: ``{gain:.2f}``. Indentation common to its lines is removed.
    conditions : Python expressions in the names of the values; all of them must be true.
    values : the numbers, by the names that text and conditions use.

    Raises
    ------
    SentenceError : a condition does not hold, or uses a name without a value; a value that nothing uses; a text that
        nothing could ever contradict, since it has neither a number nor a condition.

    >>> say("SGD misreads {wrong} images, fewer than ten.", "wrong < 10", wrong=7)
    SGD misreads 7 images, fewer than ten.
    >>> say("SGD misreads fewer than ten images.", "wrong < 10", wrong=12)
    Traceback (most recent call last):
    ...
    labcode.pages.sentences.SentenceError: This no longer holds: "SGD misreads fewer than ten images."
    It requires wrong < 10, but wrong is 12.
    """
    text = inspect.cleandoc(text)
    fields = {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    _refuse_what_cannot_fail(text, fields, conditions, values)
    broken = [reason for condition in conditions if (reason := _broken(text, condition, values))]
    if broken:
        raise SentenceError(f'This no longer holds: "{_filled(text, values)}"\n' + "\n".join(broken))
    return Sentence(_filled(text, values))


def paragraph(*sentences: Sentence | str) -> Sentence:
    """Return several sentences as one paragraph.

    >>> paragraph(say("One is {one}.", one=1), "Nothing else is known.")
    One is 1. Nothing else is known.
    """
    return Sentence(" ".join(inspect.cleandoc(str(each)) for each in sentences))


def _refuse_what_cannot_fail(text: str, fields: set[str], conditions: tuple[str, ...], values: Mapping) -> None:
    for condition in conditions:
        try:
            ast.parse(condition, mode="eval")
        except SyntaxError as error:
            raise SentenceError(
                f'The condition {condition!r} of "{text}" is not a Python expression: {error}.'
            ) from None
    if not conditions and not fields:
        raise SentenceError(f'"{text}" has no number and no condition; write it as plain Markdown.')
    used = fields.union(*map(_names, conditions))
    if unknown := sorted(used - set(values) - set(_BUILTINS)):
        raise SentenceError(
            f'{unknown[0]!r} is used in "{text}" but has no value; given are: {", ".join(values) or "none"}.'
        )
    if unused := sorted(set(values) - used):
        raise SentenceError(f'{unused[0]!r} is used neither in "{text}" nor in one of its conditions.')


_BUILTINS = {each.__name__: each for each in (abs, all, any, len, list, max, min, range, round, set, sorted, sum, zip)}
"""What conditions may call besides the methods of their values."""


def _names(condition: str) -> set[str]:
    tree = ast.parse(condition, mode="eval")
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - bound


def _evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    return eval(expression, {"__builtins__": _BUILTINS, **values})


def _broken(text: str, condition: str, values: Mapping[str, Any]) -> str:
    """What is wrong with a condition, with the numbers in it; nothing if it holds."""
    try:
        if np.all(_evaluate(condition, values)):
            return ""
    except Exception as error:
        raise SentenceError(f'The condition {condition!r} of "{text}" cannot be evaluated: {error}.') from error
    found = "; ".join(f"{part} is {_evaluate(part, values)!r}" for part in _parts(condition, values))
    return f"It requires {condition}, but {found}."


def _parts(condition: str, values: Mapping[str, Any]) -> list[str]:
    """The parts of a condition that stand for a number: each value with what is read off it, such as ``gain.low``."""
    found: dict[str, None] = {}

    def collect(node: ast.AST) -> None:
        names = _names(ast.unparse(node)) if isinstance(node, ast.expr) else set()
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript) and names and names <= set(values):
            found[ast.unparse(node)] = None
            return
        for child in ast.iter_child_nodes(node):
            collect(child)

    collect(ast.parse(condition, mode="eval").body)
    return list(found)


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return _Text().format(text, **values)


class _Text(string.Formatter):
    """Like `str.format`, except that what rounds to zero is not printed as -0.00."""

    def format_field(self, value: Any, format_spec: str) -> str:
        shown = format(value, format_spec)
        return format(0.0, format_spec) if shown.startswith("-") and not shown.strip("-0.") else shown
