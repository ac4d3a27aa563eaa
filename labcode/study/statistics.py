"""From paired runs to a verdict: contrasts, their interval over seeds, and the rules that decide.

A *contrast* turns one seed's records into one number, positive when it agrees with the lab. The seeds are the sample;
the interval is Student's t over them. It covers new seeds on the same 6 000 images, not other images.

Several contrasts of one claim must all hold before it counts as reproduced. Each is tested at 95% on its own, without
a correction: chance alone would have to favor the lab in all of them at once (an intersection-union test; Berger,
Technometrics 24, 1982).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

SMALLEST_DIFFERENCE = 0.2
"""The smallest difference that matters, in percentage points of error: about 4 of the 1 800 validation images."""

CONFIDENCE = 0.95

REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
NOT_DISTINGUISHABLE = "not distinguishable"
PARTLY = "partly"
VERDICTS = (REPRODUCED, PARTLY, NOT_DISTINGUISHABLE, CONTRADICTED)

POINTS = "percentage points"


def with_interval(mean: float, low: float, high: float) -> str:
    """Return a mean and its interval as text. A value that rounds to zero has no minus sign.

    >>> with_interval(-0.001, -0.204, 0.2)
    '+0.00 (-0.20 to +0.20)'
    """
    return f"{mean:+z.2f} ({low:+z.2f} to {high:+z.2f})"


@dataclass(frozen=True)
class Verdict:
    """What the seeds say about one contrast.

    Attributes
    ----------
    verdict : reproduced, contradicted or not distinguishable.
    effect, low, high : mean over seeds and the 95% interval, in ``unit``.
    seeds, agreeing : how many seeds there are, and how many of them alone agree with the lab.
    unit : of the contrast.
    """

    verdict: str
    effect: float
    low: float
    high: float
    seeds: int
    agreeing: int
    unit: str = POINTS

    @property
    def interval(self) -> str:
        """Effect and interval as text.

        >>> decide([0.9, 1.1, 1.0, 1.2]).interval
        '+1.05 (+0.84 to +1.26)'
        """
        return with_interval(self.effect, self.low, self.high)

    def __str__(self) -> str:
        return f"{self.verdict}: {self.interval} {self.unit}; {self.agreeing} of {self.seeds} seeds alone agree"


def decide(contrasts: Sequence[float], smallest: float = SMALLEST_DIFFERENCE, unit: str = POINTS) -> Verdict:
    """Decide a directional claim from one contrast per seed.

    *Reproduced*: the interval lies above 0 and the mean reaches the smallest difference that matters.
    *Contradicted*: the interval stays below the smallest difference that matters and does not lie above 0.
    *Not distinguishable*: anything else.

    Parameters
    ----------
    contrasts : one per seed, positive when it agrees with the lab.
    smallest : difference that matters, in ``unit``; 0 where the lab says "slightly", so that any difference counts.
    unit : of the contrasts.

    Raises
    ------
    ValueError : fewer than two seeds, or a contrast that is not a finite number.

    >>> print(decide([0.9, 1.1, 1.0, 1.2]))
    reproduced: +1.05 (+0.84 to +1.26) percentage points; 4 of 4 seeds alone agree
    >>> decide([-0.9, -1.1, -1.0, -1.2]).verdict
    'contradicted'
    >>> decide([1.0, -1.0, 0.5, 0.1]).verdict
    'not distinguishable'
    """
    values, mean, low, high = _summarize(contrasts)
    word = _word(reproduced=low > 0 and mean >= smallest, contradicted=high < smallest and low <= 0)
    return Verdict(word, mean, low, high, len(values), int((values > 0).sum()), unit)


def decide_equivalence(contrasts: Sequence[float], margin: float = SMALLEST_DIFFERENCE, unit: str = POINTS) -> Verdict:
    """Decide a claim that two things are comparable, from one difference per seed.

    *Reproduced*: the interval lies within plus or minus ``margin``. *Contradicted*: it lies wholly outside.
    *Not distinguishable*: anything else. A seed alone agrees if its difference is within the margin.

    Raises
    ------
    ValueError : fewer than two seeds, or a difference that is not a finite number.

    >>> decide_equivalence([0.05, -0.02, 0.03, 0.0]).verdict
    'reproduced'
    >>> decide_equivalence([1.0, 1.1, 0.9, 1.0]).verdict
    'contradicted'
    """
    values, mean, low, high = _summarize(contrasts)
    word = _word(reproduced=-margin < low and high < margin, contradicted=low > margin or high < -margin)
    return Verdict(word, mean, low, high, len(values), int((abs(values) < margin).sum()), unit)


def decide_reached(contrasts: Sequence[float], margin: float, unit: str = POINTS) -> Verdict:
    """Decide whether a figure of the lab was reached, from how much better than it each seed is.

    *Reproduced*: the interval lies above minus ``margin``, so any shortfall is too small to matter.
    *Contradicted*: it lies wholly below. *Not distinguishable*: anything else. A seed alone agrees if it is above.

    Raises
    ------
    ValueError : fewer than two seeds, or a contrast that is not a finite number.

    >>> decide_reached([-0.02, 0.01, -0.01], margin=0.1).verdict
    'reproduced'
    >>> decide_reached([-0.3, -0.25, -0.28], margin=0.1).verdict
    'contradicted'
    """
    values, mean, low, high = _summarize(contrasts)
    word = _word(reproduced=low > -margin, contradicted=high < -margin)
    return Verdict(word, mean, low, high, len(values), int((values > -margin).sum()), unit)


def all_hold(verdicts: Iterable[str]) -> str:
    """Combine contrasts that must all hold, such as "the best of three": one contradicted contradicts.

    >>> all_hold([REPRODUCED, NOT_DISTINGUISHABLE])
    'not distinguishable'
    """
    found = list(verdicts)
    if CONTRADICTED in found:
        return CONTRADICTED
    return NOT_DISTINGUISHABLE if NOT_DISTINGUISHABLE in found else REPRODUCED


def in_parts(verdicts: Iterable[str]) -> str:
    """Combine the parts of a sentence: *partly* if some are reproduced and others are not.

    >>> in_parts([REPRODUCED, CONTRADICTED]), in_parts([NOT_DISTINGUISHABLE, CONTRADICTED])
    ('partly', 'contradicted')
    """
    found = list(verdicts)
    if REPRODUCED in found and set(found) != {REPRODUCED}:
        return PARTLY
    return all_hold(found)


def _word(reproduced: bool, contradicted: bool) -> str:
    return REPRODUCED if reproduced else CONTRADICTED if contradicted else NOT_DISTINGUISHABLE


def _summarize(contrasts: Sequence[float]) -> tuple[np.ndarray, float, float, float]:
    values = np.asarray(contrasts, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"The contrasts are {values.tolist()}; each must be a finite number.")
    low, high = t_interval(values)
    return values, float(values.mean()), low, high


def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of the mean of ``values`` (seeds,), by Student's t.

    Raises
    ------
    ValueError : fewer than two seeds.

    >>> low, high = t_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    if len(values) < 2:
        raise ValueError(f"There are {len(values)} seeds; an interval takes at least 2.")
    mean, error = values.mean(), stats.sem(values)
    if math.isclose(error, 0, abs_tol=1e-12):
        return float(mean), float(mean)
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error)
    return float(low), float(high)


def exact_interval(errors: int, images: int) -> tuple[float, float]:
    """Return the 95% interval of an error in percent of which ``errors`` of ``images`` independent images were counted.

    The interval is that of Clopper and Pearson, Biometrika 26, 1934.

    >>> low, high = exact_interval(46, 10_000)
    >>> f"{low:.2f}% to {high:.2f}%"
    '0.34% to 0.61%'
    """
    interval = stats.binomtest(errors, images).proportion_ci(CONFIDENCE, method="exact")
    return 100 * float(interval.low), 100 * float(interval.high)


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
    if seeds == 1:
        return float((drawn >= SMALLEST_DIFFERENCE).mean())
    mean, error = drawn.mean(axis=1), stats.sem(drawn, axis=1)
    low = mean - stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1) * error
    return float(((low > 0) & (mean >= SMALLEST_DIFFERENCE)).mean())


def fitted_fall(positions: Sequence[float], errors: Sequence[float]) -> float:
    """Return how far ``errors`` fall from the smallest to the largest position, along a line fitted in its logarithm.

    All levels count, not only the two ends, and equal ratios of positions count equally. In the unit of ``errors``.

    >>> round(fitted_fall([16, 32, 64], [3.0, 2.5, 2.0]), 12)
    1.0
    """
    logarithms = np.log2(positions)
    return float(-stats.linregress(logarithms, errors).slope * np.ptp(logarithms))
