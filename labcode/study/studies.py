"""The studies: which seeds they have, on which data, and what they read accuracy off."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from labcode.study.ablation import Ablation
from labcode.study.measures import (
    Measure,
    best_validation,
    final_validation,
    gap,
    unseen_error,
    unseen_gap,
)
from labcode.study.statistics import OVERLAP

FIRST_SEED = 1000
"""Of study 2, and of the runs with all the data. Study 1 has seeds 0 to 15."""

CONDITION_SEEDS = 16
"""Most seeds of a run under other settings than the stated ones in study 2."""


@dataclass(frozen=True)
class Study:
    """One round of runs.

    Attributes
    ----------
    name : on cards.
    scale : of the data.
    stages : for each, the place in `Ablation.registered` of its number of seeds; none for study 1, whose numbers of
        seeds stand in each ablation and check.
    overlap : of its intervals, as in `labcode.study.statistics.interval`.
    measures : by measure of study 1, the one that is read in its place.
    """

    name: str
    scale: str
    stages: tuple[int, ...] = ()
    overlap: float = 0.0
    measures: Mapping[Measure, Measure] = field(default_factory=dict)

    def seeds(self, ablation: Ablation, stage: int, other: range | None = None, condition: bool = False) -> range:
        """Return the seeds of the runs of ``ablation``.

        Parameters
        ----------
        ablation : whose runs are meant.
        stage : one of ``stages``; study 1 has only stage 0.
        other : in study 1, the seeds of a check in place of the ablation's own.
        condition : whether the runs have other settings than the stated ones.

        >>> from labcode.study.lab.optimizers import OPTIMIZERS
        >>> STUDY_1.seeds(OPTIMIZERS, 0), STUDY_2.seeds(OPTIMIZERS, 1), STUDY_2.seeds(OPTIMIZERS, 1, condition=True)
        (range(0, 8), range(1000, 1032), range(1000, 1016))
        """
        if not self.stages:
            return ablation.seeds if other is None else other
        count = ablation.registered[stage]
        return range(FIRST_SEED, FIRST_SEED + (min(count, CONDITION_SEEDS) if condition else count))

    def runs(self, ablation: Ablation, stage: int = 0) -> Ablation:
        """Return an ablation with the seeds and the images that it has in this study.

        >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
        >>> STUDY_2.runs(HIDDEN_UNITS).experiment("128", 1000).name
        'scale=own_width=128_seed=1000'
        """
        common = {**ablation.common, "scale": self.scale}
        return replace(ablation, seeds=self.seeds(ablation, stage), common=common)


UNSEEN = {
    best_validation: unseen_error,
    final_validation: unseen_error,
    gap: unseen_gap,
}

STUDY_1 = Study("study 1", "tenth", overlap=OVERLAP)
"""Exploration: one tenth of the images for all seeds, and rules that bent on the way."""

STUDY_2 = Study("study 2", "own", (0, 1), measures=UNSEEN)
"""Registered before its first run (book/registration); each seed has images of its own."""

ALL_DATA = Study("all data", "full", (2,), OVERLAP, UNSEEN)
"""The same settings with ten times the images."""
