"""Do all settings converge, and what does the validation error promise? (lab section 2.5)"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.stats import spearmanr

from labcode.study.ablation import BASELINE, Ablation
from labcode.study.checks import RATES
from labcode.study.claim import Check, Claim, Finding, Part
from labcode.study.contrasts import Contrast, Records
from labcode.study.experiment import Experiment
from labcode.study.lab.activations import ACTIVATIONS
from labcode.study.lab.batch_size import BATCH_SIZE
from labcode.study.lab.dropout import DROPOUT
from labcode.study.lab.filters import FILTERS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.optimizers import OPTIMIZERS
from labcode.study.lab.pooling import POOLING
from labcode.study.lab.stages import STAGES, STAGES_PADDED
from labcode.study.measures import Measure, error_on_test, final_training, final_validation
from labcode.study.outcomes import exists
from labcode.study.records import RECORDS, Record, read_all
from labcode.study.samples import Runs, results
from labcode.study.statistics import RUNS, Verdict
from labcode.study.studies import Study

SECTION, PAGE = "2.5", "mnist/validation"

SGD_ABLATIONS = (HIDDEN_UNITS, STAGES, BATCH_SIZE, ACTIVATIONS, POOLING, FILTERS, DROPOUT)


def _levels(*ablations: Ablation) -> dict[str, Mapping[str, Any]]:
    return {
        f"{each.factor} {label}": {**each.common, **level}
        for each in ablations
        for label, level in each.levels.items()
        if level
    } | {"baseline": BASELINE}


def _once(levels: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Leave out every other name of one setting, such as "width 64" for the baseline."""
    named = {Experiment(0).vary(**level): (label, level) for label, level in levels.items()}
    return dict(named.values())


EVERY_SETTING = Ablation("every_setting", SECTION, (), "setting", _levels(*SGD_ABLATIONS, OPTIMIZERS))
"""All levels of the lab's eight ablations side by side, for what the conclusion says of every setting.

A level counts under each of its names: the baseline is there as itself and, say, as the width 64. The runs belong to
those ablations, so this one is not listed."""

SGD_SETTINGS = Ablation("sgd_settings", SECTION, (), "setting", _once(_levels(*SGD_ABLATIONS)))
"""The 19 settings of the lab's seven ablations with SGD, each once: study 1 chooses among them."""

MAIN_SETTINGS = Ablation(
    "main_settings",
    SECTION,
    (),
    "setting",
    {**SGD_SETTINGS.levels}
    | {f"padded {label}": {**STAGES_PADDED.common, **level} for label, level in STAGES_PADDED.levels.items()},
    registered=(16, 64, 0),
)
"""Those 19 and the three padded networks: study 2 chooses among them."""


def by_setting() -> dict[str, Runs]:
    """Return the runs of every setting, once each, by the name of the setting's first run.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> len(by_setting()) < len(EVERY_SETTING.levels)
    True
    """
    return {runs.records[0].experiment.name: runs for runs in results(EVERY_SETTING).values()}


# --- not every setting converges --------------------------------------------------------------------------------


def exhibits(folder: Path = RECORDS) -> list[Record]:
    """Return recorded runs that failed: they diverged, or misclassify over half of their training images at the end.

    As registered, the search covers every record of any study. One run decides.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> sorted({record.experiment.network.activation for record in exhibits()})
    ['relu', 'tanh']
    """
    return [record for record in read_all(folder) if record.history.diverged or final_training(record) > 50]


class Existence(Part):
    """The part that is decided by exhibits: the lab's sentence holds if there is one run that fails."""

    def find(self, check: Check, study: Study, stage: int, folder: Path) -> Finding:
        """Count the exhibits, whatever the study: a run that failed did so."""
        found = np.array([float(len(exhibits(folder)))])
        return Finding(self, range(1), {"runs that fail": Verdict(found, exists, margin=1, unit=RUNS)})


# --- validation accuracy is no promise of test accuracy ---------------------------------------------------------

test_less_validation = Measure(
    "excess of the test error over the validation error of the same weights, those of the last epoch,",
    lambda record: error_on_test(record) - final_validation(record),
)
TEST_IMAGES = BOOTSTRAP_DRAWS = 10_000


def chosen(records: Records) -> list[Record]:
    """Return the record that validation would choose, as the lab did: the lowest validation error at the last epoch."""
    return [min(records.values(), key=final_validation)]


def converged(records: Records) -> list[Record]:
    """Return the records that did not diverge."""
    return [record for record in records.values() if not record.history.diverged]


@dataclass(frozen=True)
class MeanOver:
    """A contrast: the mean of a measure over those records of a seed that ``pick`` takes."""

    pick: Callable[[Records], list[Record]]

    def __call__(self, measure: Measure, records: Records) -> float:
        """Return the mean for one seed."""
        return float(np.mean([measure(record) for record in self.pick(records)]))


def bootstrap(excess: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of the mean of ``excess``, over seeds and over test images at once.

    Both are drawn with replacement, and a draw of the images is the same for all seeds (Owen, Annals of Applied
    Statistics 1, 2007: the pigeonhole bootstrap, which is conservative).

    Parameters
    ----------
    excess : of the test error over the validation error, in percentage points, (seeds,).
    wrong : how often each image was misclassified, 0 to 1, (seeds, images), without those that no run missed.
    """
    rng = np.random.default_rng(0)
    seeds, missed = wrong.shape
    # Images that no run missed count only together, as the last of the shares.
    shares = np.append(np.full(missed, 1 / TEST_IMAGES), 1 - missed / TEST_IMAGES)
    means = []
    for _ in range(10):  # a tenth of the draws at a time, to save memory
        counts = rng.multinomial(TEST_IMAGES, shares, BOOTSTRAP_DRAWS // 10)[:, :-1]
        moved = 100 * (counts - 1.0) @ wrong.T / TEST_IMAGES  # what the draw of the images adds to each seed's error
        drawn = rng.integers(0, seeds, moved.shape)
        means.append((excess[drawn] + np.take_along_axis(moved, drawn, axis=1)).mean(axis=1))
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def missed_images(picked: Sequence[Sequence[Record]]) -> np.ndarray:
    """Return how often the records of each seed misclassify each test image that any of them does, (seeds, images)."""
    column: dict[int, int] = {}
    found = [
        (seed, column.setdefault(place, len(column)), 1 / len(records))
        for seed, records in enumerate(picked)
        for record in records
        for place, _ in record.missed or ()
    ]
    wrong = np.zeros((len(picked), len(column)))
    for seed, image, share in found:
        wrong[seed, image] += share
    return wrong


class Selection(Part):
    """The part about the setting that validation chooses: its interval is over seeds and over test images."""

    def verdict(self, contrast: Contrast, by_seed: Sequence[Records], overlap: float = 0.0) -> Verdict:
        """Decide from the records of several seeds.

        Study 1 did not record which test images were missed. There they enter as binomial noise that all seeds share.
        """
        found = super().verdict(contrast, by_seed, overlap)
        picked = [cast(MeanOver, contrast).pick(records) for records in by_seed]
        if any(record.missed is None for records in picked for record in records):
            error = np.mean([np.mean([error_on_test(record) for record in records]) for records in picked])
            return replace(found, shared=float(np.sqrt(error * (100 - error) / TEST_IMAGES)))
        wrong = missed_images(picked)
        spread = wrong.mean(axis=0)  # how many of the seeds miss each image
        variance = (spread**2).sum() / TEST_IMAGES - (spread.sum() / TEST_IMAGES) ** 2
        shared = float(100 * np.sqrt(variance / TEST_IMAGES))
        return replace(found, shared=shared, bounds=bootstrap(found.values, wrong))


def rank_correlation(records: Records) -> float:
    """Return Spearman's rank correlation of validation and test error over the settings of one seed, both at the end.

    1 says that validation puts the settings in the order of the test. Diverged runs are left out.

    >>> round(rank_correlation(SGD_SETTINGS.records([0])[0]), 2)
    0.87
    """
    errors = [[measure(record) for record in converged(records)] for measure in (final_validation, error_on_test)]
    return float(spearmanr(*errors).statistic)


CLAIMS = (
    Claim(
        "C16",
        SECTION,
        PAGE,
        "Not every setting converges, and validation accuracy is no promise of test accuracy.",
        (
            Existence(
                "not every setting converges",
                ACTIVATIONS,
                final_training,
                "is above 50%, or the loss is not finite, in at least one recorded run.",
                {},
                decided_by=exists,
            ),
            Selection(
                "test error is higher than validation error",
                MAIN_SETTINGS,
                test_less_validation,
                f"is positive for the setting with the lowest {final_validation.words}, chosen anew for each seed.",
                {"chosen setting, test above validation": MeanOver(chosen)},
                beside={"unselected": {"mean over all settings": MeanOver(converged)}},
                explored=SGD_SETTINGS,
            ),
        ),
        RATES,
    ),
)
