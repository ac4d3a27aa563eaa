"""From paired runs to a verdict: contrasts, their interval over seeds, and the rule that decides.

A *contrast* turns one seed's records into one number, in percentage points, positive when it agrees with the lab.
The seeds are the sample; the interval is Student's t over them. It speaks of new seeds on the same 6 000 images, not
of other images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

SMALLEST_DIFFERENCE = 0.2
"""The smallest difference that matters, in percentage points of error: about 4 of the 1 800 validation images."""

CONFIDENCE = 0.95

REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Verdict:
    """What the seeds say of one contrast.

    Attributes
    ----------
    verdict : reproduced, contradicted or not distinguishable.
    effect, low, high : mean over seeds and the 95% interval, in percentage points.
    seeds, agreeing : how many seeds there are, and how many of them alone agree with the lab in sign.
    """

    verdict: str
    effect: float
    low: float
    high: float
    seeds: int
    agreeing: int

    def __str__(self) -> str:
        return (
            f"{self.verdict}: {self.effect:+.2f} percentage points "
            f"(95% interval {self.low:+.2f} to {self.high:+.2f}; "
            f"{self.agreeing} of {self.seeds} seeds alone agree)"
        )


def decide(contrasts: Sequence[float]) -> Verdict:
    """Decide a directional claim from one contrast a seed, in percentage points.

    *Reproduced*: the interval lies above 0 and the mean reaches the smallest difference that matters.
    *Contradicted*: the interval stays below the smallest difference that matters and does not lie above 0.
    *Not distinguishable*: anything else.

    Raises
    ------
    ValueError : fewer than two seeds, or a contrast that is not a finite number.

    >>> print(decide([0.9, 1.1, 1.0, 1.2]))
    reproduced: +1.05 percentage points (95% interval +0.84 to +1.26; 4 of 4 seeds alone agree)
    >>> decide([-0.9, -1.1, -1.0, -1.2]).verdict
    'contradicted'
    >>> decide([1.0, -1.0, 0.5, 0.1]).verdict
    'not distinguishable'
    """
    values = np.asarray(contrasts, dtype=float)
    if len(values) < 2:
        raise ValueError(f"There are {len(values)} seeds; an interval takes at least 2.")
    if not np.isfinite(values).all():
        raise ValueError(f"The contrasts are {values.tolist()}; each must be a finite number.")
    mean = float(values.mean())
    low, high = t_interval(values)
    if low > 0 and mean >= SMALLEST_DIFFERENCE:
        verdict = REPRODUCED
    elif high < SMALLEST_DIFFERENCE and low <= 0:
        verdict = CONTRADICTED
    else:
        verdict = NOT_DISTINGUISHABLE
    return Verdict(verdict, mean, low, high, len(values), int((values > 0).sum()))


def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of the mean of ``values`` (seeds,), by Student's t.

    >>> low, high = t_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    mean, error = values.mean(), stats.sem(values)
    if math.isclose(error, 0, abs_tol=1e-12):
        return float(mean), float(mean)
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error)
    return float(low), float(high)


def fitted_fall(widths: Sequence[float], errors: Sequence[float]) -> float:
    """Return how far ``errors`` fall from the smallest to the largest width, along the line fitted in log2(width).

    All levels count, not only the two ends; doublings weigh equally. In the unit of ``errors``.

    >>> round(fitted_fall([16, 32, 64], [3.0, 2.5, 2.0]), 12)
    1.0
    """
    doublings = np.log2(widths)
    return float(-stats.linregress(doublings, errors).slope * np.ptp(doublings))
