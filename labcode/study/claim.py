"""A claim with its rule, and the decision that recorded runs lead to: as stated, and again under other settings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from tabulate import tabulate

from labcode.study.ablation import Ablation
from labcode.study.measures import errors, settled
from labcode.study.records import RECORDS, MissingRecordError, Record
from labcode.study.statistics import NOT_DISTINGUISHABLE, POINTS, REPRODUCED, Verdict, all_hold, decide, halves

CHECK_SEEDS = range(3)
"""The seeds of the runs that decide a claim again under other settings."""

Records = Mapping[str, Record]
Contrast = Callable[[Records], float]


@dataclass(frozen=True)
class Part:
    """One thing that a sentence of the lab says, with the rule that decides it.

    Attributes
    ----------
    says : in a few words.
    rule : what decides it, in words.
    ablation : the runs that decide it.
    contrasts : the rule as code, by name: one seed's records to one number, positive when it agrees with the lab. All
        of them must hold.
    rule_of_decision : from one contrast's numbers to a verdict.
    """

    says: str
    rule: str
    ablation: Ablation
    contrasts: Mapping[str, Contrast]
    rule_of_decision: Callable[[list[float]], Verdict] = decide

    def decide(self, by_seed: Sequence[Records]) -> "Outcome":
        """Decide this part from the records of several seeds."""
        verdicts = {
            name: self.rule_of_decision([contrast(records) for records in by_seed])
            for name, contrast in self.contrasts.items()
        }
        return Outcome(self, verdicts)


@dataclass(frozen=True)
class Outcome:
    """A part with the verdict on each of its contrasts."""

    part: Part
    verdicts: Mapping[str, Verdict]

    @property
    def verdict(self) -> str:
        """The verdict on the part: all contrasts must hold."""
        return all_hold(v.verdict for v in self.verdicts.values())


@dataclass(frozen=True)
class Condition:
    """Other settings under which a claim is decided again.

    Attributes
    ----------
    words : what differs.
    alternatives : settings common to all levels. Of several alternatives, each level takes the one with its lowest
        validation error (over the last 3 epochs, mean over the seeds).
    seeds : of these runs.
    """

    words: str
    alternatives: tuple[Mapping[str, object], ...]
    seeds: range = CHECK_SEEDS

    def records(self, ablation: Ablation, folder: Path = RECORDS) -> list[Records]:
        """Return, for each seed, the records by level.

        Raises
        ------
        labcode.study.records.RecordError : a record is missing or unsound.
        """
        candidates = [ablation.records(self.seeds, folder, common) for common in self.alternatives]
        chosen = {label: min(candidates, key=partial(_mean_error, label=label)) for label in ablation.levels}
        return [{label: by_seed[place][label] for label, by_seed in chosen.items()} for place in range(len(self.seeds))]


def _mean_error(by_seed: list[Records], label: str) -> float:
    return float(np.mean([settled(errors(records[label], "validation")) for records in by_seed]))


@dataclass(frozen=True)
class Claim:
    """One sentence of the lab as data, with its check.

    Attributes
    ----------
    id : permanent, C01 to C17.
    section : of the lab.
    sentence : what the lab says, paraphrased.
    parts : what it says, thing by thing.
    checks : by words, the same question measured another way on the same runs.
    conditions : the same question on runs under other settings. Where a check or a condition gives another verdict,
        the verdict is not robust.
    """

    id: str
    section: str
    sentence: str
    parts: tuple[Part, ...]
    checks: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()

    def decide(self, folder: Path = RECORDS) -> "Decision":
        """Decide the claim, and again by each check and under each condition, from the recorded runs.

        A condition whose runs are not all recorded yet is left open.

        Raises
        ------
        labcode.study.records.RecordError : a record of the claim's own runs is missing, or any record is unsound.
        """
        by_checks = {
            words: _outcomes(parts, lambda ablation: ablation.records(folder=folder))
            for words, parts in {"": self.parts, **self.checks}.items()
        }
        again, still_open = by_checks, []
        stated = again.pop("")
        for condition in self.conditions:
            try:
                again[condition.words] = _outcomes(self.parts, partial(condition.records, folder=folder))
            except MissingRecordError:
                still_open.append(condition.words)
        return Decision(self, stated, again, tuple(still_open))


def _outcomes(parts: Iterable[Part], records_of: Callable[[Ablation], Sequence[Records]]) -> tuple[Outcome, ...]:
    return tuple(part.decide(records_of(part.ablation)) for part in parts)


@dataclass(frozen=True)
class Decision:
    """A claim with its verdict.

    Attributes
    ----------
    claim : which.
    outcomes : of its parts.
    again : the same of each check and condition, by its words.
    still_open : the conditions whose runs are not all recorded.
    """

    claim: Claim
    outcomes: tuple[Outcome, ...]
    again: Mapping[str, tuple[Outcome, ...]]
    still_open: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The verdict on the whole sentence."""
        return _whole(self.outcomes)

    @property
    def deciding(self) -> Verdict:
        """The contrast on which the verdict hangs: the weakest of those that share it, or fall short of it."""
        found = _verdicts(self.outcomes)
        return _weakest(
            [v for v in found if v.verdict == self.verdict] or [v for v in found if v.verdict != REPRODUCED]
        )

    @property
    def verdicts_again(self) -> dict[str, str]:
        """The verdict of each check and condition, by its words."""
        return {words: _whole(outcomes) for words, outcomes in self.again.items()}

    @property
    def robust(self) -> bool | None:
        """Whether every check and condition gives the same verdict; None while that is open."""
        if set(self.verdicts_again.values()) - {self.verdict}:
            return False
        return None if self.still_open else True

    def __repr__(self) -> str:
        return self._repr_markdown_().replace("**", "")

    def _repr_markdown_(self) -> str:
        claim = self.claim
        whole = f"**{claim.id}, lab section {claim.section}: {self.verdict}.** {claim.sentence}"
        contrasts = tabulate(
            [
                [outcome.part.says, name, f"{v.interval} {v.unit}", f"{v.agreeing} of {v.seeds}", v.verdict]
                for outcome in self.outcomes
                for name, v in outcome.verdicts.items()
            ],
            headers=["the lab", "contrast", "effect (95% interval)", "seeds that alone agree", "verdict"],
            tablefmt="pipe",
        )
        again = tabulate(
            [
                [words, _whole(outcomes), (weakest := _weakest(_verdicts(outcomes))).interval, weakest.seeds]
                for words, outcomes in self.again.items()
            ]
            + [[words, "open: not all runs are recorded"] for words in self.still_open],
            headers=["decided again with", "verdict", "weakest effect (95% interval)", "seeds"],
            tablefmt="pipe",
        )
        undecided = {*self.verdicts_again.values()} - {self.verdict} == {NOT_DISTINGUISHABLE}
        survives = {
            True: "Robust: the verdict is the same each time.",
            False: "Not robust: not every repetition can decide." if undecided else "Not robust: the verdict changes.",
            None: "Not checked in full yet.",
        }
        return "\n\n".join([whole, contrasts, survives[self.robust], again])


def _whole(outcomes: Iterable[Outcome]) -> str:
    return halves(outcome.verdict for outcome in outcomes)


def _verdicts(outcomes: Iterable[Outcome]) -> list[Verdict]:
    return [verdict for outcome in outcomes for verdict in outcome.verdicts.values()]


def _weakest(verdicts: Sequence[Verdict]) -> Verdict:
    # Epochs and points are no more and no less than one another: where there are points, they speak for the claim.
    comparable = [verdict for verdict in verdicts if verdict.unit == POINTS] or verdicts
    return min(comparable, key=lambda verdict: verdict.effect)
