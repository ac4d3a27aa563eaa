"""What a training measures: errors on the training and validation images per epoch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ErrorCurve:
    """Misclassified images at each measurement.

    Attributes
    ----------
    errors : count at the end of each measured epoch.
    images : number of images that were classified.

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
    online : training errors counted during the measured epoch, while the weights change, dropout on (as in the
        tutorial).
    train : errors on the first 1 800 training images, dropout off.
    validation : errors on the validation images.
    diverged : whether a loss that is not finite ended the training; the curves then end before that epoch.
    gradients : minibatch gradients computed so far; SGD computes one per step, conjugate gradient several.
    seconds : processor time spent on training so far, without measuring the errors.
    total_seconds : processor time of the whole run, with measuring.
    """

    online: ErrorCurve
    train: ErrorCurve
    validation: ErrorCurve
    diverged: bool
    gradients: tuple[int, ...]
    seconds: tuple[float, ...]
    total_seconds: float
