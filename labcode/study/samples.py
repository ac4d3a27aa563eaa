"""Numbers over the seeds of recorded runs: what tables show and what sentences say.

`results` reads an ablation's runs by level. Each level has error curves, each curve its measures, and two levels are
compared by subtracting one from the other, seed by seed:

>>> from labcode.study.lab.stages import STAGES
>>> one, two, three = results(STAGES).values()
>>> gain = one.validation.best - two.validation.best
>>> f"{gain.mean:.2f}, in {gain.positive} of {gain.seeds} seeds"
'0.83, in 8 of 8 seeds'
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labcode.study.ablation import Ablation
from labcode.study.measures import best, early, errors, final, settled, variation
from labcode.study.records import RECORDS, Record
from labcode.study.statistics import OVERLAP, interval, with_interval

Pair = Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Sample:
    """One number per seed.

    Arithmetic with a number or with another sample goes seed by seed, so that ``a - b`` is a paired difference.
    A format such as ``.2f`` applies to the mean; without one, the mean is printed with its interval.

    Attributes
    ----------
    values : (seeds,).
    overlap : of the interval, as in `labcode.study.statistics.interval`.

    >>> sample = Sample(np.array([3.0, 4.0, 5.0])) - Sample(np.array([2.0, 2.0, 2.0]))
    >>> f"{sample:.1f}, or {sample}"
    '2.0, or +2.00 (-0.48 to +4.48)'
    >>> sample.lowest, sample.highest, sample.positive
    (1.0, 3.0, 3)
    """

    values: np.ndarray
    overlap: float = 0.0

    @property
    def seeds(self) -> int:
        """How many numbers there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(self.values.mean())

    @property
    def low(self) -> float:
        """Lower end of the mean's 95% interval."""
        return float(interval(self.values, self.overlap)[1])

    @property
    def high(self) -> float:
        """Upper end of the mean's 95% interval."""
        return float(interval(self.values, self.overlap)[2])

    @property
    def lowest(self) -> float:
        """Smallest number of any seed."""
        return float(self.values.min())

    @property
    def highest(self) -> float:
        """Largest number of any seed."""
        return float(self.values.max())

    @property
    def positive(self) -> int:
        """In how many seeds the number is above 0."""
        return int((self.values > 0).sum())

    def __add__(self, other: "Sample | float") -> "Sample":
        return self._paired(other, np.add)

    def __sub__(self, other: "Sample | float") -> "Sample":
        return self._paired(other, np.subtract)

    def __mul__(self, other: "Sample | float") -> "Sample":
        return self._paired(other, np.multiply)

    def __truediv__(self, other: "Sample | float") -> "Sample":
        return self._paired(other, np.true_divide)

    def __neg__(self) -> "Sample":
        return Sample(-self.values, self.overlap)

    def _paired(self, other: "Sample | float", operation: Pair) -> "Sample":
        return Sample(operation(self.values, _numbers(other, self.values)), self.overlap)

    def __str__(self) -> str:
        return with_interval(self.mean, self.low, self.high)

    def __repr__(self) -> str:
        return f"{self} over {self.seeds} seeds"

    def __format__(self, spec: str) -> str:
        return format(self.mean, spec) if spec else str(self)


@dataclass(frozen=True, eq=False)
class Curves:
    """One curve per seed, such as the validation error in percent after each epoch.

    Attributes
    ----------
    values : (seeds, epochs); more generally one column per measurement.
    overlap : as in `Sample`.

    >>> curves = Curves(np.array([[4.0, 2.0, 1.0], [6.0, 2.0, 2.0]]))
    >>> curves.after(1), curves.epochs(2, 3).tolist(), curves.best
    (5.0, [2.0, 1.5], +1.50 (-4.85 to +7.85) over 2 seeds)
    """

    values: np.ndarray
    overlap: float = 0.0

    @property
    def mean(self) -> np.ndarray:
        """Mean curve over the seeds, (epochs,)."""
        return self.values.mean(axis=0)

    def epochs(self, first: int, last: int | None = None) -> np.ndarray:
        """Return the mean curve from epoch ``first`` to epoch ``last``, both counted from 1 and included.

        Without ``last``, to the end.
        """
        return self.mean[first - 1 : last]

    def after(self, epoch: int) -> float:
        """Return the mean after ``epoch``, counted from 1; -1 is the last."""
        return float(self.mean[epoch - 1 if epoch > 0 else epoch])

    def of(self, measure: Callable[[np.ndarray], float]) -> Sample:
        """Return a measure of each seed's curve, (epochs,)."""
        return Sample(np.array([measure(curve) for curve in self.values], dtype=float), self.overlap)

    @property
    def early(self) -> Sample:
        """Mean over the first 5 epochs."""
        return self.of(early)

    @property
    def best(self) -> Sample:
        """Lowest of any epoch."""
        return self.of(best)

    @property
    def final(self) -> Sample:
        """After the last epoch."""
        return self.of(final)

    @property
    def settled(self) -> Sample:
        """Mean over the last 3 epochs."""
        return self.of(settled)

    @property
    def variation(self) -> Sample:
        """Mean absolute change from one epoch to the next, over the last 10."""
        return self.of(variation)

    def __sub__(self, other: "Curves") -> "Curves":
        return Curves(self.values - _numbers(other, self.values), self.overlap)

    def __repr__(self) -> str:
        # Every option, so that the user's print options change nothing.
        shown = np.array2string(
            self.mean,
            max_line_width=75,
            precision=2,
            suppress_small=True,
            threshold=1000,
            sign="-",
            floatmode="maxprec",
        )
        return f"mean over {len(self.values)} seeds: {shown}"


def _numbers(other: "Sample | Curves | float", ours: np.ndarray) -> np.ndarray | float:
    if not isinstance(other, Sample | Curves):
        return other
    if other.values.shape != ours.shape:
        raise ValueError(
            f"{other.values.shape} and {ours.shape} do not match: the same seeds and epochs can be paired."
        )
    return other.values


@dataclass(frozen=True, eq=False)
class Runs:
    """The recorded runs of one level, one per seed.

    Attributes
    ----------
    records : in the order of the seeds.
    """

    records: tuple[Record, ...]

    def of(self, measure: Callable[[Record], float]) -> Sample:
        """Return a measure of each run, such as those of `labcode.study.measures`."""
        return Sample(np.array([measure(record) for record in self.records], dtype=float), self.overlap)

    @property
    def overlap(self) -> float:
        """Of the intervals: only at scale ``"own"`` do the seeds share no images."""
        return 0.0 if self.records[0].experiment.scale == "own" else OVERLAP

    @cached_property
    def train(self) -> Curves:
        """Training error in percent, dropout off."""
        return self._curves("train")

    @cached_property
    def validation(self) -> Curves:
        """Validation error in percent."""
        return self._curves("validation")

    @cached_property
    def gradients(self) -> Curves:
        """Minibatch gradients computed so far; no run may have diverged."""
        return Curves(np.array([record.history.gradients for record in self.records], dtype=float), self.overlap)

    def _curves(self, part: str) -> Curves:
        return Curves(np.array([errors(record, part) for record in self.records]), self.overlap)

    def __repr__(self) -> str:
        return f"{len(self.records)} runs such as {self.records[0].experiment.name}"


def results(
    ablation: Ablation, seeds: Iterable[int] | None = None, folder: Path = RECORDS, **common: Any
) -> dict[str, Runs]:
    """Return the recorded runs of an ablation by level.

    Parameters
    ----------
    ablation : which.
    seeds : of the runs; without them, those of the ablation.
    folder : of the records.
    common : settings that all levels share, such as ``batch_size=100``, or ``learning_rate_times=3``.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.optimizers import OPTIMIZERS
    >>> results(OPTIMIZERS, range(3), batch_size=100)["CG"]
    3 runs such as batch_size=100_optimizer=cg_seed=0
    """
    by_seed = ablation.records(seeds, folder, common)
    return {label: Runs(tuple(records[label] for records in by_seed)) for label in ablation.levels}
