"""Do larger batches do worse, and is it because they take fewer steps? (lab section 2.4.3, figure 3)"""

from collections.abc import Iterable
from typing import Any

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import LAST_THREE, OWN_RATES, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import Contrasts, Records, fall, rises
from labcode.study.measures import Measure, at_updates, final_training, final_validation
from labcode.study.records import Record

SECTION, PAGE = "2.4.3", "mnist/batch_size"

BATCH_SIZE = Ablation("batch_size", SECTION, (3,), "batch size", one_setting("batch_size", (1, 10, 30, 100)))

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


def _batch_size(record: Record) -> int:
    return record.experiment.recipe.batch_size


def _half_gone(labels: Iterable[str]) -> Contrasts:
    """Half the rise at equal epochs, less what is left of the rise among ``labels``."""

    def contrast(measure: Measure, records: Records) -> float:
        rise = -fall(final_validation, [records[label] for label in BATCH_SIZE.levels], _batch_size)
        return rise / 2 - abs(fall(measure, [records[label] for label in labels], _batch_size))

    return {"half the rise, less what is left of it": contrast}


RISES = (
    "rises with the batch size, at equal epochs: the rise is taken from batch size 1 to 100 along the line fitted in "
    "log2(batch size)."
)
HALF_GONE = (
    f"by less than half as much as the {final_validation.words} rises at equal epochs and equal learning rates "
    "(both along the line fitted in log2(batch size))."
)

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
                rises("batch size 1 to 100", _batch_size),
            )
            for name, measure in (("training", final_training), ("validation", final_validation))
        ),
        (LAST_THREE, *RATES, OWN_RATES),
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
                f"rises or falls from batch size 1 to 100 {HALF_GONE}",
                _half_gone(["1", "10", "30, longer", "100, longer"]),
            ),
            Part(
                "it goes away with a learning rate scaled to the batch",
                SCALED_RATES,
                final_validation,
                "rises or falls from batch size 1 to 100, with the learning rate multiplied by the batch size and at "
                f"equal epochs, {HALF_GONE}",
                _half_gone(["1", "10, scaled", "30, scaled", "100, scaled"]),
            ),
        ),
        RATES,
    ),
)
