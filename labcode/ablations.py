"""The lab's ablations: one setting varied, everything else at the baseline."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labcode.runs import RECORDS, Experiment, Record, read

SEEDS = range(5)
"""The seeds of the recorded runs, fixed before the first of them. The lab had one."""


@dataclass(frozen=True)
class Ablation:
    """One of the lab's ablations.

    Attributes
    ----------
    name : on the command line and in the book.
    section, figures : where the lab reports it.
    setting : what varies, a field of the network's configuration or of the recipe.
    levels : the values it takes.

    >>> HIDDEN_UNITS.experiment(128, seed=0).name
    'width=128_seed=0'
    """

    name: str
    section: str
    figures: tuple[int, ...]
    setting: str
    levels: tuple

    def experiment(self, level, seed: int) -> Experiment:
        """Return the run at one level and seed."""
        return Experiment(seed).vary(self.setting, level)

    def experiments(self, seeds: Iterable[int] = SEEDS) -> list[Experiment]:
        """Return the runs at every level and seed."""
        return [self.experiment(level, seed) for seed in seeds for level in self.levels]

    def records(self, seeds: Iterable[int] = SEEDS, folder: Path = RECORDS) -> list[dict]:
        """Return, for each seed, the records by level. Runs of one seed are paired: same split, same streams.

        Raises
        ------
        labcode.runs.RecordError : a record is missing or unsound; the message says which, and what to do.
        """
        return [self._by_level(seed, folder) for seed in seeds]

    def _by_level(self, seed: int, folder: Path) -> dict[object, Record]:
        return {level: read(self.experiment(level, seed), folder) for level in self.levels}


HIDDEN_UNITS = Ablation("hidden_units", section="2.4.1", figures=(1,), setting="width", levels=(16, 32, 64, 128))

ABLATIONS = {ablation.name: ablation for ablation in (HIDDEN_UNITS,)}
