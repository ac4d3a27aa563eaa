"""Do all settings converge, and what does the validation error promise? (lab section 2.5)"""

from functools import partial

import numpy as np

from labcode.study.ablation import BASELINE, Ablation
from labcode.study.checks import RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import Records
from labcode.study.lab.activations import ACTIVATIONS
from labcode.study.lab.batch_size import BATCH_SIZE
from labcode.study.lab.dropout import DROPOUT
from labcode.study.lab.filters import FILTERS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.optimizers import OPTIMIZERS
from labcode.study.lab.pooling import POOLING
from labcode.study.lab.stages import STAGES
from labcode.study.measures import Measure, error_on_test, final_training, final_validation
from labcode.study.samples import Runs, results
from labcode.study.statistics import decide

SECTION, PAGE = "2.5", "mnist/validation"

EVERY_SETTING = Ablation(
    "every_setting",
    SECTION,
    (),
    "setting",
    {
        f"{each.factor} {label}": level
        for each in (HIDDEN_UNITS, STAGES, BATCH_SIZE, OPTIMIZERS, ACTIVATIONS, POOLING, FILTERS, DROPOUT)
        for label, level in each.levels.items()
        if level
    }
    | {"baseline": BASELINE},
)
"""All levels of the lab's eight ablations side by side, for what the conclusion says of every setting.

A level counts under each of its names: the baseline is there as itself and, say, as the width 64. The runs belong to
those ablations, so this one is not listed."""


def by_setting() -> dict[str, Runs]:
    """Return the runs of every setting, once each, by the name of the setting's first run.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> len(by_setting()) < len(EVERY_SETTING.levels)
    True
    """
    return {runs.records[0].experiment.name: runs for runs in results(EVERY_SETTING).values()}


failures = Measure(
    "number of settings that diverge or misclassify over half of the training images at the last epoch",
    lambda record: final_training(record) > 50,
    unit="settings",
)
test_less_validation = Measure(
    "excess of the test error over the validation error of the same weights, those of the last epoch,",
    lambda record: error_on_test(record) - final_validation(record),
)


def _sum(measure: Measure, records: Records) -> float:
    return sum(measure(record) for record in records.values())


def _mean_of_converged(measure: Measure, records: Records) -> float:
    return float(np.mean([measure(record) for record in records.values() if not record.history.diverged]))


CLAIMS = (
    Claim(
        "C16",
        SECTION,
        PAGE,
        "Not every setting converges, and validation accuracy is no promise of test accuracy.",
        (
            Part(
                "not every setting converges",
                EVERY_SETTING,
                failures,
                "is at least 1 per seed, on average, among all levels of the lab's eight ablations.",
                {"settings that fail": _sum},
                partial(decide, smallest=1),
            ),
            Part(
                "test error is higher than validation error",
                EVERY_SETTING,
                test_less_validation,
                "is positive on average over all levels of the lab's eight ablations (diverged runs left out).",
                {"test above validation": _mean_of_converged},
            ),
        ),
        RATES,
    ),
)
