"""Ablations: one factor varied, everything else at the baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labcode.study.experiment import Experiment
from labcode.study.records import RECORDS, Record, read

SEEDS = range(8)
"""The seeds of the recorded runs, fixed before the first of them. The lab had one."""

CHECK_SEEDS = range(3)
"""The seeds of the runs that decide a claim again under other settings."""

FURTHER_SEEDS = range(8, 16)
"""The seeds that decide the claims of a small difference (C11, C12, C13) a second time, apart from the first."""

LATER_SEEDS = range(3, 8)
"""The seeds of conjugate gradient at batch size 1 that were added when the verdicts from the first three were known.

They decide its claims once more on their own, since no decision about the study depends on them.
"""

BASELINE: Mapping[str, Any] = {}
"""The level that changes nothing."""


@dataclass(frozen=True)
class Ablation:
    """Levels of one factor, each trained from several seeds.

    Attributes
    ----------
    name : on the command line and in the book.
    section, figures : where the lab reports it; no figures for an ablation that is not the lab's.
    factor : what varies, in words.
    levels : by label, the settings in which the level differs from the baseline. ``learning_rate_times`` multiplies
        the learning rate, whatever it is.
    seeds : of its recorded runs in study 1.
    common : settings in which all levels differ from the baseline.
    registered : how many seeds study 2 registered for its first stage, for its second, and with all the data.

    >>> widths = Ablation("widths", "2.4.1", (), "width", one_setting("width", (16, 128)))
    >>> widths.experiment("128", seed=0).name
    'width=128_seed=0'
    """

    name: str
    section: str
    figures: tuple[int, ...]
    factor: str
    levels: Mapping[str, Mapping[str, Any]]
    seeds: range = SEEDS
    registered: tuple[int, int, int] = (16, 16, 0)
    common: Mapping[str, Any] = field(default_factory=dict)

    def experiment(self, label: str, seed: int, common: Mapping[str, Any] = BASELINE) -> Experiment:
        """Return the run at one level and seed, under further settings ``common`` to all levels.

        >>> sizes = Ablation("sizes", "2.4.3", (), "batch size", one_setting("batch_size", (1, 10)))
        >>> sizes.experiment("10", 0, {"padding": 2}).name
        'padding=2_batch_size=10_seed=0'
        """
        settings = {**self.common, **common, **self.levels[label]}
        factor = common.get("learning_rate_times", 1) * self.levels[label].get("learning_rate_times", 1)
        settings.pop("learning_rate_times", None)
        experiment = Experiment(seed).vary(**settings)
        if factor == 1:
            return experiment
        # Three digits, so that a third of 0.001 has a short name.
        return experiment.vary(learning_rate=float(f"{experiment.recipe.learning_rate * factor:.3g}"))

    def experiments(self, seeds: Iterable[int] | None = None, common: Mapping[str, Any] = BASELINE) -> list[Experiment]:
        """Return the runs at every level and seed, seed by seed."""
        return [
            self.experiment(label, seed, common)
            for seed in (self.seeds if seeds is None else seeds)
            for label in self.levels
        ]

    def records(
        self, seeds: Iterable[int] | None = None, folder: Path = RECORDS, common: Mapping[str, Any] = BASELINE
    ) -> list[dict[str, Record]]:
        """Return, for each seed, the records by level. Runs of one seed are paired: same split, same streams.

        Raises
        ------
        labcode.study.records.RecordError : a record is missing or unsound; the message says which, and what to do.
        """
        return [
            {label: read(self.experiment(label, seed, common), folder) for label in self.levels}
            for seed in (self.seeds if seeds is None else seeds)
        ]


def one_setting(setting: str, values: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Return levels that differ in a single setting, labeled by its values.

    >>> one_setting("filter", (3, 5))
    {'3': {'filter': 3}, '5': {'filter': 5}}
    """
    return {str(value): {setting: value} for value in values}
