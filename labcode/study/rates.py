"""Does a result depend on the learning rate? The effect at three rates, and whether they differ."""

from dataclasses import dataclass, replace

from labcode.study.checks import THIRD, TRIPLE
from labcode.study.claim import Decision, Finding
from labcode.study.outcomes import Outcome
from labcode.study.statistics import Verdict, interaction

STATED = "the stated learning rate"
LEVEL = 0.05
"""Of the test for an interaction."""


@dataclass(frozen=True)
class Rates:
    """The contrast on which a decision hangs, at each learning rate that has its runs.

    Attributes
    ----------
    effects : by rate, from the lowest, over the seeds that all rates have.
    p : of the interaction of contrast and rate; None with one rate alone.
    label : one of `SAID`.
    """

    effects: dict[str, Verdict]
    p: float | None
    label: str

    @property
    def sentence(self) -> str:
        """What the label means, with the effects.

        >>> from labcode.study import CLAIMS
        >>> print(by_rate(CLAIMS["C05"].decide()).sentence)  # doctest: +ELLIPSIS
        The effect changes with the learning rate (p = 0.03): +15.09 (+9.91 to +20.27), +5.32 (...) and ... points.
        """
        if self.p is None:
            return f"{SAID[self.label]}."
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"
        *others, last = (each.interval for each in self.effects.values())
        unit = next(iter(self.effects.values())).unit
        return f"{SAID[self.label]} ({p}): {', '.join(others)} and {last} {unit}."


SAID = {
    "same at all rates": "All learning rates give the same answer, and no change of the effect is shown",
    "changes with the rate": "The effect changes with the learning rate",
    "reverses with the rate": "The effect reverses with the learning rate",
    "no change shown": "The runs at other learning rates are too few to show whether the effect changes with it",
    "not recorded": "Runs at other learning rates are registered, and not recorded yet",
    "open": "Whether the effect depends on the learning rate is open",
    "not tested": "It was not tried at other learning rates",
}
"""What each label means. A claim that is open is open here too."""


def by_rate(decision: Decision) -> Rates:
    """Return the effect at a third, at the stated and at three times the learning rate.

    Parameters
    ----------
    decision : that is not pending.

    >>> from labcode.study import CLAIMS
    >>> by_rate(CLAIMS["C05"].decide()).label, by_rate(CLAIMS["C17"].decide()).label
    ('changes with the rate', 'not tested')
    """
    hanging, name = decision.hanging
    place = decision.findings.index(hanging)
    checks = {check.words: decision.checks[check.words] for check in (THIRD, TRIPLE) if check.words in decision.checks}
    stated = hanging.verdicts[name]
    if not checks or not hanging.part.contrasts:
        return Rates({STATED: stated}, None, "not tested")
    found = {STATED: hanging} | {words: check.findings[place] for words, check in checks.items() if check.findings}
    if len(found) == 1:
        return Rates({STATED: stated}, None, "not recorded")
    ordered = {words: found[words] for words in (THIRD.words, STATED, TRIPLE.words) if words in found}
    common = sorted(set.intersection(*(set(each.seeds) for each in ordered.values())))
    effects = {words: _over(common, each, name) for words, each in ordered.items()}
    p = interaction([each.values for each in effects.values()], stated.overlap)
    return Rates(effects, p, _label(decision, stated, effects, p))


def _over(seeds: list[int], finding: Finding, name: str) -> Verdict:
    """The contrast over some of its seeds; over all of them it keeps its interval, whatever kind that is."""
    verdict = finding.verdicts[name]
    if seeds == list(finding.seeds):
        return verdict
    places = [finding.seeds.index(seed) for seed in seeds]
    return replace(verdict, values=verdict.values[places], bounds=None)


def _label(decision: Decision, stated: Verdict, effects: dict[str, Verdict], p: float) -> str:
    if Outcome.OPEN in (decision.outcome, stated.outcome):
        return "open"
    if p >= LEVEL:
        kinds = {_kind(each.outcome) for each in effects.values()}
        return "no change shown" if len(kinds) > 1 or Outcome.OPEN in kinds else "same at all rates"
    reverses = any(each.low > 0 for each in effects.values()) and any(each.high < 0 for each in effects.values())
    return "reverses with the rate" if reverses else "changes with the rate"


def _kind(outcome: Outcome) -> Outcome:
    """The outcome whatever the size: small effects count as their large ones."""
    small = {Outcome.RIGHT_BUT_SMALL: Outcome.REPRODUCED, Outcome.REVERSED_BUT_SMALL: Outcome.REVERSED}
    return small.get(outcome, outcome)
