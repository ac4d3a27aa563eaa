"""What a claim measures of one record: its error early, at best, at the end; how steady it is; how overfitted."""

from collections.abc import Callable

import numpy as np

from labcode.study.records import Record

EARLY_EPOCHS = 5
LAST_EPOCHS = 3
STEADY_EPOCHS = 10
CHANCE = 90.0
"""Error in percent of guessing among ten digits: what a run that diverged is counted with from then on."""

Measure = Callable[[np.ndarray], float]
"""Of error curves in percent, (measurements,), to one number."""


def errors(record: Record, part: str) -> np.ndarray:
    """Return the errors of ``part`` ("train" or "validation") in percent, one a measurement.

    After a divergence there are no weights worth testing: the curve goes on at 90%, as guessing would.

    >>> from labcode.study.ablation import ACTIVATIONS
    >>> from labcode.study.records import read
    >>> diverged = read(ACTIVATIONS.experiment("relu", 0, {"learning_rate_times": 30}))
    >>> diverged.history.train.errors, errors(diverged, "train").shape, errors(diverged, "train")[0]
    ((), (20,), np.float64(90.0))
    """
    recipe = record.experiment.recipe
    percent = getattr(record.history, part).percent
    measurements = recipe.epochs // recipe.measured_every
    return np.concatenate([percent, np.full(measurements - len(percent), CHANCE)])


def of(part: str, measure: Measure) -> Callable[[Record], float]:
    """Return ``measure`` of the errors of ``part``, as a function of a record.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> from labcode.study.records import read
    >>> of("validation", best)(read(HIDDEN_UNITS.experiment("16", seed=0)))
    1.5
    """
    return lambda record: measure(errors(record, part))


def chosen_epoch(record: Record) -> int:
    """Return the measurement, from 0, with the lowest validation error: the later one of equals, as the recipe chooses.

    >>> from labcode.study.ablation import FINAL_RUNS
    >>> from labcode.study.records import read
    >>> chosen_epoch(read(FINAL_RUNS.experiment("final", seed=0)))
    14
    """
    errors = record.history.validation.errors
    return max(place for place, count in enumerate(errors) if count == min(errors))


def early(curve: np.ndarray) -> float:
    """Mean error over the first 5 epochs: lower is faster.

    >>> early(np.array([10, 8, 6, 4, 2, 0]))
    6.0
    """
    return float(curve[:EARLY_EPOCHS].mean())


def best(curve: np.ndarray) -> float:
    """Lowest error of any epoch: what choosing the epoch on the validation set gives.

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
    """Mean error over the last 3 epochs: less favoured by luck than the best of many epochs.

    >>> settled(np.array([10, 3, 4, 5]))
    4.0
    """
    return float(curve[-LAST_EPOCHS:].mean())


def variation(curve: np.ndarray) -> float:
    """Mean absolute change from one epoch to the next over the last 10 epochs: lower is steadier.

    >>> variation(np.array([90, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4]))
    0.1
    """
    return float(np.abs(np.diff(curve[-STEADY_EPOCHS - 1 :])).mean())


def epochs_to(curve: np.ndarray, percent: float) -> int:
    """Epochs until the error is first at or below ``percent``; one more than there are, where it never is.

    A run that was stopped before would have taken at least that many (the count is censored).

    >>> epochs_to(np.array([20, 9, 8, 9]), 8), epochs_to(np.array([20, 9]), 8)
    (3, 3)
    """
    reached = np.flatnonzero(curve <= percent)
    return int(reached[0]) + 1 if len(reached) else len(curve) + 1


def gap(record: Record) -> float:
    """Validation error less training error (dropout off), both over the last 3 epochs: wider is more overfitted.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> from labcode.study.records import read
    >>> round(gap(read(HIDDEN_UNITS.experiment("16", seed=0))), 2)
    1.59
    """
    return settled(errors(record, "validation")) - settled(errors(record, "train"))


def at_updates(record: Record, updates: int) -> float:
    """Validation error after ``updates`` steps, which must fall on a measurement.

    Raises
    ------
    ValueError : it falls between two measurements.

    >>> from labcode.study.ablation import BATCH_SIZE
    >>> from labcode.study.records import read
    >>> by_size = {label: read(BATCH_SIZE.experiment(label, seed=0)) for label in ("1", "10")}
    >>> {label: round(at_updates(record, 8_400), 2) for label, record in by_size.items()}  # 2 epochs, and 20
    {'1': 2.28, '10': 2.22}
    """
    recipe = record.experiment.recipe
    an_epoch = -(-record.history.online.images // recipe.batch_size)
    measurement, between = divmod(updates, an_epoch * recipe.measured_every)
    curve = errors(record, "validation")
    if between or not 1 <= measurement <= len(curve):
        raise ValueError(f"{record.experiment.name} has no measurement at {updates} updates.")
    return float(curve[measurement - 1])


def at_gradients(record: Record, budget: float) -> float:
    """Training error when ``budget`` minibatch gradients are taken, interpolated; guessing before the first step.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> from labcode.study.records import read
    >>> run = read(HIDDEN_UNITS.experiment("16", seed=0))
    >>> at_gradients(run, 0), round(at_gradients(run, 4_200), 2)  # before the first epoch, and after it
    (90.0, 3.67)
    """
    taken = record.history.gradients
    measured = errors(record, "train")[: len(taken)]
    beyond = CHANCE if record.history.diverged else None  # else what was measured last
    return float(np.interp(budget, [0, *taken], [CHANCE, *measured], right=beyond))
