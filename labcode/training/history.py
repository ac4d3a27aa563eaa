"""What a training measures: errors on the training and validation images, epoch by epoch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ErrorCurve:
    """Images misclassified, measurement by measurement.

    Attributes
    ----------
    errors : count at the end of each measured epoch.
    images : of how many.

    >>> ErrorCurve(errors=(90, 45), images=1800).percent
    array([5. , 2.5])
    """

    errors: tuple[int, ...]
    images: int

    @property
    def percent(self) -> np.ndarray:
        """The errors in percent, (measurements,)."""
        return 100 * np.array(self.errors) / self.images


@dataclass(frozen=True)
class History:
    """What one training measured, every ``measured_every`` epochs.

    Attributes
    ----------
    online : training errors counted while training, over the epoch that the measurement ends: dropout on, weights
        changing under way (the tutorial's way).
    train : errors on the first 1 800 training images, dropout off.
    validation : errors on the validation images.
    diverged : whether a loss that is not finite ended the training early; the curves then end before that epoch.
    gradients : minibatch gradients computed so far; SGD computes one a step, conjugate gradient several.
    seconds : processor time spent training so far, measuring the errors not included.
    total_seconds : processor time of everything, measuring included.
    """

    online: ErrorCurve
    train: ErrorCurve
    validation: ErrorCurve
    diverged: bool
    gradients: tuple[int, ...]
    seconds: tuple[float, ...]
    total_seconds: float
