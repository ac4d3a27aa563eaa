"""A claim with the rule that decides it, its checks, and the decision that the recorded runs lead to."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from labcode.study.ablation import BASELINE, Ablation
from labcode.study.contrasts import Contrast, Records
from labcode.study.experiment import Experiment
from labcode.study.measures import Measure, settled_validation
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.statistics import POINTS, REPRODUCED, VERDICTS, Verdict, all_hold, decide, in_parts

PENDING = "pending"
"""In place of a verdict, while runs are missing."""


@dataclass(frozen=True)
class Check:
    """Other settings, other seeds or another measure, under which a claim is decided again.

    Attributes
    ----------
    words : what differs.
    settings : changed at every level. Of several alternatives, each level takes the one with its lowest validation
        error (over the last 3 epochs, mean over the seeds).
    seeds : of the runs; None for the seeds of the ablation itself.
    measures : by measure, the one that takes its place.
    """

    words: str
    settings: tuple[Mapping[str, object], ...] = (BASELINE,)
    seeds: range | None = None
    measures: Mapping[Measure, Measure] = field(default_factory=dict)

    def experiments(self, ablation: Ablation) -> list[Experiment]:
        """Return the runs of ``ablation`` that the check looks at."""
        return [run for common in self.settings for run in ablation.experiments(self.seeds, common)]

    def records(self, ablation: Ablation, folder: Path = RECORDS) -> list[Records]:
        """Return, for each seed, the records of ``ablation`` by level.

        Raises
        ------
        labcode.study.records.RecordError : a record is missing or unsound.
        """
        candidates = [ablation.records(self.seeds, folder, common) for common in self.settings]
        chosen = {
            label: min(candidates, key=lambda by_seed: np.mean([settled_validation(r[label]) for r in by_seed]))
            for label in ablation.levels
        }
        return [{label: chosen[label][place][label] for label in chosen} for place in range(len(candidates[0]))]


AS_STATED = Check("as stated")
"""No change: the claim itself."""


@dataclass(frozen=True)
class Part:
    """One of the things that a sentence of the lab says, with the rule that decides it.

    Attributes
    ----------
    says : in a few words.
    ablation : whose runs decide it.
    measure : what is compared.
    condition : what must hold for the measure; with its words in front, the rule.
    contrasts : the condition as code, by name. All of them must hold.
    decided_by : from each contrast's numbers, one per seed, to a verdict.
    """

    says: str
    ablation: Ablation
    measure: Measure
    condition: str
    contrasts: Mapping[str, Contrast]
    decided_by: Callable[..., Verdict] = decide

    @property
    def rule(self) -> str:
        """What decides the part: the measure that is read, then the condition."""
        return f"The {self.measure.words} {self.condition}"

    def decide(self, by_seed: Sequence[Records]) -> "Outcome":
        """Decide the part from the records of several seeds."""
        verdicts = {
            name: self.decided_by([contrast(self.measure, records) for records in by_seed], unit=self.measure.unit)
            for name, contrast in self.contrasts.items()
        }
        return Outcome(self, verdicts)


@dataclass(frozen=True)
class Outcome:
    """A part with the verdict on each of its contrasts, by name."""

    part: Part
    verdicts: Mapping[str, Verdict]

    @property
    def verdict(self) -> str:
        """The verdict on the part: all contrasts must hold."""
        return all_hold(verdict.verdict for verdict in self.verdicts.values())


@dataclass(frozen=True)
class Claim:
    """One sentence of the lab, with the rules that decide it.

    Attributes
    ----------
    id : permanent, C01 to C17.
    section : of the lab.
    page : of the book that discusses the claim.
    sentence : what the lab says, paraphrased.
    parts : the things it says, each with its rule.
    checks : the same question under other settings, seeds or measures. The verdict is robust if every check gives it.
    """

    id: str
    section: str
    page: str
    sentence: str
    parts: tuple[Part, ...]
    checks: tuple[Check, ...] = ()

    def parts_by(self, check: Check) -> tuple[Part, ...]:
        """Return the parts with the measures that ``check`` reads."""
        return tuple(replace(part, measure=check.measures.get(part.measure, part.measure)) for part in self.parts)

    def decide(self, folder: Path = RECORDS) -> "Decision":
        """Decide the claim, and each of its checks, from the recorded runs.

        A check is pending while runs of its own are missing.

        Raises
        ------
        labcode.study.records.RecordError : a record of the claim's own runs is missing, or any record is unsound.
        """
        stated = self._outcomes(AS_STATED, folder)
        checks = {}
        for check in self.checks:
            try:
                outcomes = self._outcomes(check, folder)
            except MissingRecordError:
                outcomes = ()
            checks[check.words] = Decision(self, outcomes)
        return Decision(self, stated, checks)

    def _outcomes(self, check: Check, folder: Path) -> tuple[Outcome, ...]:
        return tuple(part.decide(check.records(part.ablation, folder)) for part in self.parts_by(check))


@dataclass(frozen=True)
class Decision:
    """What the recorded runs say about a claim.

    Attributes
    ----------
    claim : which.
    outcomes : of its parts; empty while runs are missing.
    checks : by words, the decision of each check. A check's own decision has none.
    """

    claim: Claim
    outcomes: tuple[Outcome, ...]
    checks: Mapping[str, "Decision"] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The verdict on the whole sentence, or ``"pending"``."""
        return in_parts(outcome.verdict for outcome in self.outcomes) if self.outcomes else PENDING

    @property
    def deciding(self) -> Verdict:
        """The contrast on which the verdict hangs: the weakest of those that have this verdict or prevent a better one.

        Percentage points cannot be compared with other units; where there are points, they stand for the claim.

        Raises
        ------
        ValueError : the decision is pending.
        """
        found = [verdict for outcome in self.outcomes for verdict in outcome.verdicts.values()]
        if not found:
            raise ValueError(f"{self.claim.id} is pending: nothing decides it yet.")
        found = [v for v in found if v.verdict == self.verdict] or [v for v in found if v.verdict != REPRODUCED]
        return min([v for v in found if v.unit == POINTS] or found, key=lambda verdict: verdict.effect)

    @property
    def robust(self) -> bool | None:
        """Whether every check gives the same verdict; None while that is open."""
        found = {check.verdict for check in self.checks.values()}
        if found - {self.verdict, PENDING}:
            return False
        return None if PENDING in {self.verdict, *found} else True

    @property
    def robustness(self) -> str:
        """``"yes"``, ``"open"``, or how many checks gave which other verdict, as in ``"no: 1 of 2 contradicted"``.

        A check that cannot decide differs from one that decides the other way.

        >>> from labcode.study import CLAIMS
        >>> CLAIMS["C06"].decide().robustness
        'no: 1 of 2 not distinguishable'
        """
        if self.robust is not False:
            return "yes" if self.robust else "open"
        decided = Counter(check.verdict for check in self.checks.values() if check.verdict != PENDING)
        others = [verdict for verdict in VERDICTS if verdict in decided and verdict != self.verdict]
        return f"no: {', '.join(f'{decided[verdict]} of {decided.total()} {verdict}' for verdict in others)}"

    def __str__(self) -> str:
        found = self.verdict if self.verdict == PENDING else str(self.deciding)
        return f"{self.claim.id}: {found}"
