"""Questions with a right answer and plausible wrong ones, each with the thought that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Expr

from labcode.checks import instance_of
from labcode.derivation.chain import DerivationError, Step, derive
from labcode.derivation.printing import latex, latex_lines, text


@dataclass(frozen=True)
class Question:
    """A question with its right answer and with wrong ones.

    Attributes
    ----------
    title : what is differentiated.
    start : the expression to be written in another way.
    answer : the right answer.
    wrong : by the name of the mistake, the wrong answer and the thought that leads to it.
    definitions, distinct : as in :func:`labcode.derivation.derive`.
    """

    title: str
    start: Expr
    answer: Expr
    wrong: Mapping[str, tuple[Expr, str]]
    definitions: Mapping = field(default_factory=dict)
    distinct: tuple = ()

    def check(self, answer: Expr, rule: str = "answer") -> None:
        """Prove an answer.

        Raises
        ------
        DerivationError : it is wrong, with a point where it is.
        """
        derive(self.title, self.start, Step(answer, rule), definitions=self.definitions, distinct=self.distinct)


@dataclass(frozen=True)
class Refusals:
    """A question and, by the name of each mistake, the sentence that refuses it. Only :func:`refuse` makes one."""

    question: Question
    sentences: Mapping[str, str]

    def __repr__(self) -> str:
        asked = self.question
        lines = [f"{asked.title}: {text(asked.start)} is {text(asked.answer)}, proved"]
        for name, (answer, thought) in asked.wrong.items():
            lines += [f"  {name}: {text(answer)}", f"    thought: {thought}", f"    refused: {self.sentences[name]}"]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        asked = self.question
        blocks = [f"$$\n{latex_lines(asked.answer)}\n$$", f"*Right, and proved,* for ${latex(asked.start)}$."]
        for name, (answer, thought) in asked.wrong.items():
            blocks.append(f"**{name[0].upper()}{name[1:]}.** “{thought}”")
            blocks.append(f"$$\n{latex_lines(answer)}\n$$")
            blocks.append(f"*Refused:* {self.sentences[name]}")
        return "\n\n".join(blocks) + "\n"


def refuse(question: Question) -> Refusals:
    """Prove the right answer to a question, and refuse the wrong ones, each with a point where it is wrong.

    Raises
    ------
    DerivationError : the right answer is not proved, or a wrong one is not refuted.

    >>> from labcode.derivation import QUESTIONS
    >>> print(refuse(QUESTIONS["dropout"]).sentences["mask forgotten"])
    At j = 1, n = 2, f_1 = -3.26584, g_1 = -1.51688 the left side is 4.95388, the right side -1.51688.
    """
    instance_of("question", question, Question)
    question.check(question.answer)
    sentences = {}
    for name, (answer, _) in question.wrong.items():
        try:
            question.check(answer, name)
        except DerivationError as error:
            *_, sentence = str(error).splitlines()
            if "the left side is" in sentence:
                sentences[name] = sentence
                continue
        raise DerivationError(f'The answer "{name}" to the question "{question.title}" is not refuted.')
    return Refusals(question, sentences)
