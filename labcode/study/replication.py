"""Would another study say the same?"""

import numpy as np

from labcode.study.claim import Decision

DRAWS = 1_000


def replication(decision: Decision) -> float:
    """Return the probability that new runs from as many new seeds would give the same outcome.

    The seeds are drawn with replacement twice: once for what we do not know of the truth, and from those once more for
    the luck of another study. All contrasts of the claim are drawn together.

    Parameters
    ----------
    decision : that is not pending.

    >>> from labcode.study import CLAIMS
    >>> replication(CLAIMS["C05"].decide())
    1.0
    """
    rng = np.random.default_rng(0)

    def draw(seeds: int) -> np.ndarray:
        truths, luck = rng.integers(0, seeds, (2, DRAWS, seeds))
        return np.take_along_axis(truths, luck, axis=1)

    return float((decision.redraw(draw) == decision.outcome).mean())
