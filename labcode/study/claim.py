"""A claim with the rule that decides it, its checks, and the decision that the recorded runs lead to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from labcode.study.ablation import BASELINE, Ablation
from labcode.study.contrasts import Contrast, Contrasts, Records
from labcode.study.experiment import Experiment
from labcode.study.measures import Measure, settled_validation
from labcode.study.outcomes import Outcome, all_hold, directional, in_parts
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.statistics import Rule, Verdict, decide
from labcode.study.studies import STUDY_1, STUDY_2, Study


@dataclass(frozen=True)
class Check:
    """Other settings, other seeds or another measure, under which a claim is decided again.

    Attributes
    ----------
    words : what differs.
    settings : changed at every level. Of several alternatives, each level takes the one with its lowest validation
        error (over the last 3 epochs, mean over the seeds).
    seeds : of the runs in study 1; None for the seeds of the ablation itself.
    measures : by measure, the one that takes its place.
    studies : that have its runs.
    main : whether study 2 has as many seeds of them as of the stated ones.
    """

    words: str
    settings: tuple[Mapping[str, object], ...] = (BASELINE,)
    seeds: range | None = None
    measures: Mapping[Measure, Measure] = field(default_factory=dict)
    studies: tuple[Study, ...] = (STUDY_1, STUDY_2)
    main: bool = False

    def seeds_of(self, ablation: Ablation, study: Study, stage: int) -> range:
        """Return the seeds of the runs that the check looks at."""
        condition = not (self.main or self.settings == (BASELINE,))
        return study.seeds(ablation, stage, self.seeds, condition)

    def experiments(self, ablation: Ablation, study: Study = STUDY_1, stage: int = 0) -> list[Experiment]:
        """Return the runs of ``ablation`` that the check looks at."""
        seeds = self.seeds_of(ablation, study, stage)
        return [run for common in self._settings(study) for run in ablation.experiments(seeds, common)]

    def records(
        self, ablation: Ablation, folder: Path = RECORDS, study: Study = STUDY_1, stage: int = 0
    ) -> list[Records]:
        """Return, for each seed, the records of ``ablation`` by level.

        Raises
        ------
        labcode.study.records.RecordError : a record is missing or unsound.
        """
        seeds = self.seeds_of(ablation, study, stage)
        candidates = [ablation.records(seeds, folder, common) for common in self._settings(study)]
        chosen = {
            label: min(candidates, key=lambda by_seed: np.mean([settled_validation(r[label]) for r in by_seed]))
            for label in ablation.levels
        }
        return [{label: chosen[label][place][label] for label in chosen} for place in range(len(candidates[0]))]

    def _settings(self, study: Study) -> list[Mapping[str, object]]:
        return [{"scale": study.scale, **common} for common in self.settings]


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
    beside : contrasts that are shown and do not decide, by form: the "steps" and the "ends" of a trend.
    decided_by : from each contrast's mean and interval to an outcome.
    explored : the ablation whose runs decide it in study 1, if another.
    """

    says: str
    ablation: Ablation
    measure: Measure
    condition: str
    contrasts: Mapping[str, Contrast]
    beside: Mapping[str, Contrasts] = field(default_factory=dict)
    decided_by: Rule = directional
    explored: Ablation | None = None

    @property
    def rule(self) -> str:
        """What decides the part: the measure that is read, then the condition."""
        return f"The {self.measure.words} {self.condition}"

    def runs(self, study: Study = STUDY_1) -> Ablation:
        """Return the ablation whose runs decide the part in ``study``."""
        return self.explored if self.explored and study == STUDY_1 else self.ablation

    def reading(self, check: Check, study: Study) -> "Part":
        """Return the part with the measure that a check reads in a study."""
        stated = study.measures.get(self.measure, self.measure)
        return replace(self, measure=check.measures.get(self.measure, stated))

    def find(self, check: Check, study: Study, stage: int, folder: Path) -> "Finding":
        """Decide the part from the records of several seeds.

        Raises
        ------
        labcode.study.records.RecordError : a record is missing or unsound.
        """
        part, ablation = self.reading(check, study), self.runs(study)
        by_seed = check.records(ablation, folder, study, stage)

        def verdicts(contrasts: Mapping[str, Contrast]) -> dict[str, Verdict]:
            return {name: part.verdict(contrast, by_seed, study.overlap) for name, contrast in contrasts.items()}

        return Finding(
            part,
            check.seeds_of(ablation, study, stage),
            verdicts(part.contrasts),
            {form: verdicts(contrasts) for form, contrasts in part.beside.items()},
        )

    def verdict(self, contrast: Contrast, by_seed: Sequence[Records], overlap: float = 0.0) -> Verdict:
        """Decide one contrast from the records of several seeds."""
        values = [contrast(self.measure, records) for records in by_seed]
        return decide(values, self.decided_by, self.measure.margin, self.measure.unit, overlap)


@dataclass(frozen=True)
class Finding:
    """A part with what its contrasts say.

    Attributes
    ----------
    part : with the measure that was read.
    seeds : in the order of the values.
    verdicts : of the contrasts that decide, by name.
    beside : of those that are shown beside them, by form and name.
    """

    part: Part
    seeds: range
    verdicts: Mapping[str, Verdict]
    beside: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The outcome of the part: all contrasts must hold."""
        return Outcome(int(all_hold([verdict.outcome for verdict in self.verdicts.values()])))

    @property
    def values(self) -> np.ndarray:
        """The contrasts, (contrasts, seeds)."""
        return np.array([verdict.values for verdict in self.verdicts.values()])


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
    checks : the same question under other settings, seeds or measures.
    """

    id: str
    section: str
    page: str
    sentence: str
    parts: tuple[Part, ...]
    checks: tuple[Check, ...] = ()

    def parts_by(self, check: Check, study: Study = STUDY_1) -> tuple[Part, ...]:
        """Return the parts with the measures that ``check`` reads in ``study``."""
        return tuple(part.reading(check, study) for part in self.parts)

    def checks_in(self, study: Study) -> Iterator[Check]:
        """Return the checks that ask something else in ``study`` than the claim itself."""
        for check in self.checks:
            same_runs = check.settings == (BASELINE,) and (check.seeds is None or study != STUDY_1)
            if study in check.studies and not (
                same_runs and self.parts_by(check, study) == self.parts_by(AS_STATED, study)
            ):
                yield check

    def decide(self, study: Study = STUDY_1, stage: int | None = None, folder: Path = RECORDS) -> "Decision":
        """Decide the claim, and each of its checks, from the recorded runs of a study.

        A check is pending while runs of its own are missing.

        Parameters
        ----------
        study : which.
        stage : of the study; without it, the first.
        folder : of the records.

        Raises
        ------
        labcode.study.records.RecordError : a record of the claim's own runs is missing, or any record is unsound.
        """
        stage = (study.stages or (0,))[0] if stage is None else stage
        stated = self._findings(AS_STATED, study, stage, folder)
        checks = {}
        for check in self.checks_in(study):
            try:
                findings = self._findings(check, study, stage, folder)
            except MissingRecordError:
                findings = ()
            checks[check.words] = Decision(self, findings, study, stage)
        return Decision(self, stated, study, stage, checks)

    def _findings(self, check: Check, study: Study, stage: int, folder: Path) -> tuple[Finding, ...]:
        return tuple(part.find(check, study, stage, folder) for part in self.parts)


@dataclass(frozen=True)
class Decision:
    """What the recorded runs say about a claim.

    Attributes
    ----------
    claim : which.
    findings : of its parts; empty while runs are missing.
    study, stage : whose runs.
    checks : by words, the decision of each check. A check's own decision has none.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    study: Study = STUDY_1
    stage: int = 0
    checks: Mapping[str, "Decision"] = field(default_factory=dict)

    @cached_property
    def outcome(self) -> Outcome:
        """The outcome of the whole sentence."""
        return Outcome(int(in_parts([each.outcome for each in self.findings]))) if self.findings else Outcome.PENDING

    @property
    def registered(self) -> int | None:
        """How many seeds study 2 registered in all for the contrast on which the outcome hangs; None in study 1."""
        return self.hanging[0].part.ablation.registered[self.study.stages[-1]] if self.study.stages else None

    @property
    def hanging(self) -> tuple[Finding, str]:
        """The part and the name of the contrast on which the outcome hangs.

        It is the weakest, in margins, of those that have this outcome or prevent a better one.

        Raises
        ------
        ValueError : the decision is pending.
        """
        if not self.findings:
            raise ValueError(f"{self.claim.id} is pending: nothing decides it yet.")
        found = [(each, name) for each in self.findings for name in each.verdicts]

        def those(condition: Callable[[Outcome], bool]) -> list[tuple[Finding, str]]:
            return [(each, name) for each, name in found if condition(each.verdicts[name].outcome)]

        deciding = those(lambda outcome: outcome == self.outcome) or those(lambda outcome: not outcome.supports)

        def size(one: tuple[Finding, str]) -> float:
            return one[0].verdicts[one[1]].effect / one[0].verdicts[one[1]].margin

        return min(deciding, key=size)

    @property
    def deciding(self) -> Verdict:
        """The contrast on which the outcome hangs."""
        finding, name = self.hanging
        return finding.verdicts[name]

    def runs_of(self, ablation: Ablation) -> Ablation:
        """Return an ablation with the seeds and the images of the study that decided.

        >>> from labcode.study import CLAIMS
        >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
        >>> CLAIMS["C01"].decide().runs_of(HIDDEN_UNITS).seeds
        range(0, 8)
        """
        return self.study.runs(ablation, self.stage)

    def redraw(self, draw: Callable[[int], np.ndarray]) -> np.ndarray:
        """Return the outcomes (draws,) of the whole claim, had other seeds been drawn.

        Parameters
        ----------
        draw : from a number of recorded seeds to the places of those drawn, (draws, seeds). Contrasts of the same
            seeds are drawn together.

        >>> from labcode.study import CLAIMS
        >>> found = CLAIMS["C01"].decide().redraw(lambda seeds: np.arange(seeds)[:, None])  # one seed each
        >>> sum(found == Outcome.REPRODUCED)
        np.int64(8)
        """
        places: dict[range, np.ndarray] = {}
        parts = []
        for finding in self.findings:
            if finding.seeds not in places:
                places[finding.seeds] = draw(len(finding.seeds))
            drawn = places[finding.seeds]
            parts.append(all_hold([verdict.redraw(drawn) for verdict in finding.verdicts.values()]))
        return in_parts(parts)

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.claim.id}: {self.outcome}"
        found = self.deciding
        return f"{self.claim.id}: {self.outcome}; {found.interval} {found.unit}, {found.seeds} seeds"
