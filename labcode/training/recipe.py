"""How a network is trained: learning rate, batch size, epochs, optimizer (lab section 2.3)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from labcode.checks import one_of, real_number, whole_number

LARGEST_RATE = 1e38  # about the largest number that single precision holds
OPTIMIZERS = ("sgd", "cg")
DECAYS = ("none", "cosine")
CHOICES = ("last", "best")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The defaults are the baseline, from which every ablation departs.

    Attributes
    ----------
    learning_rate : of SGD; it multiplies the minibatch's mean gradient. The default was chosen by validation error
        (chapter "The learning rate"). Conjugate gradient has none: any value is replaced by the default.
    batch_size : images per step; the lab's is 1.
    epochs : passes over the training images.
    measured_every : epochs between two measurements of the errors; ``epochs`` is a multiple of it.
    optimizer : ``"sgd"``, plain gradient descent, or ``"cg"``, conjugate gradient on each minibatch.
    decay : of the learning rate: ``"none"``, or ``"cosine"``, at every step along half a cosine from ``learning_rate``
        at the first to 0 after the last (Loshchilov and Hutter, ICLR 2017, without restarts).
    choice : the epoch whose weights the network ends with: the ``"last"``, or the ``"best"``, which has the lowest
        validation error (the last of equals).
    line_searches : of conjugate gradient on each minibatch; Torch7's tutorial takes 2. SGD has none: any value is
        replaced by the default.

    Raises
    ------
    ValueError : the message names the value and what is accepted.

    >>> Recipe(batch_size=0)
    Traceback (most recent call last):
    ...
    ValueError: batch_size is 0; it must be a whole number of at least 1.
    """

    learning_rate: float = 3e-3
    batch_size: int = 1
    epochs: int = 20
    measured_every: int = 1
    optimizer: str = "sgd"
    decay: str = "none"
    choice: str = "last"
    line_searches: int = 2

    def __post_init__(self) -> None:
        for name, accepted in (("optimizer", OPTIMIZERS), ("decay", DECAYS), ("choice", CHOICES)):
            one_of(name, getattr(self, name), accepted)
        if self.optimizer == "cg" and self.decay != "none":
            raise ValueError(f"decay is {self.decay!r}; conjugate gradient has no learning rate that could decay.")
        for name in ("batch_size", "epochs", "measured_every", "line_searches"):
            self._set(name, whole_number(name, getattr(self, name), at_least=1))
        if self.epochs % self.measured_every:
            raise ValueError(
                f"measured_every is {self.measured_every}; {self.epochs} epochs must be a multiple of it, so that the "
                "errors are measured at the end."
            )
        self._set("learning_rate", require_rate(self.learning_rate))
        # One spelling for one recipe: a setting that the optimizer does not use takes its default.
        unused = "line_searches" if self.optimizer == "sgd" else "learning_rate"
        self._set(unused, getattr(Recipe, unused))

    def _set(self, name: str, value: object) -> None:
        """Store a checked value: NumPy's numbers as Python's."""
        object.__setattr__(self, name, value)


def require_rate(value: float) -> float:
    """Return a learning rate, checked."""
    return real_number("learning_rate", value, above=0, below=LARGEST_RATE)


def learning_rates(recipe: Recipe, count: int, done: int) -> Iterator[float]:
    """Yield the learning rate of each step after ``done`` epochs of ``count`` images.

    >>> rates = learning_rates(Recipe(learning_rate=0.1, batch_size=50, epochs=2, decay="cosine"), count=100, done=0)
    >>> [round(rate, 4) for rate in rates]
    [0.1, 0.0854, 0.05, 0.0146]
    """
    if recipe.decay == "none":
        while True:
            yield recipe.learning_rate
    steps = -(-count // recipe.batch_size)
    for step in range(done * steps, recipe.epochs * steps):
        yield recipe.learning_rate * (1 + math.cos(math.pi * step / (recipe.epochs * steps))) / 2
