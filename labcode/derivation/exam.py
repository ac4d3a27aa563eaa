"""Exam questions in many variants, drawn by a seed, with answers that are proved when the exam is made.

The variants of a question differ in their functions and not only in their numbers: an answer that was learned by heart
answers another variant. :mod:`labcode.pages.exam` prints the sheets.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from labcode.checks import whole_number
from labcode.derivation import exam_numbers, exam_sums
from labcode.derivation.exam_variant import ExamQuestion, Variant

VERSIONS = "ABC"


@dataclass(frozen=True)
class Exam:
    """A drawn exam. Only :func:`draw_exam` makes one.

    Attributes
    ----------
    seed : that it was drawn by.
    questions : each question with one variant per version of the sheet.
    """

    seed: int
    questions: tuple[tuple[ExamQuestion, tuple[Variant, ...]], ...]


def draw_exam(seed: int) -> Exam:
    """Draw three variants of each question and prove their answers.

    Raises
    ------
    DerivationError : an answer is not proved, or a wrong one is not refuted.
    ValueError : the seed is not a whole number of at least 0.

    >>> [question.title for question, _ in draw_exam(1).questions]
    ['One function', 'Softmax and its relatives', 'Maximum and minimum', 'Output and loss', 'A layer']
    """
    draw = random.Random(whole_number("seed", seed, at_least=0))
    drawn = tuple(
        (question, tuple(draw.sample(list(question.variants(draw)), len(VERSIONS)))) for question in QUESTIONS
    )
    for _, variants in drawn:
        for variant in variants:
            _ = variant.solution  # raises unless everything is proved
    return Exam(seed, drawn)


def output_and_loss(draw: random.Random) -> Iterator[Variant]:
    """The error at the input of an output layer with its loss."""
    yield from exam_numbers.one_output()
    yield from exam_sums.several_outputs()


QUESTIONS = (
    ExamQuestion(
        "One function",
        "A layer computes its output from its input, and an error $E$ is computed from the output.",
        exam_numbers.one_function,
    ),
    ExamQuestion(
        "Softmax and its relatives",
        "A layer has $n$ inputs. You may write $\\delta_{ij}$: it is 1 if $i$ and $j$ are equal, otherwise 0.",
        exam_sums.relatives_of_softmax,
    ),
    ExamQuestion(
        "Maximum and minimum",
        "A graph has two inputs, and an error $E$ is computed from $y$. No two values in it are equal.",
        exam_numbers.maximum_and_minimum,
    ),
    ExamQuestion("Output and loss", "The last layer of a network and its loss.", output_and_loss),
    ExamQuestion(
        "A layer",
        "A layer has the outputs $y_i$. The errors at them, $g_i$, are known; they are added up.",
        exam_sums.layer,
    ),
)
