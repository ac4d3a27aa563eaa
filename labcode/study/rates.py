"""Does a result depend on the learning rate? The effect at three rates, and whether they differ."""

from dataclasses import dataclass

import numpy as np

from labcode.study.checks import THIRD, TRIPLE
from labcode.study.claim import Decision
from labcode.study.outcomes import Outcome
from labcode.study.statistics import Verdict, decide, interaction

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
    label : ``"same at all rates"``, ``"changes with the rate"``, ``"reverses with the rate"``, ``"open"`` where the
        claim is open or runs are missing, or ``"not tested"`` where no other rates belong to the claim.
    """

    effects: dict[str, Verdict]
    p: float | None
    label: str

    @property
    def sentence(self) -> str:
        """What the label means, with the effects.

        >>> from labcode.study import CLAIMS
        >>> print(by_rate(CLAIMS["C05"].decide()).sentence)  # doctest: +ELLIPSIS
        The effect changes with the learning rate (p = 0.0...): +... (...), +... (...) and +... (...) percentage points.
        """
        if self.label == "not tested":
            return "It was not tried at other learning rates."
        found = [each.interval for each in self.effects.values()]
        listed = f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else found[0]
        unit = next(iter(self.effects.values())).unit
        p = "" if self.p is None else f" (p = {self.p:.2g})" if self.p >= 0.001 else " (p < 0.001)"
        said = {
            "same at all rates": f"The effect is much the same at all learning rates{p}",
            "changes with the rate": f"The effect changes with the learning rate{p}",
            "reverses with the rate": f"The effect reverses with the learning rate{p}",
            "open": f"Whether it depends on the learning rate is open{p}",
        }
        return f"{said[self.label]}: {listed} {unit}."


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
    checks = {check.words: decision.checks.get(check.words) for check in (THIRD, TRIPLE)}
    found = {STATED: hanging} | {
        words: check.findings[place] for words, check in checks.items() if check and check.findings
    }
    ordered = {words: found[words] for words in (THIRD.words, STATED, TRIPLE.words) if words in found}
    common = sorted(set.intersection(*(set(each.seeds) for each in ordered.values())))
    stated = hanging.verdicts[name]
    values = np.array([[each.verdicts[name].values[each.seeds.index(s)] for s in common] for each in ordered.values()])
    effects = {
        words: decide(row, stated.rule, stated.margin, stated.unit, stated.overlap)
        for words, row in zip(ordered, values, strict=True)
    }
    p = interaction(values, stated.overlap) if len(effects) > 1 else None
    return Rates(effects, p, _label(decision, effects, p, any(checks.values())))


def _label(decision: Decision, effects: dict[str, Verdict], p: float | None, tested: bool) -> str:
    if not tested:
        return "not tested"
    if decision.outcome is Outcome.OPEN or p is None:
        return "open"
    if p >= LEVEL:
        return "same at all rates"
    above, below = (any(each.low > 0 for each in effects.values()), any(each.high < 0 for each in effects.values()))
    return "reverses with the rate" if above and below else "changes with the rate"
