"""Measures: the numbers that rules, tables and figures read off a record, each with the words that name it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labcode.study.records import Record
from labcode.study.statistics import PERCENT, POINTS, SMALLEST_DIFFERENCE

EARLY_EPOCHS = 5
LAST_EPOCHS = 3
STEADY_EPOCHS = 10
CHANCE = 90.0
"""Error in percent of guessing among ten digits; a diverged run counts with it from the divergence on."""


@dataclass(frozen=True)
class Measure:
    """A number read off one record, and the words that name it in every rule.

    Attributes
    ----------
    words : names the number in a sentence, after "the".
    read : from a record to the number.
    unit : of a difference between two such numbers.
    margin : the smallest difference that matters, in ``unit``.

    >>> from labcode.study import Experiment
    >>> from labcode.study.records import read
    >>> best_validation.words, best_validation(read(Experiment(seed=0)))
    ('best validation error of any epoch', 1.3888888888888888)
    """

    words: str
    read: Callable[[Record], float]
    unit: str = POINTS
    margin: float = SMALLEST_DIFFERENCE

    def __call__(self, record: Record) -> float:
        """Return the measure of ``record``."""
        return self.read(record)


# --- of an error curve ------------------------------------------------------------------------------------------


def errors(record: Record, part: str) -> np.ndarray:
    """Return the errors of ``part`` ("train" or "validation") in percent, (measurements,).

    A diverged run has no weights worth testing: from the divergence on, its errors are those of guessing, 90%.

    >>> from labcode.study.lab.activations import ACTIVATIONS
    >>> from labcode.study.records import read
    >>> diverged = read(ACTIVATIONS.experiment("relu", 0, {"learning_rate_times": 30}))
    >>> diverged.history.train.errors, errors(diverged, "train").shape, errors(diverged, "train")[0]
    ((), (20,), np.float64(90.0))
    """
    recipe = record.experiment.recipe
    percent = getattr(record.history, part).percent
    measurements = recipe.epochs // recipe.measured_every
    return np.concatenate([percent, np.full(measurements - len(percent), CHANCE)])


def early(curve: np.ndarray, epochs: int = EARLY_EPOCHS) -> float:
    """Mean error over the first 5 epochs, or another number of them: lower means faster convergence.

    >>> early(np.array([10, 8, 6, 4, 2, 0]))
    6.0
    """
    return float(curve[:epochs].mean())


def best(curve: np.ndarray) -> float:
    """Lowest error of any epoch, as when the epoch is chosen on the validation set.

    >>> best(np.array([10, 4, 6]))
    4.0
    """
    return float(curve.min())


def final(curve: np.ndarray) -> float:
    """Error at the last epoch.

    >>> final(np.array([10, 4, 6]))
    6.0
    """
    return float(curve[-1])


def settled(curve: np.ndarray) -> float:
    """Mean error over the last 3 epochs: depends less on luck than the best of many epochs.

    >>> settled(np.array([10, 3, 4, 5]))
    4.0
    """
    return float(curve[-LAST_EPOCHS:].mean())


def variation(curve: np.ndarray, epochs: int = STEADY_EPOCHS) -> float:
    """Mean absolute change from one epoch to the next over the last 10 epochs, or fewer: lower is steadier.

    >>> variation(np.array([90, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4]))
    0.1
    """
    return float(np.abs(np.diff(curve[-epochs - 1 :])).mean())


def epochs_to(curve: np.ndarray, percent: float) -> int:
    """Number of epochs until the error is first at most ``percent``; one more than the run has if it never is.

    Such a run would have taken at least that many (the count is censored).

    >>> epochs_to(np.array([20, 9, 8, 9]), 8), epochs_to(np.array([20, 9]), 8)
    (3, 3)
    """
    reached = np.flatnonzero(curve <= percent)
    return int(reached[0]) + 1 if len(reached) else len(curve) + 1


# --- of a record ------------------------------------------------------------------------------------------------


def _of(part: str, of_curve: Callable[[np.ndarray], float], words: str) -> Measure:
    return Measure(words, lambda record: of_curve(errors(record, part)))


def _early(epochs: int) -> Measure:
    return _of(
        "train", lambda curve: early(curve, epochs), f"mean training error (dropout off) over the first {epochs} epochs"
    )


def _wobble(epochs: int) -> Measure:
    """Compared as a ratio: one run's own wobble, a mean of ten absolute changes, scatters by a quarter of itself.

    The mean of k absolute values of independent normal changes has a relative standard deviation of
    sqrt(pi/2 - 1)/sqrt(k), 24% for k = 10: the reader of one run could not see a smaller difference. A curve that does
    not move at all counts as one image in ten epochs.
    """

    def read(record: Record) -> float:
        least = 100 / record.history.validation.images / STEADY_EPOCHS
        return float(100 * np.log(max(variation(errors(record, "validation"), epochs), least)))

    return Measure(
        f"mean absolute change of the validation error between epochs, over the last {epochs} epochs, as a logarithm,",
        read,
        unit=PERCENT,
        margin=25,
    )


early_training, early_training_3, early_training_8 = (_early(epochs) for epochs in (EARLY_EPOCHS, 3, 8))
validation_variation, validation_variation_5 = (_wobble(epochs) for epochs in (STEADY_EPOCHS, 5))
final_training = _of("train", final, "training error (dropout off) at the last epoch")
settled_training = _of("train", settled, f"mean training error (dropout off) over the last {LAST_EPOCHS} epochs")
best_validation = _of("validation", best, "best validation error of any epoch")
final_validation = _of("validation", final, "validation error at the last epoch")
settled_validation = _of("validation", settled, f"mean validation error over the last {LAST_EPOCHS} epochs")
gap = Measure(
    f"gap between validation and training error (dropout off) over the last {LAST_EPOCHS} epochs",
    lambda record: settled_validation(record) - settled_training(record),
)


def error_on_unseen(record: Record) -> float:
    """Return the error in percent, after the last epoch, on the training images that the run never saw.

    At scale ``"own"`` these are 54 000; with all the data they are the 18 000 validation images.

    Raises
    ------
    ValueError : the run was not tested on them: those at scale ``"tenth"`` were not.
    """
    if record.history.diverged:
        return CHANCE
    if record.experiment.scale == "full":
        return final_validation(record)
    if record.unseen is None:
        raise ValueError(f"{record.experiment.name} was not tested on the training images that it never saw.")
    return record.unseen.percent[0]


unseen_error = Measure(
    "error after the last epoch on the training images that the run never saw (unseen error)", error_on_unseen
)
unseen_gap = Measure(
    "gap, at the last epoch, between the unseen error and the training error with dropout off",
    lambda record: error_on_unseen(record) - final_training(record),
)

FAMILIES = (
    (unseen_error, best_validation, final_validation, settled_validation),
    (unseen_gap, gap),
    (early_training, early_training_3, early_training_8),
    (final_training, settled_training),
    (validation_variation, validation_variation_5),
)
"""Measures that could stand for one another, as a specification curve tries them."""


def error_on_test(record: Record) -> float:
    """Return the error on the test images at the end of the run, in percent.

    Raises
    ------
    ValueError : the run was made to choose settings and never saw the test images.

    >>> from labcode.study import Experiment
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


def chosen_epoch(record: Record) -> int:
    """Return the measurement, from 0, with the lowest validation error: the last of several, as the recipe chooses.

    >>> from labcode.study.lab.final_model import FINAL_RUNS
    >>> from labcode.study.records import read
    >>> chosen_epoch(read(FINAL_RUNS.experiment("final", seed=0)))
    14
    """
    errors = record.history.validation.errors
    return max(place for place, count in enumerate(errors) if count == min(errors))


def at_updates(record: Record, updates: int) -> float:
    """Return the validation error in percent after ``updates`` steps, which must fall on a measurement.

    Raises
    ------
    ValueError : there is no measurement after that many steps.

    >>> from labcode.study.lab.batch_size import BATCH_SIZE
    >>> from labcode.study.records import read
    >>> by_size = {label: read(BATCH_SIZE.experiment(label, seed=0)) for label in ("1", "10")}
    >>> {label: round(at_updates(record, 8_400), 2) for label, record in by_size.items()}  # 2 epochs and 20
    {'1': 2.28, '10': 2.22}
    """
    recipe = record.experiment.recipe
    per_epoch = -(-record.history.online.images // recipe.batch_size)
    measurement, between = divmod(updates, per_epoch * recipe.measured_every)
    curve = errors(record, "validation")
    if between or not 1 <= measurement <= len(curve):
        raise ValueError(f"{record.experiment.name} has no measurement at {updates} updates.")
    return float(curve[measurement - 1])


def at_gradients(record: Record, budget: float) -> float:
    """Return the training error in percent after ``budget`` minibatch gradients, interpolated between measurements.

    Before the first step it is that of guessing.

    >>> from labcode.study import Experiment
    >>> from labcode.study.records import read
    >>> run = read(Experiment(seed=0).vary(width=16))
    >>> at_gradients(run, 0), round(at_gradients(run, 4_200), 2)  # before the first epoch, and after it
    (90.0, 3.67)
    """
    taken = record.history.gradients
    measured = errors(record, "train")[: len(taken)]
    beyond = CHANCE if record.history.diverged else None  # None: the last measurement
    return float(np.interp(budget, [0, *taken], [CHANCE, *measured], right=beyond))
