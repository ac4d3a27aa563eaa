"""How a network is trained: learning rate, batch size, epochs, optimizer (lab section 2.3)."""

from dataclasses import dataclass

LARGEST_RATE = 1e38
OPTIMIZERS = ("sgd", "cg")
DECAYS = ("none", "cosine")
CHOICES = ("last", "best")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The defaults are the baseline that every ablation departs from.

    Attributes
    ----------
    learning_rate : of SGD, constant; it multiplies the minibatch's mean gradient. Chosen for the baseline on validation
        error (`labcode.study.ablation.LEARNING_RATES`), then held for all. Conjugate gradient has none, and
        whatever is given is replaced by the default.
    batch_size : images a step; the lab's is 1.
    epochs : passes over the training images.
    measured_every : epochs from one measurement of the errors to the next; ``epochs`` is a multiple of it.
    optimizer : ``"sgd"``, plain gradient descent, or ``"cg"``, conjugate gradient on each minibatch.
    decay : of the learning rate, ``"none"``, or ``"cosine"``: step by step along half a cosine from ``learning_rate``
        at the first step to 0 after the last (Loshchilov and Hutter, ICLR 2017, without restarts).
    choice : of the epoch whose weights the network ends with: the ``"last"`` one, or the ``"best"``, that with the
        lowest validation error (the later one of equals).
    line_searches : of conjugate gradient on each minibatch; Torch7's tutorial takes 2. SGD has none, likewise.

    Raises
    ------
    ValueError : with a sentence that names the value and what would be accepted.

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

    def __post_init__(self):
        for name, accepted in (("optimizer", OPTIMIZERS), ("decay", DECAYS), ("choice", CHOICES)):
            if (value := getattr(self, name)) not in accepted:
                raise ValueError(f"Unknown {name} {value!r}; accepted are {' and '.join(map(repr, accepted))}.")
        if self.optimizer == "cg" and self.decay != "none":
            raise ValueError(f"decay is {self.decay!r}; conjugate gradient has no learning rate that could decay.")
        for name in ("batch_size", "epochs", "measured_every", "line_searches"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1.")
        if self.epochs % self.measured_every:
            raise ValueError(
                f"measured_every is {self.measured_every}; {self.epochs} epochs must be a multiple of it, so that the "
                "errors are measured at the end."
            )
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < LARGEST_RATE:
            raise ValueError(
                f"learning_rate is {rate!r}; it must be a finite number above 0 (and below {LARGEST_RATE:g}, the "
                "largest that single precision holds)."
            )
        # One spelling for one recipe: what the optimizer does not look at takes its default.
        unused = "line_searches" if self.optimizer == "sgd" else "learning_rate"
        object.__setattr__(self, unused, getattr(Recipe, unused))
