"""The answer of a chapter follows the outcome."""

from dataclasses import replace

import pytest

from labcode.pages import meaning, short_answer
from labcode.pages.answers import MEANING, SHORT
from labcode.study import CLAIMS
from labcode.study.outcomes import Outcome
from labcode.study.statistics import decide
from labcode.study.studies import STUDY_2


def imagined(values):
    """C13 as study 2 would decide it from the same contrasts."""
    explored = CLAIMS["C13"].decide()
    findings = [replace(each, verdicts=dict.fromkeys(each.verdicts, decide(values))) for each in explored.findings]
    return replace(explored, findings=tuple(findings), study=STUDY_2)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([0.5, 0.6, 0.7], Outcome.REPRODUCED),
        ([0.1, 0.11, 0.12], Outcome.RIGHT_BUT_SMALL),
        ([-0.02, 0.0, 0.02], Outcome.NO_DIFFERENCE),
        ([-0.12, -0.11, -0.1], Outcome.REVERSED_BUT_SMALL),
        ([-0.7, -0.6, -0.5], Outcome.REVERSED),
        ([-0.7, 0.1, 0.8], Outcome.OPEN),
    ],
)
def test_the_answer_is_that_of_the_outcome(values, outcome):
    said = short_answer("Is 7 best?", imagined(values)).text
    assert said.startswith(f"Is 7 best? **{SHORT[outcome]}**: *7 below ")
    assert said.endswith("(study 2, 3 of 64 seeds).")
    assert meaning(imagined(values)).text == f"**{outcome.words.capitalize()}**: {MEANING[outcome]}."


def test_of_a_sentence_that_holds_in_part_each_part_is_told():
    said = short_answer("All of it?", CLAIMS["C17"].decide()).text
    assert (
        "**In part**: *as accurate on the training set* is reproduced, *as accurate on the test set* is open (" in said
    )


def test_every_outcome_has_words_of_its_own():
    assert set(SHORT) == set(MEANING) == set(Outcome)
    assert len(set(SHORT.values())) == len(set(MEANING.values())) == len(Outcome)
