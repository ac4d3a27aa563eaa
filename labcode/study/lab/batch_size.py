"""Do larger batches do worse, and is it because they take fewer steps? (lab section 2.4.3, figure 3)"""

from collections.abc import Iterable
from math import log2
from typing import Any

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import AS_THE_LAB, LAST_THREE, OWN_RATES, RATES, RATES_OF_STUDY_1
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import Contrasts, Records, fall, rising
from labcode.study.measures import Measure, at_updates, final_training, final_validation

SECTION, PAGE = "2.4.3", "mnist/batch_size"

SIZES = (1, 10, 30, 100)
BATCH_SIZE = Ablation(
    "batch_size", SECTION, (3,), "batch size", one_setting("batch_size", SIZES), registered=(16, 64, 8)
)

UPDATES = 8_400
"""Steps at which the batch sizes are compared at equal updates: 2 epochs of batch size 1, 20 of 10, 200 of 100."""


def _as_many_updates(batch_size: int) -> dict[str, Any]:
    """Settings that give ``batch_size`` its 8 400 updates: 2 epochs of 4 200 images for each image of the batch."""
    epochs = 2 * batch_size
    return {"batch_size": batch_size, "epochs": epochs, "measured_every": epochs // 20}


EQUAL_UPDATES = Ablation(
    "equal_updates",
    SECTION,
    (),
    "batch size",
    {**BATCH_SIZE.levels} | {f"{size}, longer": _as_many_updates(size) for size in (30, 100)},
)
SCALED_RATES = Ablation(
    "scaled_rates",
    SECTION,
    (),
    "batch size",
    {**BATCH_SIZE.levels}
    | {f"{size}, scaled": {"batch_size": size, "learning_rate_times": size} for size in (10, 30, 100)},
)
ABLATIONS = (BATCH_SIZE, EQUAL_UPDATES, SCALED_RATES)

validation_at_equal_updates = Measure(
    f"validation error after {UPDATES:_} updates".replace("_", " "), lambda record: at_updates(record, UPDATES)
)


def _positions(labels: Iterable[str]) -> dict[str, float]:
    return {label: log2(size) for label, size in zip(labels, SIZES, strict=True)}


def _half_gone(labels: Iterable[str], rises: Measure | None = None) -> Contrasts:
    """Half the rise at equal epochs, of ``rises`` or the measure itself, less what is left of it among ``labels``."""

    def contrast(measure: Measure, records: Records) -> float:
        rise = -fall(rises or measure, records, _positions(BATCH_SIZE.levels))
        return rise / 2 - abs(fall(measure, records, _positions(labels)))

    return {"half the rise, less what is left of it": contrast}


RISES = (
    "rises with the batch size, at equal epochs: the rise is taken from batch size 1 to 100 along the line fitted in "
    "log2(batch size)."
)
HALF_GONE = "rises at equal epochs and equal learning rates (both along the line fitted in log2(batch size))."

CLAIMS = (
    Claim(
        "C05",
        SECTION,
        PAGE,
        "Training and validation error both rise clearly with the batch size.",
        tuple(
            Part(
                f"{name} error rises with the batch size",
                BATCH_SIZE,
                measure,
                RISES,
                *rising("batch size 1 to 100", _positions(BATCH_SIZE.levels)),
            )
            for name, measure in (("training", final_training), ("validation", final_validation))
        ),
        (AS_THE_LAB, LAST_THREE, *RATES, OWN_RATES),
    ),
    Claim(
        "C06",
        SECTION,
        PAGE,
        "The reason is probably that a larger batch needs more epochs.",
        (
            Part(
                "it goes away at equal updates",
                EQUAL_UPDATES,
                validation_at_equal_updates,
                "rises or falls from batch size 1 to 100 by less than half as much as the "
                f"{final_validation.words} {HALF_GONE}",
                _half_gone(["1", "10", "30, longer", "100, longer"], final_validation),
            ),
            Part(
                "it goes away with a learning rate scaled to the batch",
                SCALED_RATES,
                final_validation,
                "rises or falls from batch size 1 to 100, with the learning rate multiplied by the batch size and at "
                f"equal epochs, by less than half as much as it {HALF_GONE}",
                _half_gone(["1", "10, scaled", "30, scaled", "100, scaled"]),
            ),
        ),
        (AS_THE_LAB, *RATES_OF_STUDY_1),
    ),
)
