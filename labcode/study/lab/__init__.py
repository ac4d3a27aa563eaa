"""The lab's questions, one module each: levels, claims with their rules, and the page of the book that answers.

Every module in this folder counts, so a file adds a question. It declares SECTION, that of the lab, and ABLATIONS,
CLAIMS or both.
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from labcode.study.ablation import Ablation
from labcode.study.claim import AS_STATED, Claim
from labcode.study.experiment import Experiment
from labcode.study.studies import STUDY_1, Study


def _order(question: Any) -> list[int]:
    """As numbers, so that 2.4.10 comes after 2.4.2."""
    return [int(number) for number in question.SECTION.split(".")]


QUESTIONS = sorted((import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)), key=_order)
"""The modules, in the order of the lab's sections."""

ABLATIONS: dict[str, Ablation] = {
    each.name: each for question in QUESTIONS for each in getattr(question, "ABLATIONS", ())
}
"""By name, in the order of the lab's sections."""

THE_LABS = tuple(ablation for ablation in ABLATIONS.values() if ablation.figures)
"""The lab's own eight, those with a figure in its report."""

CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in sorted(
        (claim for question in QUESTIONS for claim in getattr(question, "CLAIMS", ())), key=lambda claim: claim.id
    )
}
"""By id, C01 to C17."""


def experiments(
    ablations: Iterable[str] | None = None, study: Study = STUDY_1, stage: int | None = None
) -> list[Experiment]:
    """Return every run that decides a claim, as stated or in a check, each once.

    Parameters
    ----------
    ablations : names of those to take; all, if None.
    study, stage : whose runs; without a stage, those of the last.

    >>> len(experiments(["hidden_units"]))  # 4 widths: 8 seeds, and 3 at each of two other learning rates
    56
    """
    stage = (study.stages or (0,))[-1] if stage is None else stage
    return list(
        dict.fromkeys(
            experiment
            for claim in CLAIMS.values()
            for part in claim.parts
            if ablations is None or part.runs(study).name in ablations
            for check in (AS_STATED, *claim.checks_in(study))
            for experiment in check.experiments(part.runs(study), study, stage)
        )
    )
