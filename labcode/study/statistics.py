"""From paired runs to an outcome: one contrast per seed, its interval over the seeds, and the rule that reads it.

A *contrast* turns one seed's records into one number, positive when it agrees with the lab. The seeds are the sample,
and the interval is Student's t over them. Where all seeds share one set of images, their splits overlap and the plain
interval is too narrow for other images: then it is the corrected resampled t of Nadeau and Bengio (Machine Learning
52, 2003), whose variance factor 1/n is replaced by 1/n + n_validation / n_training.

Several contrasts of one claim must all hold before it counts as reproduced. Each is tested at 95% on its own, without
a correction: chance alone would have to favor the lab in all of them at once (an intersection-union test; Berger,
Technometrics 24, 1982).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from labcode.study.outcomes import Outcome, directional

SMALLEST_DIFFERENCE = 0.2
"""The smallest difference that matters, in percentage points of error: about 4 of the 1 800 validation images."""

CONFIDENCE = 0.95

OVERLAP = 0.3 / 0.7
"""Validation images per training image, where splits of the same images overlap."""

POINTS, PERCENT, RUNS = "percentage points", "percent", "runs"

Rule = Callable[[ArrayLike, ArrayLike, ArrayLike, float], np.ndarray]
"""From means, ends of intervals and a margin to outcomes: those of `labcode.study.outcomes`."""


def decimals(unit: str) -> int:
    """Return with how many decimals a number of this unit is shown."""
    return 0 if unit in (PERCENT, RUNS) else 2


def with_interval(mean: float, low: float, high: float, unit: str = POINTS) -> str:
    """Return a mean and its interval as text, in the decimals that its unit has.

    >>> with_interval(-0.001, -0.204, 0.2)
    '+0.00 (-0.20 to +0.20)'
    >>> with_interval(-62.2, -169.4, 44.9, PERCENT)
    '-62 (-169 to +45)'
    """
    shown = f"+z.{decimals(unit)}f"  # what rounds to zero has no minus sign
    return f"{mean:{shown}} ({low:{shown}} to {high:{shown}})"


def interval(values: ArrayLike, overlap: float = 0.0, shared: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high of the 95% interval over the last axis.

    A single value stands for itself, without an interval: it is what the reader of one run has.

    Parameters
    ----------
    values : (..., seeds).
    overlap : added to 1/n, as in the corrected resampled t; 0 where seeds share no images.
    shared : standard error that all seeds share, such as that of the test images.

    >>> mean, low, high = interval([1.0, 2.0, 3.0])
    >>> print(f"{mean:.1f} ({low:.2f} to {high:.2f})")
    2.0 (-0.48 to 4.48)
    >>> mean, low, high = interval([1.0, 2.0, 3.0], OVERLAP)
    >>> print(f"{mean:.1f} ({low:.2f} to {high:.2f})")
    2.0 (-1.76 to 5.76)
    """
    values = np.asarray(values, dtype=float)
    seeds, mean = values.shape[-1], values.mean(axis=-1)
    if seeds == 1:
        return mean, mean, mean
    error = np.sqrt(values.var(axis=-1, ddof=1) * (1 / seeds + overlap) + shared**2)
    half = np.where(error < 1e-12, 0, stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1) * error)
    return mean, mean - half, mean + half


@dataclass(frozen=True, eq=False)
class Verdict:
    """One contrast of every seed, and what a rule makes of them.

    Attributes
    ----------
    values : (seeds,), positive where a seed agrees with the lab.
    rule : from the mean and its interval to an outcome.
    margin : the smallest difference that matters, in ``unit``.
    unit : of the values.
    overlap, shared : of the interval, as in `interval`.
    bounds : ends of the interval, where it is not Student's t.
    """

    values: np.ndarray
    rule: Rule = directional
    margin: float = SMALLEST_DIFFERENCE
    unit: str = POINTS
    overlap: float = 0.0
    shared: float = 0.0
    bounds: tuple[float, float] | None = None

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.values)

    @cached_property
    def effect(self) -> float:
        """Mean over the seeds."""
        return float(self.values.mean())

    @cached_property
    def _ends(self) -> tuple[float, float]:
        _, low, high = interval(self.values, self.overlap, self.shared)
        return self.bounds or (float(low), float(high))

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self._ends[0]

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self._ends[1]

    @cached_property
    def outcome(self) -> Outcome:
        """What the rule says."""
        return Outcome(int(self.rule(self.effect, self.low, self.high, self.margin)))

    @cached_property
    def agreeing(self) -> int:
        """How many seeds alone agree with the lab: those that the rule would call right if there were no others."""
        return int((self.rule(self.values, self.values, self.values, self.margin) <= Outcome.RIGHT_BUT_SMALL).sum())

    def redraw(self, places: np.ndarray) -> np.ndarray:
        """Return the outcomes that other draws of the seeds would have given.

        Parameters
        ----------
        places : of the seeds drawn, (..., seeds). One seed stands for itself, as the lab's one run did.

        >>> Outcome(int(decide([1.0, 1.1, -1.0]).redraw(np.array([0, 0, 1])))).words
        'reproduced'
        """
        return self.rule(*interval(self.values[places], self.overlap, self.shared), self.margin)

    @property
    def interval(self) -> str:
        """Effect and interval as text.

        >>> decide([0.9, 1.1, 1.0, 1.2]).interval
        '+1.05 (+0.84 to +1.26)'
        """
        return with_interval(self.effect, self.low, self.high, self.unit)

    def __str__(self) -> str:
        return f"{self.outcome}: {self.interval} {self.unit}; {self.agreeing} of {self.seeds} seeds alone agree"


def decide(
    contrasts: Sequence[float] | np.ndarray,
    rule: Rule = directional,
    margin: float = SMALLEST_DIFFERENCE,
    unit: str = POINTS,
    overlap: float = 0.0,
) -> Verdict:
    """Decide a claim from one contrast per seed.

    Parameters
    ----------
    contrasts : one per seed, positive when it agrees with the lab.
    rule : `directional`, or another one of `labcode.study.outcomes`.
    margin : the smallest difference that matters, in ``unit``.
    unit : of the contrasts.
    overlap : `OVERLAP` where all seeds share one set of images.

    Raises
    ------
    ValueError : fewer than two seeds, or a contrast that is not a finite number.

    >>> print(decide([0.9, 1.1, 1.0, 1.2]))
    reproduced: +1.05 (+0.84 to +1.26) percentage points; 4 of 4 seeds alone agree
    >>> decide([-0.9, -1.1, -1.0, -1.2]).outcome.words
    'reversed'
    >>> decide([1.0, -1.0, 0.5, 0.1]).outcome.words
    'open'
    """
    values = np.asarray(contrasts, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"The contrasts are {values.tolist()}; each must be a finite number.")
    if len(values) < 2:
        raise ValueError(f"There are {len(values)} seeds; an interval takes at least 2.")
    return Verdict(values, rule, margin, unit, overlap)


def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of the mean of ``values`` (seeds,), by Student's t.

    Raises
    ------
    ValueError : fewer than two seeds.

    >>> low, high = t_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    verdict = decide(values)
    return verdict.low, verdict.high


def prediction_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the interval that holds one more value with 95% confidence, if ``values`` (seeds,) are normal.

    It is Student's t with a variance factor of 1 + 1/n.

    >>> low, high = prediction_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 2), round(high, 2)
    (-2.97, 6.97)
    """
    verdict = decide(values, overlap=1.0)
    return verdict.low, verdict.high


def exact_interval(errors: int, images: int) -> tuple[float, float]:
    """Return the 95% interval of an error in percent of which ``errors`` of ``images`` independent images were counted.

    The interval is that of Clopper and Pearson, Biometrika 26, 1934.

    >>> low, high = exact_interval(46, 10_000)
    >>> f"{low:.2f}% to {high:.2f}%"
    '0.34% to 0.61%'
    """
    found = stats.binomtest(errors, images).proportion_ci(CONFIDENCE, method="exact")
    return 100 * float(found.low), 100 * float(found.high)


def power(effect: float, spread: float, seeds: int, studies: int, rng: np.random.Generator) -> float:
    """Return the share of simulated studies that reproduce a directional claim.

    Parameters
    ----------
    effect, spread : true mean of the contrast and its standard deviation over seeds, in percentage points.
    seeds : per study. A study of one seed has no interval; it counts if its contrast reaches the smallest difference
        that matters, as a reader of one run would count it.
    studies : how many are simulated.

    >>> power(effect=1.0, spread=0.2, seeds=8, studies=500, rng=np.random.default_rng(0))
    1.0
    """
    drawn = rng.normal(effect, spread, (studies, seeds))
    return float((directional(*interval(drawn), SMALLEST_DIFFERENCE) == Outcome.REPRODUCED).mean())


def interaction(effects: ArrayLike, overlap: float = 0.0) -> float:
    """Return the p value of "the effect is the same under all conditions", by Hotelling's T2 on paired differences.

    Parameters
    ----------
    effects : (conditions, seeds), the seeds in the same order. With two conditions the test is Student's t.
    overlap : as in `interval`.

    Raises
    ------
    ValueError : there are no more seeds than differences between conditions.

    >>> round(interaction([[1.0, 2.0, 3.0, 2.0], [1.1, 2.2, 2.9, 2.2]]), 2)
    0.25
    """
    effects = np.asarray(effects, dtype=float)
    differences = np.diff(effects, axis=0)
    count, seeds = differences.shape
    if seeds <= count:
        raise ValueError(f"There are {seeds} seeds; {count} differences take at least {count + 1}.")
    mean, covariance = differences.mean(axis=1), np.atleast_2d(np.cov(differences))
    if np.allclose(covariance, 0):
        return float(np.allclose(mean, 0))
    squared = mean @ np.linalg.pinv(covariance) @ mean / (1 / seeds + overlap)
    return float(stats.f.sf(squared * (seeds - count) / (count * (seeds - 1)), count, seeds - count))


def fitted_fall(positions: Sequence[float], values: Sequence[float]) -> float:
    """Return how far ``values`` fall from the smallest to the largest position, along a line fitted by least squares.

    In the unit of ``values``. All levels count, except the middle one of three at equal distances: their line falls by
    the difference of the two ends.

    >>> round(fitted_fall([4, 5, 6], [3.0, 2.5, 2.0]), 12), round(fitted_fall([4, 5, 6], [3.0, 9.0, 2.0]), 12)
    (1.0, 1.0)
    """
    return float(-stats.linregress(positions, values).slope * np.ptp(positions))
