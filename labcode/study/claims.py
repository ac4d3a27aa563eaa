"""The lab's claims, each beside the rule that decides it. The rules were written before the runs they judge."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np

from labcode.study.ablation import (
    ACTIVATIONS,
    BATCH_SIZE,
    DROPOUT,
    EQUAL_UPDATES,
    EVERY_SETTING,
    FILTERS,
    FINAL_RUNS,
    FURTHER_SEEDS,
    HIDDEN_UNITS,
    LATER_SEEDS,
    OPTIMIZERS,
    POOLING,
    SCALED_RATES,
    STAGES,
    UPDATES,
)
from labcode.study.claim import Claim, Condition, Contrast, Part, Records
from labcode.study.experiment import Experiment
from labcode.study.measures import (
    Measure,
    at_gradients,
    at_updates,
    best,
    chosen_epoch,
    early,
    epochs_to,
    errors,
    final,
    gap,
    of,
    settled,
    variation,
)
from labcode.study.records import Record
from labcode.study.statistics import decide, decide_equivalence, decide_reached, fitted_fall

Value = Callable[[Record], float]

# --- contrasts --------------------------------------------------------------------------------------------------


def lower(label: str, than: Iterable[str], value: Value) -> dict[str, Contrast]:
    """Return, for each other label, by how much the value at ``label`` is below that at the other.

    >>> records = HIDDEN_UNITS.records(seeds=[0])[0]
    >>> contrasts = lower("128", than=["16", "64"], value=of("validation", best))
    >>> {name: round(contrast(records), 2) for name, contrast in contrasts.items()}
    {'128 below 16': 0.22, '128 below 64': 0.11}
    """

    def contrast(other: str) -> Contrast:
        return lambda records: value(records[other]) - value(records[label])

    return {f"{label} below {other}": contrast(other) for other in than}


def higher(label: str, than: Iterable[str], value: Value) -> dict[str, Contrast]:
    """Return, for each other label, by how much the value at ``label`` is above that at the other.

    >>> records = STAGES.records(seeds=[0])[0]
    >>> contrasts = higher("1", than=["2", "3"], value=gap)
    >>> {name: round(contrast(records), 2) for name, contrast in contrasts.items()}
    {'1 above 2': 1.2, '1 above 3': 1.19}
    """

    def contrast(other: str) -> Contrast:
        return lambda records: value(records[label]) - value(records[other])

    return {f"{label} above {other}": contrast(other) for other in than}


def _fall(records: Iterable[Record], position: Value, value: Value) -> float:
    found = list(records)
    return fitted_fall([position(r) for r in found], [value(r) for r in found])


def _width(record: Record) -> int:
    return record.experiment.network.width


def _batch_size(record: Record) -> int:
    return record.experiment.recipe.batch_size


def _falls_with_width(value: Value) -> dict[str, Contrast]:
    return {"width 16 to 128": lambda records: _fall(records.values(), _width, value)}


def _rise_with_batch(records: Records, labels: Iterable[str], value: Value) -> float:
    return -_fall((records[label] for label in labels), _batch_size, value)


def _rises_with_batch(value: Value) -> dict[str, Contrast]:
    return {"batch size 1 to 100": lambda records: _rise_with_batch(records, BATCH_SIZE.levels, value)}


def _half_gone(labels: Iterable[str], value: Value) -> dict[str, Contrast]:
    """Half the rise at equal epochs, less what is left of it among ``labels`` by ``value``."""

    def contrast(records: Records) -> float:
        rise = _rise_with_batch(records, BATCH_SIZE.levels, of("validation", final))
        return rise / 2 - abs(_rise_with_batch(records, labels, value))

    return {"half the rise, less what is left of it": contrast}


def _slower_to_8_percent(records: Records) -> float:
    epochs = {label: epochs_to(errors(record, "validation"), 8) for label, record in records.items()}
    return epochs["sigmoid"] - max(epochs["tanh"], epochs["relu"])


def _cheaper(records: Records) -> float:
    """How much lower CG's training error is when it has taken as many gradients as SGD takes in all its epochs."""
    budget = records["SGD"].history.gradients[-1]
    return final(errors(records["SGD"], "train")) - at_gradients(records["CG"], budget)


def _failing(records: Records) -> int:
    """How many settings failed: the run diverged, or still misclassifies over half the training images at its end."""
    return sum(final(errors(record, "train")) > 50 for record in records.values())


def _test_above_validation(records: Records) -> float:
    kept = [record for record in records.values() if not record.history.diverged]
    return float(np.mean([error_on_test(record) - final(errors(record, "validation")) for record in kept]))


def error_on_test(record: Record) -> float:
    """Return the error on the test images in percent.

    Raises
    ------
    ValueError : the run was made to choose settings, and never saw them.

    >>> from labcode.study.records import read
    >>> print(error_on_test(read(Experiment(seed=0))))
    1.26
    >>> error_on_test(read(Experiment(seed=100)))
    Traceback (most recent call last):
    ...
    ValueError: baseline_seed=100 never saw the test images: it was run to choose settings.
    """
    if record.test is None:
        raise ValueError(f"{record.experiment.name} never saw the test images: it was run to choose settings.")
    return record.test.percent[0]


# --- conditions and checks --------------------------------------------------------------------------------------

LAST_THREE = "mean of the last 3 epochs"

THIRD = Condition("a third of the learning rate", ({"learning_rate_times": 1 / 3},))
TRIPLE = Condition("three times the learning rate", ({"learning_rate_times": 3},))
OWN_RATES = Condition(
    "each level at its own best learning rate",
    tuple({"learning_rate_times": factor} for factor in (1 / 3, 1, 3, 10, 30, 100)),
)
RATES = (THIRD, TRIPLE)
FURTHER = Condition("8 further seeds", ({},), seeds=FURTHER_SEEDS)
PADDED = Condition("every convolution padded by 2", ({"padding": 2},))
OPTIMIZER_CONDITIONS = (
    *RATES,
    Condition("batch size 100", ({"batch_size": 100},)),
    Condition("batch size 100 and 5 line searches", ({"batch_size": 100, "line_searches": 5},)),
    Condition("1 line search", ({"line_searches": 1},)),
    Condition("the 5 added seeds alone", ({},), seeds=LATER_SEEDS),
)

# --- what the claims say, by the measure of "lowest" ---------------------------------------------------------------


def _gain_with_width(lowest: Measure) -> tuple[Part, ...]:
    return (
        Part(
            "validation error falls with the width",
            "The best validation error of any epoch falls as the width grows: the fall from width 16 to width 128 "
            "along the line fitted in log2(width).",
            HIDDEN_UNITS,
            _falls_with_width(of("validation", lowest)),
        ),
    )


def _gain_with_stages(lowest: Measure) -> tuple[Part, ...]:
    value = of("validation", lowest)
    return (
        Part(
            "each stage lowers the validation error",
            "The best validation error of any epoch is lower with 2 stages than with 1, and lower with 3 than with 2.",
            STAGES,
            lower("2", ["1"], value) | lower("3", ["2"], value),
        ),
    )


def _one_stage(lowest: Measure) -> tuple[Part, ...]:
    return (
        Part(
            "1 stage converges faster",
            "Training error (dropout off), averaged over the first 5 epochs, is lower with 1 stage than with 2 and "
            "than with 3.",
            STAGES,
            lower("1", ["2", "3"], of("train", early)),
        ),
        Part(
            "1 stage has the higher validation error",
            "The best validation error of any epoch is higher with 1 stage than with 2 and than with 3.",
            STAGES,
            higher("1", ["2", "3"], of("validation", lowest)),
        ),
        Part(
            "1 stage overfits",
            "The gap between validation and training error, over the last 3 epochs, is wider with 1 stage than with 2 "
            "and than with 3.",
            STAGES,
            higher("1", ["2", "3"], gap),
        ),
    )


def _rise_with_batch_size(at_end: Measure) -> tuple[Part, ...]:
    return tuple(
        Part(
            f"{name} error rises with the batch size",
            f"The {name} error at the last epoch rises as the batch size grows, at equal epochs: the rise from batch "
            "size 1 to 100 along the line fitted in its logarithm.",
            BATCH_SIZE,
            _rises_with_batch(of(part, at_end)),
        )
        for part, name in (("train", "training"), ("validation", "validation"))
    )


def _cg_goes_lower(lowest: Measure) -> Part:
    return Part(
        "CG reaches a lower validation error",
        "The best validation error of any epoch is lower with conjugate gradient than with SGD.",
        OPTIMIZERS,
        lower("CG", ["SGD"], of("validation", lowest)),
    )


def _cg_lower_and_unstable(lowest: Measure) -> tuple[Part, ...]:
    return (
        _cg_goes_lower(lowest),
        Part(
            "CG is less stable",
            "The mean absolute change of the validation error from one epoch to the next, over the last 10 epochs, is "
            "larger with conjugate gradient than with SGD.",
            OPTIMIZERS,
            higher("CG", ["SGD"], of("validation", variation)),
        ),
    )


def _sigmoid_worse(at_end: Measure) -> tuple[Part, ...]:
    return (
        Part(
            "sigmoid is worse",
            "The validation error at the last epoch is higher with sigmoid than with tanh and than with ReLU.",
            ACTIVATIONS,
            higher("sigmoid", ["tanh", "relu"], of("validation", at_end)),
        ),
        Part(
            "sigmoid is slow",
            "Sigmoid takes more epochs than the slower of tanh and ReLU until its validation error is at most "
            "8%; a run that never gets there counts one epoch more than it has. A difference of 1 epoch matters.",
            ACTIVATIONS,
            {"sigmoid later than both": _slower_to_8_percent},
            partial(decide, smallest=1, unit="epochs"),
        ),
    )


def _tanh_and_relu(lowest: Measure) -> tuple[Part, ...]:
    value = of("validation", lowest)
    return (
        Part(
            "tanh and ReLU are comparable",
            "The best validation error of any epoch with tanh is within 0.2 percentage points of that with ReLU "
            "(equivalence).",
            ACTIVATIONS,
            lower("tanh", ["relu"], value),
            decide_equivalence,
        ),
        Part(
            "tanh is more stable",
            "The mean absolute change of the validation error from one epoch to the next, over the last 10 epochs, is "
            "smaller with tanh than with ReLU.",
            ACTIVATIONS,
            lower("tanh", ["relu"], of("validation", variation)),
        ),
        Part(
            "tanh is slightly lower",
            "The best validation error of any epoch is lower with tanh than with ReLU. The lab says slightly, so any "
            "difference counts whose interval lies above 0: with the usual 0.2 points this part and the first could "
            "never both hold.",
            ACTIVATIONS,
            lower("tanh", ["relu"], value),
            partial(decide, smallest=0),
        ),
    )


def _best_pooling(lowest: Measure) -> tuple[Part, ...]:
    return (
        Part(
            "pooling 3 with stride 2 is best",
            "The best validation error of any epoch is lower with size 3 and stride 2 than with 2/2 and than with 3/3.",
            POOLING,
            lower("3/2", ["2/2", "3/3"], of("validation", lowest)),
        ),
    )


def _best_filter(lowest: Measure) -> tuple[Part, ...]:
    return (
        Part(
            "filter size 7 is best",
            "The best validation error of any epoch is lower with filter size 7 than with 3 and than with 5.",
            FILTERS,
            lower("7", ["3", "5"], of("validation", lowest)),
        ),
    )


def _best_dropout(lowest: Measure) -> tuple[Part, ...]:
    others = [label for label in DROPOUT.levels if label != "all three"]
    return (
        Part(
            "dropout in all three places has the lowest validation error",
            "The best validation error of any epoch is lower with dropout in all three places than with none and than "
            "with each alone.",
            DROPOUT,
            lower("all three", others, of("validation", lowest)),
        ),
        Part(
            "dropout in all three places has the narrowest gap",
            "The gap between validation and training error (dropout off), over the last 3 epochs, is narrower with "
            "dropout in all three places than with none and than with each alone.",
            DROPOUT,
            lower("all three", others, gap),
        ),
    )


LAB_TRAINING_ERROR, LAB_TEST_ERROR = 0.27, 0.46
"""Of the lab's final model, in percent: 99.73% and 99.54% are right."""

FINAL_MARGIN = 0.1
"""Percentage points above the lab's error that do not matter: 10 of the 10 000 test images.

Its one count of 46 errors is itself uncertain by more than that.
"""


def _final_model(training_error: Value, counted: str) -> tuple[Part, ...]:
    def reached(error: Value, labs: float) -> dict[str, Contrast]:
        return {f"below the lab's {labs:.2f}%": lambda records: labs - error(records["final"])}

    margin = f"is not above the lab's by {FINAL_MARGIN} percentage points or more"
    decided = partial(decide_reached, margin=FINAL_MARGIN)
    return (
        Part(
            "as accurate on the training set",
            f"The error on the 42 000 training images, {counted}, {margin}.",
            FINAL_RUNS,
            reached(training_error, LAB_TRAINING_ERROR),
            decided,
        ),
        Part(
            "as accurate on the test set",
            f"The error on the 10 000 test images, counted once with the weights of the chosen epoch, {margin}.",
            FINAL_RUNS,
            reached(error_on_test, LAB_TEST_ERROR),
            decided,
        ),
    )


def _fitted_error(record: Record) -> float:
    if record.fitted is None:
        raise ValueError(f"{record.experiment.name} did not count the errors on all its training images.")
    return record.fitted.percent[0]


def _online_error(record: Record) -> float:
    """Of the epoch whose weights were chosen."""
    return record.history.online.percent[chosen_epoch(record)]


CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "C01",
            "2.4.1",
            "More hidden units converge faster on the training set.",
            (
                Part(
                    "training error falls faster with the width",
                    "Training error (dropout off), averaged over the first 5 epochs, falls as the width grows: the "
                    "fall from width 16 to width 128 along the line fitted in log2(width).",
                    HIDDEN_UNITS,
                    _falls_with_width(of("train", early)),
                ),
            ),
            conditions=RATES,
        ),
        Claim(
            "C02",
            "2.4.1",
            "The validation set gains from more hidden units too.",
            _gain_with_width(best),
            {LAST_THREE: _gain_with_width(settled)},
            RATES,
        ),
        Claim(
            "C03",
            "2.4.2",
            "More convolution layers raise the accuracy.",
            _gain_with_stages(best),
            {LAST_THREE: _gain_with_stages(settled)},
            (*RATES, PADDED),
        ),
        Claim(
            "C04",
            "2.4.2",
            "One layer converges faster on the training error, yet has the higher validation error: it overfits.",
            _one_stage(best),
            {LAST_THREE: _one_stage(settled)},
            (*RATES, PADDED),
        ),
        Claim(
            "C05",
            "2.4.3",
            "Training and validation error both rise clearly with the batch size.",
            _rise_with_batch_size(final),
            {LAST_THREE: _rise_with_batch_size(settled)},
            (*RATES, OWN_RATES),
        ),
        Claim(
            "C06",
            "2.4.3",
            "The reason is probably that a larger batch needs more epochs.",
            (
                Part(
                    "it goes away at equal updates",
                    f"At {UPDATES} updates each, what is left of the rise of the validation error from batch size 1 to "
                    "100, in size, is less than half of the rise at equal epochs.",
                    EQUAL_UPDATES,
                    _half_gone(["1", "10", "30, longer", "100, longer"], lambda record: at_updates(record, UPDATES)),
                ),
                Part(
                    "it goes away with a learning rate scaled to the batch",
                    "With the learning rate multiplied by the batch size, at equal epochs, what is left of the rise, "
                    "in size, is less than half of it.",
                    SCALED_RATES,
                    _half_gone(["1", "10, scaled", "30, scaled", "100, scaled"], of("validation", final)),
                ),
            ),
            conditions=RATES,
        ),
        Claim(
            "C07",
            "2.4.4",
            "Conjugate gradient converges faster on the training set than SGD.",
            (
                Part(
                    "CG converges faster by epochs",
                    "Training error (dropout off), averaged over the first 5 epochs, is lower with conjugate gradient.",
                    OPTIMIZERS,
                    lower("CG", ["SGD"], of("train", early)),
                ),
            ),
            {
                "at equal minibatch gradients": (
                    Part(
                        "CG converges faster by minibatch gradients",
                        "When conjugate gradient has taken as many minibatch gradients as SGD takes in all its epochs, "
                        "its training error is lower than SGD's last one.",
                        OPTIMIZERS,
                        {"CG below SGD at equal gradients": _cheaper},
                    ),
                )
            },
            OPTIMIZER_CONDITIONS,
        ),
        Claim(
            "C08",
            "2.4.4",
            "On the validation set conjugate gradient goes lower but is less stable.",
            _cg_lower_and_unstable(best),
            {LAST_THREE: _cg_lower_and_unstable(settled)},
            OPTIMIZER_CONDITIONS,
        ),
        Claim(
            "C09",
            "2.4.4",
            "Conjugate gradient is slightly better overall.",
            (_cg_goes_lower(best),),
            {LAST_THREE: (_cg_goes_lower(settled),)},
            OPTIMIZER_CONDITIONS,
        ),
        Claim(
            "C10",
            "2.4.5",
            "Sigmoid is worse than tanh and ReLU, and takes long to come to around 8% error.",
            _sigmoid_worse(final),
            {LAST_THREE: _sigmoid_worse(settled)},
            (*RATES, OWN_RATES),
        ),
        Claim(
            "C11",
            "2.4.5",
            "Tanh and ReLU are comparable; tanh is more stable and slightly lower.",
            _tanh_and_relu(best),
            {LAST_THREE: _tanh_and_relu(settled)},
            (*RATES, OWN_RATES, FURTHER),
        ),
        Claim(
            "C12",
            "2.4.6",
            "Of pool size and stride 2/2, 3/3 and 3/2, size 3 with stride 2 is best.",
            _best_pooling(best),
            {LAST_THREE: _best_pooling(settled)},
            (*RATES, FURTHER),
        ),
        Claim(
            "C13",
            "2.4.7",
            "Of filter sizes 3, 5 and 7, size 7 has the lowest validation error.",
            _best_filter(best),
            {LAST_THREE: _best_filter(settled)},
            (*RATES, FURTHER),
        ),
        Claim(
            "C14",
            "2.4.8",
            "Dropout in all three places generalizes best.",
            _best_dropout(best),
            {LAST_THREE: _best_dropout(settled)},
            RATES,
        ),
        Claim(
            "C15",
            "2.5",
            "More layers and more hidden units are generally useful.",
            _gain_with_stages(best) + _gain_with_width(best),
            {LAST_THREE: _gain_with_stages(settled) + _gain_with_width(settled)},
            RATES,
        ),
        Claim(
            "C16",
            "2.5",
            "Not every setting converges, and validation accuracy is no promise of test accuracy.",
            (
                Part(
                    "not every setting converges",
                    "Among all levels of the lab's eight ablations, at least one setting a seed, on average, diverges "
                    "or still misclassifies more than half of the training images at the last epoch.",
                    EVERY_SETTING,
                    {"settings that fail": _failing},
                    partial(decide, smallest=1, unit="settings"),
                ),
                Part(
                    "test error is higher than validation error",
                    "At the last epoch, the test error of the same weights is higher than their validation error, on "
                    "average over all levels of the lab's eight ablations (diverged runs left out).",
                    EVERY_SETTING,
                    {"test above validation": _test_above_validation},
                ),
            ),
            conditions=RATES,
        ),
        Claim(
            "C17",
            "2.5",
            "The final model: 99.73% on the training set, 99.54% on the test set.",
            _final_model(_fitted_error, "dropout off"),
            {
                "training error counted while training": _final_model(
                    _online_error, "counted during the chosen epoch, dropout on and weights changing"
                )
            },
        ),
    )
}
"""By id."""


def experiments(ablations: Iterable[str] | None = None) -> list[Experiment]:
    """Return every run that decides a claim, first time and again, each once.

    Parameters
    ----------
    ablations : names of those to take; all, if None.

    >>> len(experiments(["hidden_units"]))  # 4 widths: 8 seeds, and 3 at each of two other learning rates
    56
    """
    return list(
        dict.fromkeys(
            experiment
            for claim in CLAIMS.values()
            for part in claim.parts
            if ablations is None or part.ablation.name in ablations
            for seeds, common in _conditions(claim)
            for experiment in part.ablation.experiments(seeds, common)
        )
    )


def _conditions(claim: Claim) -> Iterator[tuple[range | None, Mapping[str, object]]]:
    """Seeds and common settings of the claim's runs: as stated first, then under its conditions."""
    yield None, {}
    for condition in claim.conditions:
        for common in condition.alternatives:
            yield condition.seeds, common
