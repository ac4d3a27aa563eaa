"""Specification curves: a claim decided again under every other choice that could have been made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from labcode.study.checks import RATES
from labcode.study.claim import AS_STATED, Decision, Part
from labcode.study.measures import FAMILIES, Measure, unseen_error, unseen_gap
from labcode.study.outcomes import Outcome, all_hold
from labcode.study.rates import STATED
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.statistics import Verdict

FACTORS = (0.5, 1.0, 2.0)
"""Margins, in those that the measures state."""


@dataclass(frozen=True)
class Specification:
    """One part of a claim under one choice of measure, learning rate and form of the contrast.

    Attributes
    ----------
    part : what it says.
    measure, rate, form : in words; the form is ``"as stated"``, or one of those shown beside.
    stated : whether all three are those of the rule.
    verdicts : of its contrasts, by name.
    """

    part: str
    measure: str
    rate: str
    form: str
    stated: bool
    verdicts: Mapping[str, Verdict]

    @property
    def weakest(self) -> Verdict:
        """The contrast with the smallest effect: it has the effect and the interval to be drawn."""
        return min(self.verdicts.values(), key=lambda verdict: verdict.effect)

    @property
    def outcomes(self) -> dict[float, Outcome]:
        """The outcome at half the margin, at the margin and at twice the margin: the margin moves nothing else."""
        found = self.verdicts.values()
        return {
            factor: Outcome(
                int(all_hold([each.rule(each.effect, each.low, each.high, factor * each.margin) for each in found]))
            )
            for factor in FACTORS
        }


def specifications(decision: Decision, folder: Path = RECORDS) -> list[Specification]:
    """Return all specifications of a claim whose runs its study has, part by part, those that are stated among them.

    Parameters
    ----------
    decision : that is not pending; its study and stage are those of the curve.
    folder : of the records.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> from labcode.study import CLAIMS
    >>> found = specifications(CLAIMS["C01"].decide())
    >>> len(found), sum(each.stated for each in found)  # 3 windows, 3 rates, 3 forms
    (27, 1)
    """
    return [
        found
        for finding in decision.findings
        if finding.part.contrasts  # existence is no matter of specification
        for found in _of_part(finding.part, decision, folder)
    ]


def _of_part(part: Part, decision: Decision, folder: Path) -> Iterator[Specification]:
    study = decision.study
    for check in (AS_STATED, *(each for each in decision.claim.checks_in(study) if each.words in _RATES)):
        try:
            by_seed = check.records(part.runs(study), folder, study, decision.stage)
        except MissingRecordError:
            continue
        for measure in _relatives(part.measure, bool(study.measures)):
            read = replace(part, measure=measure)
            for form, contrasts in {"as stated": part.contrasts, **part.beside}.items():
                yield Specification(
                    part.says,
                    measure.words,
                    STATED if check is AS_STATED else check.words,
                    form,
                    check is AS_STATED and measure == part.measure and form == "as stated",
                    {name: read.verdict(each, by_seed, study.overlap) for name, each in contrasts.items()},
                )


_RATES = {check.words for check in RATES}


def _relatives(measure: Measure, unseen: bool) -> list[Measure]:
    """Measures that could stand for ``measure``, itself among them; the unseen images only where a study has them."""
    family = next((family for family in FAMILIES if measure in family), (measure,))
    return [each for each in family if unseen or each not in (unseen_error, unseen_gap)]
