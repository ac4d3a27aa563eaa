"""The lab's ablations: one factor varied, everything else at the baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcode.study.experiment import Experiment
from labcode.study.records import RECORDS, Record, read

SEEDS = range(8)
"""The seeds of the recorded runs, fixed before the first of them. The lab had one."""

FURTHER_SEEDS = range(8, 16)
"""The seeds that decide claims of a small difference (C11, C12, C13) a second time, apart from the first."""

LATER_SEEDS = range(3, 8)
"""The seeds of conjugate gradient at batch size 1 that were added when the verdicts from the first three were known.

They decide its claims once more by themselves, since no decision about the study rests on them.
"""

SINGLE: Mapping[str, Any] = {}  # the baseline itself: a level that changes nothing


@dataclass(frozen=True)
class Ablation:
    """One of the lab's ablations.

    Attributes
    ----------
    name : on the command line and in the book.
    section, figures : where the lab reports it.
    factor : what varies, in words.
    levels : by label, the settings in which the level differs from the baseline. ``learning_rate_times`` multiplies
        the learning rate, whatever it is.
    seeds : of its recorded runs.

    >>> HIDDEN_UNITS.experiment("128", seed=0).name
    'width=128_seed=0'
    """

    name: str
    section: str
    figures: tuple[int, ...]
    factor: str
    levels: Mapping[str, Mapping[str, Any]]
    seeds: range = SEEDS

    def experiment(self, label: str, seed: int, common: Mapping[str, Any] = SINGLE) -> Experiment:
        """Return the run at one level and seed, under settings ``common`` to all levels.

        >>> BATCH_SIZE.experiment("10", 0, {"padding": 2}).name
        'padding=2_batch_size=10_seed=0'
        """
        settings = {**common, **self.levels[label]}
        factor = common.get("learning_rate_times", 1) * self.levels[label].get("learning_rate_times", 1)
        settings.pop("learning_rate_times", None)
        experiment = Experiment(seed).vary(**settings)
        if factor == 1:
            return experiment
        # Three digits, so that a third of 0.001 has a short name.
        return experiment.vary(learning_rate=float(f"{experiment.recipe.learning_rate * factor:.3g}"))

    def experiments(self, seeds: Iterable[int] | None = None, common: Mapping[str, Any] = SINGLE) -> list[Experiment]:
        """Return the runs at every level and seed, seed by seed."""
        return [
            self.experiment(label, seed, common)
            for seed in (self.seeds if seeds is None else seeds)
            for label in self.levels
        ]

    def records(
        self, seeds: Iterable[int] | None = None, folder: Path = RECORDS, common: Mapping[str, Any] = SINGLE
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


def _one_setting(setting: str, values: Iterable) -> dict[str, dict]:
    return {str(value): {setting: value} for value in values}


HIDDEN_UNITS = Ablation("hidden_units", "2.4.1", (1,), "width", _one_setting("width", (16, 32, 64, 128)))
STAGES = Ablation("stages", "2.4.2", (2,), "stages", _one_setting("stages", (1, 2, 3)))
BATCH_SIZE = Ablation("batch_size", "2.4.3", (3,), "batch size", _one_setting("batch_size", (1, 10, 30, 100)))
OPTIMIZERS = Ablation("optimizers", "2.4.4", (4,), "optimizer", {"SGD": SINGLE, "CG": {"optimizer": "cg"}})
ACTIVATIONS = Ablation(
    "activations",
    "2.4.5",
    (5,),
    "activation",
    _one_setting("activation", ("tanh", "relu", "sigmoid")),
)
POOLING = Ablation(
    "pooling",
    "2.4.6",
    (6,),
    "pool/stride",
    {f"{pool}/{stride}": {"pool": pool, "pool_stride": stride} for pool, stride in ((2, 2), (3, 3), (3, 2))},
)
FILTERS = Ablation("filters", "2.4.7", (7,), "filter", _one_setting("filter", (3, 5, 7)))
DROPOUT = Ablation(
    "dropout",
    "2.4.8",
    (8, 9),
    "dropout in",
    {
        "none": SINGLE,
        "stage 1": {"dropout": (0.5, 0.0, 0.0)},
        "stage 2": {"dropout": (0.0, 0.5, 0.0)},
        "classifier": {"dropout": (0.0, 0.0, 0.5)},
        "all three": {"dropout": (0.5, 0.5, 0.5)},
    },
)

UPDATES = 8_400
"""Steps at which the batch sizes are compared at equal updates: 2 epochs of batch size 1, 20 of 10, 200 of 100."""


def _as_many_updates(batch_size: int) -> dict:
    """Settings that give ``batch_size`` its 8 400 updates: 2 epochs of 4 200 images for each image of the batch."""
    epochs = 2 * batch_size
    return {"batch_size": batch_size, "epochs": epochs, "measured_every": epochs // 20}


EQUAL_UPDATES = Ablation(
    "equal_updates",
    "2.4.3",
    (),
    "batch size",
    {**BATCH_SIZE.levels} | {f"{size}, longer": _as_many_updates(size) for size in (30, 100)},
)
SCALED_RATES = Ablation(
    "scaled_rates",
    "2.4.3",
    (),
    "batch size",
    {**BATCH_SIZE.levels}
    | {f"{size}, scaled": {"batch_size": size, "learning_rate_times": size} for size in (10, 30, 100)},
)

OPTIMIZERS_AT_100 = Ablation(
    "optimizers_at_100",
    "2.4.4",
    (),
    "optimizer",
    {
        "SGD": {"batch_size": 100},
        "SGD, rate times 100": {"batch_size": 100, "learning_rate_times": 100},
        "CG": {"batch_size": 100, "optimizer": "cg"},
    },
    seeds=range(4),
)

THE_LABS = (HIDDEN_UNITS, STAGES, BATCH_SIZE, OPTIMIZERS, ACTIVATIONS, POOLING, FILTERS, DROPOUT)
"""The lab's eight, in its order."""

EVERY_SETTING = Ablation(
    "every_setting",
    "2.5",
    (),
    "setting",
    {f"{each.factor} {label}": level for each in THE_LABS for label, level in each.levels.items() if level}
    | {"baseline": SINGLE},
)
"""All levels of the lab's eight ablations side by side, for what the conclusion says of every setting.

A level counts under each name that it has: the baseline is there by its own, and as, say, the width 64."""

LEARNING_RATES = Ablation(
    "learning_rates",
    "2.3",
    (),
    "learning rate",
    _one_setting("learning_rate", (0.0003, 0.001, 0.003, 0.01)),
    seeds=range(100, 103),
)
"""The grid from which the baseline's learning rate was chosen: the lowest mean validation error over the last 3 epochs.

Its seeds are apart from the study's, so that no run both chooses the rate and decides a claim.
"""

FINAL = {
    "scale": "full",
    "width": 128,
    "pool": 3,
    "pool_stride": 2,
    "hidden": 256,
    "dropout": (0.5, 0.5, 0.5),
    "decay": "cosine",
    "choice": "best",
}
"""The final model (M2) on all the data, and what of its recipe was settled before the search."""

FINAL_SEARCH = Ablation(
    "final_search",
    "2.5",
    (),
    "learning rate",
    {f"{rate:g}": FINAL | {"learning_rate": rate, "epochs": 6} for rate in (0.001, 0.002, 0.004)},
    seeds=range(100, 101),
)
"""The grid from which the final model's first learning rate was chosen: the lowest validation error of any epoch.

Short trainings, on a seed of their own; where the lowest lies at an end of the grid, the grid grows there.
"""

FINAL_RUNS = Ablation(
    "final_runs", "2.5", (), "model", {"final": FINAL | {"learning_rate": 0.002, "epochs": 16}}, seeds=range(3)
)
"""The final model at the rate that the search chose; as many epochs and seeds as there was time for."""

_SHORT = FINAL | {"learning_rate": 0.002, "epochs": 6}

FINAL_CHANGES = Ablation(
    "final_changes",
    "2.5",
    (),
    "change",
    {
        "none": _SHORT,
        "P = 4 in the pooling": _SHORT | {"exponent": 4},
        "12 epochs": _SHORT | {"epochs": 12},
        "dropout in the classifier only": _SHORT | {"dropout": (0.0, 0.0, 0.5)},
    },
    seeds=range(100, 101),
)
"""What might bring the final model closer to 99.54%: one change at a time, judged by validation images alone.

The trainings of `FINAL_SEARCH` at the rate that it chose, on its seed. The exponent and the number of epochs are open
in the lab's report; where dropout goes is not, and that change shows what it costs or gains.
"""

ABLATIONS = {
    each.name: each
    for each in (
        LEARNING_RATES,
        *THE_LABS,
        EQUAL_UPDATES,
        SCALED_RATES,
        OPTIMIZERS_AT_100,
        FINAL_SEARCH,
        FINAL_CHANGES,
        FINAL_RUNS,
    )
}
