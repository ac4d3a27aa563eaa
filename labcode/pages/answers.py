"""The answer of a chapter on a claim, whatever the outcome: in one sentence, and what it means."""

from collections.abc import Mapping

from labcode.pages.outcomes import effect, whose
from labcode.pages.sentences import Sentence, say
from labcode.study.claim import Decision
from labcode.study.outcomes import Outcome
from labcode.study.samples import Sample

SHORT = {
    Outcome.REPRODUCED: "Yes",
    Outcome.RIGHT_BUT_SMALL: "Yes, but by less than matters",
    Outcome.PARTLY: "In part",
    Outcome.NO_DIFFERENCE: "No, the difference is too small to matter",
    Outcome.REVERSED_BUT_SMALL: "No, it is slightly the other way round",
    Outcome.REVERSED: "No, it is the other way round",
    Outcome.OPEN: "That is still open",
    Outcome.PENDING: "That is not known yet",
}

MEANING = {
    Outcome.REPRODUCED: "every comparison has the sign that the lab says, and is large enough to matter",
    Outcome.RIGHT_BUT_SMALL: "every comparison has the sign that the lab says, but at least one is too small to matter",
    Outcome.PARTLY: "some parts of the lab's sentence hold; at least one does not, or is open",
    Outcome.NO_DIFFERENCE: "in at least one comparison, any difference is too small to matter",
    Outcome.REVERSED_BUT_SMALL: "at least one comparison has the opposite sign, though the difference is small",
    Outcome.REVERSED: "at least one comparison has the opposite sign, and its difference is large enough to matter",
    Outcome.OPEN: "no comparison is settled against the lab, and the interval of at least one contains both 0 and a "
    "difference that matters",
    Outcome.PENDING: "not all runs are recorded yet",
}
"""What each outcome says of comparisons that must all hold by the usual rule, and of a sentence with several parts."""


def short_answer(question: str, decision: Decision) -> Sentence:
    """Return a question with its answer: the outcome, and the contrast on which it hangs, or what the parts say.

    Parameters
    ----------
    question : to which the lab's sentence says yes.
    decision : that is not pending.

    >>> from labcode.study import CLAIMS
    >>> short_answer("Is size 7 best?", CLAIMS["C13"].decide())
    Is size 7 best? **That is still open**: *7 below 5* is +0.05 (−0.25 to +0.35) points (exploration, 8 seeds).
    """
    if decision.outcome == Outcome.PARTLY:
        found = ", ".join(f"*{finding.part.says}* is {finding.outcome}" for finding in decision.findings)
    else:
        found = f"*{decision.hanging[1]}* is {effect(decision.deciding)}"
    return say(
        "{question} **{short}**: {found} ({study}).",
        short=SHORT[decision.outcome],
        found=found,
        study=whose(
            {"study": decision.study.name, "seeds": decision.deciding.seeds, "registered": decision.registered}
        ),
    )


def meaning(decision: Decision) -> Sentence:
    """Return what the outcome of a claim means, in one sentence.

    Parameters
    ----------
    decision : of a claim that the usual rule decides.

    >>> from labcode.study import CLAIMS
    >>> meaning(CLAIMS["C01"].decide())
    **Reproduced**: every comparison has the sign that the lab says, and is large enough to matter.
    """
    return say("**{word}**: {means}.", word=decision.outcome.words.capitalize(), means=MEANING[decision.outcome])


def ranked(samples: Mapping[str, Sample]) -> str:
    """Return the means of errors by level, from the lowest.

    >>> import numpy as np
    >>> ranked({"wide": Sample(np.array([2.0, 2.0])), "narrow": Sample(np.array([1.0, 1.0]))})
    '1.00% with narrow, 2.00% with wide'
    """
    ordered = sorted(samples.items(), key=lambda level: level[1].mean)
    return ", ".join(f"{sample:.2f}% with {label}" for label, sample in ordered)
