"""What a study can say about a claim: the outcomes, and the rules that lead from an interval to one of them.

An effect is positive when it agrees with the lab. Its sign is settled when the 95% interval lies on one side of 0, and
its size is compared with the *margin*, the smallest difference that matters:

==========================  ==========================================  =======================
outcome                     interval                                    mean
==========================  ==========================================  =======================
reproduced                  above 0                                     at least the margin
right but small             above 0                                     below the margin
no difference that matters  holds 0, lies within plus and minus margin
reversed but small          below 0                                     above minus the margin
reversed                    below 0                                     at most minus the margin
open                        holds 0, reaches beyond a margin
==========================  ==========================================  =======================

The table reads the same with the signs exchanged. With more and more seeds an effect of any size ends in the row that
fits it, and *open* is left behind.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike


class Outcome(IntEnum):
    """An outcome. They are ordered by what they do to a claim that several contrasts must all support.

    One contrast that is settled against the claim (*no difference that matters* and worse) settles it. Before that,
    one open contrast keeps it open.
    """

    REPRODUCED = 0
    RIGHT_BUT_SMALL = 1
    OPEN = 2
    NO_DIFFERENCE = 3
    REVERSED_BUT_SMALL = 4
    REVERSED = 5
    PARTLY = 6
    PENDING = 7

    @property
    def words(self) -> str:
        """The outcome as the book writes it.

        >>> Outcome.NO_DIFFERENCE.words
        'no difference that matters'
        """
        return "no difference that matters" if self is Outcome.NO_DIFFERENCE else self.name.lower().replace("_", " ")

    def __str__(self) -> str:
        return self.words

    @property
    def supports(self) -> bool:
        """Whether the effect has the lab's sign."""
        return self in (Outcome.REPRODUCED, Outcome.RIGHT_BUT_SMALL)


LISTED = (
    Outcome.REPRODUCED,
    Outcome.RIGHT_BUT_SMALL,
    Outcome.PARTLY,
    Outcome.NO_DIFFERENCE,
    Outcome.REVERSED_BUT_SMALL,
    Outcome.REVERSED,
    Outcome.OPEN,
    Outcome.PENDING,
)
"""The order of tables and totals."""


def directional(mean: ArrayLike, low: ArrayLike, high: ArrayLike, margin: float) -> np.ndarray:
    """Return the outcomes of a claim that one thing is above or below another, as the table above says.

    Parameters
    ----------
    mean, low, high : of the effects and their intervals, in any shape.
    margin : the smallest difference that matters, in their unit.

    >>> Outcome(int(directional(0.3, 0.1, 0.5, margin=0.2))), Outcome(int(directional(0.1, 0.02, 0.18, margin=0.2)))
    (<Outcome.REPRODUCED: 0>, <Outcome.RIGHT_BUT_SMALL: 1>)
    """
    mean, low, high = map(np.asarray, (mean, low, high))
    return np.select(
        [
            (low > 0) & (mean >= margin),
            low > 0,
            (high < 0) & (mean <= -margin),
            high < 0,
            (low > -margin) & (high < margin),
        ],
        [
            Outcome.REPRODUCED,
            Outcome.RIGHT_BUT_SMALL,
            Outcome.REVERSED,
            Outcome.REVERSED_BUT_SMALL,
            Outcome.NO_DIFFERENCE,
        ],
        Outcome.OPEN,
    )


def slight(mean: ArrayLike, low: ArrayLike, high: ArrayLike, margin: float) -> np.ndarray:
    """Return the outcomes of a claim in which the lab says "slightly": a small difference is what it claims.

    >>> Outcome(int(slight(0.1, 0.02, 0.18, margin=0.2)))
    <Outcome.REPRODUCED: 0>
    """
    found = directional(mean, low, high, margin)
    return np.where(found == Outcome.RIGHT_BUT_SMALL, Outcome.REPRODUCED, found)


def comparable(mean: ArrayLike, low: ArrayLike, high: ArrayLike, margin: float) -> np.ndarray:
    """Return the outcomes of a claim that two things are comparable: their difference lies within the margin.

    *Reproduced* if the whole interval does, *reversed* if none of it does, *open* otherwise.

    >>> Outcome(int(comparable(0.1, 0.02, 0.18, margin=0.2))), Outcome(int(comparable(-0.5, -0.6, -0.4, margin=0.2)))
    (<Outcome.REPRODUCED: 0>, <Outcome.REVERSED: 5>)
    """
    low, high = np.asarray(low), np.asarray(high)
    return np.select(
        [(low > -margin) & (high < margin), (low >= margin) | (high <= -margin)],
        [Outcome.REPRODUCED, Outcome.REVERSED],
        Outcome.OPEN,
    )


def reached(mean: ArrayLike, low: ArrayLike, high: ArrayLike, margin: float) -> np.ndarray:
    """Return the outcomes of a claim that a figure was reached, from how much better than it the runs are.

    *Reproduced* if the interval lies above minus the margin, *reversed* if it lies below, *open* otherwise.

    >>> Outcome(int(reached(-0.01, -0.04, 0.02, margin=0.1))), Outcome(int(reached(-0.3, -0.35, -0.25, margin=0.1)))
    (<Outcome.REPRODUCED: 0>, <Outcome.REVERSED: 5>)
    """
    low, high = np.asarray(low), np.asarray(high)
    return np.select([low > -margin, high <= -margin], [Outcome.REPRODUCED, Outcome.REVERSED], Outcome.OPEN)


def exists(mean: ArrayLike, low: ArrayLike, high: ArrayLike, margin: float) -> np.ndarray:
    """Return the outcomes of a claim that something exists, from how many instances were found.

    *Reproduced* if there is one, *open* otherwise: no search that ends can refute it.

    >>> Outcome(int(exists(12, 12, 12, margin=1))), Outcome(int(exists(0, 0, 0, margin=1)))
    (<Outcome.REPRODUCED: 0>, <Outcome.OPEN: 2>)
    """
    return np.where(np.asarray(mean) >= margin, Outcome.REPRODUCED, Outcome.OPEN)


def all_hold(outcomes: ArrayLike) -> np.ndarray:
    """Combine contrasts that must all hold, such as those of "the best of three": the worst of them, by its number.

    Parameters
    ----------
    outcomes : (contrasts, ...).

    >>> Outcome(int(all_hold([Outcome.REPRODUCED, Outcome.OPEN])))
    <Outcome.OPEN: 2>
    """
    return np.max(outcomes, axis=0)


def in_parts(outcomes: ArrayLike) -> np.ndarray:
    """Combine the parts of a sentence: *partly* if some have the lab's sign and others do not, else the worst.

    Parameters
    ----------
    outcomes : (parts, ...).

    >>> Outcome(int(in_parts([Outcome.REPRODUCED, Outcome.REVERSED])))
    <Outcome.PARTLY: 6>
    """
    supported = np.asarray(outcomes) <= Outcome.RIGHT_BUT_SMALL
    mixed = supported.any(axis=0) & ~supported.all(axis=0)
    return np.where(mixed, Outcome.PARTLY, np.max(outcomes, axis=0))
