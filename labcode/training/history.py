"""What a training measures: errors on the training and validation images per epoch."""

from dataclasses import dataclass

import numpy as np

from labcode.checks import instance_of, whole_number
from labcode.data.mnist import MOST_IMAGES


@dataclass(frozen=True)
class ErrorCurve:
    """Misclassified images at each measurement.

    Attributes
    ----------
    errors : count at the end of each measured epoch.
    images : number of images that were classified.

    Raises
    ------
    ValueError : a count is not a whole number from 0 to ``images``, or there are no images.

    >>> ErrorCurve(errors=(90, 45), images=1800).percent
    array([5. , 2.5])
    """

    errors: tuple[int, ...]
    images: int

    def __post_init__(self) -> None:
        instance_of("errors", self.errors, tuple)
        images = whole_number("images", self.images, at_least=1, at_most=MOST_IMAGES)
        errors = tuple(whole_number("errors", count, at_least=0, at_most=images) for count in self.errors)
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "errors", errors)

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
