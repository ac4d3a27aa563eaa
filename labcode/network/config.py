"""Which network: its sizes, its parts, and whether it can exist (lab section 2.2)."""

from dataclasses import dataclass
from itertools import pairwise

import torch

IMAGE_SIZE = 32
CLASSES = 10
NORM_SIZE = 7
LARGEST = {"stages": 100, "pool_stride": 1_000}
MOST_NUMBERS = 100_000_000  # a typing error in a size should not fill the memory; the final model takes 3 million
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}


@dataclass(frozen=True)
class StageShape:
    """Side lengths of a stage's square maps, in pixels: what enters, after the convolution, after the pooling."""

    input: int
    convolved: int
    pooled: int


@dataclass(frozen=True)
class ConvNetConfig:
    """One network, said in full. The defaults are the baseline that every ablation departs from.

    A network that cannot exist is refused here, before any training, with the sizes of its maps stage by stage.

    Attributes
    ----------
    width : feature maps in each convolution (the lab's "hidden units").
    stages : convolution stages.
    filter : side of the square filters, in pixels.
    padding : zeros put around every map before its convolution, in pixels; the lab's tutorial has none.
    pool, pool_stride : side and stride of the square pooling windows, in pixels.
    exponent : P of the Lp pooling.
    activation : ``"tanh"``, ``"relu"`` or ``"sigmoid"``.
    normalize : whether subtractive normalization (window 7) ends each stage.
    hidden : nodes in the classifier's hidden layer.
    dropout : probability of dropping a value, one for the output of each stage, in order, and one for the
        classifier's hidden layer; ``()`` for no dropout at all.

    Raises
    ------
    ValueError : with a sentence that names the value and what would be accepted.

    >>> [shape.pooled for shape in ConvNetConfig().shapes]
    [14, 5]
    >>> ConvNetConfig(filter=17)
    Traceback (most recent call last):
    ...
    ValueError: Stage 2 cannot be built: filter 17 does not fit into a 8x8 map (stage 1: 32 -> 16 -> 8).
    """

    width: int = 64
    stages: int = 2
    filter: int = 5
    padding: int = 0
    pool: int = 2
    pool_stride: int = 2
    exponent: float = 2
    activation: str = "tanh"
    normalize: bool = True
    hidden: int = 128
    dropout: tuple[float, ...] = ()

    def __post_init__(self):
        for name in ("width", "stages", "filter", "pool", "pool_stride", "hidden"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1.")
        for name, largest in LARGEST.items():
            if (value := getattr(self, name)) > largest:
                raise ValueError(f"{name} is {value}; it can be {largest} at most.")
        if type(self.padding) is not int or not 0 <= self.padding < self.filter:
            raise ValueError(
                f"padding is {self.padding!r}; with filter {self.filter} it must be a whole number from 0 to "
                f"{self.filter - 1}."
            )
        if (
            isinstance(self.exponent, bool)
            or not isinstance(self.exponent, int | float)
            or not 1 <= self.exponent < float("inf")
        ):
            raise ValueError(f"exponent is {self.exponent!r}; it must be a finite number, 1 or more.")
        if self.activation not in tuple(ACTIVATIONS):
            accepted = ", ".join(map(repr, ACTIVATIONS))
            raise ValueError(f"Unknown activation {self.activation!r}; accepted are {accepted}.")
        if not isinstance(self.normalize, bool):
            raise ValueError(f"normalize is {self.normalize!r}; it must be True or False.")
        self._check_dropout()
        self._check_size()

    def _check_dropout(self):
        if not isinstance(self.dropout, tuple | list) or not all(isinstance(r, int | float) for r in self.dropout):
            raise ValueError(f"dropout is {self.dropout!r}; it takes numbers, such as (0.5, 0.5, 0.5), or () for none.")
        rates = tuple(self.dropout)
        if rates and len(rates) != self.stages + 1:
            raise ValueError(
                f"dropout is {rates}; with {self.stages} stages it takes {self.stages + 1} probabilities (each stage, "
                "then the classifier), or () for none."
            )
        for rate in rates:
            if not 0 <= rate < 1:
                raise ValueError(f"A dropout of {rate} was asked for; it must be at least 0 and below 1.")
        # One spelling for one network: no dropout anywhere is the empty tuple.
        object.__setattr__(self, "dropout", rates if any(rates) else ())

    def _check_size(self):
        """Refuse what no memory holds; on the way, what cannot be built."""
        maps = 16 * self.width * sum(shape.convolved**2 for shape in self.shapes)
        weights = self.width * self.filter**2 * (1 + (self.stages - 1) * self.width) + self.features * self.hidden
        if weights + maps > MOST_NUMBERS:
            sizes = ", ".join(f"{name} {getattr(self, name)}" for name in ("width", "stages", "filter", "padding"))
            raise ValueError(
                f"A network with {sizes} and hidden {self.hidden} is too large: its weights and its maps of 16 images "
                f"are {weights + maps:,} numbers, and at most {MOST_NUMBERS:,} are accepted."
            )

    @property
    def shapes(self) -> tuple[StageShape, ...]:
        """The sizes of the maps, stage by stage. A 1x1 map is not pooled: there is nothing left to pool."""
        shapes: list[StageShape] = []
        size = IMAGE_SIZE
        for stage in range(1, self.stages + 1):
            so_far = ", ".join(f"stage {i}: {s.input} -> {s.convolved} -> {s.pooled}" for i, s in enumerate(shapes, 1))
            history = f" ({so_far})" if so_far else ""
            convolved = size + 2 * self.padding - self.filter + 1
            if convolved < 1:
                raise ValueError(
                    f"Stage {stage} cannot be built: filter {self.filter} does not fit into a {size}x{size} "
                    f"map{history}."
                )
            pooled = 1 if convolved == 1 else (convolved - self.pool) // self.pool_stride + 1
            if pooled < 1:
                raise ValueError(
                    f"Stage {stage} cannot be built: pool {self.pool} does not fit into the "
                    f"{convolved}x{convolved} map after the convolution{history}."
                )
            shapes.append(StageShape(size, convolved, pooled))
            size = pooled
        return tuple(shapes)

    @property
    def features(self) -> int:
        """Values that enter the classifier: the last stage's maps, flattened."""
        return self.width * self.shapes[-1].pooled ** 2

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds in one image's forward pass through the convolutions and linear layers.

        >>> round(FINAL_MODEL.multiply_adds / 1e6, 1)
        36.2
        """
        channels = (1,) + (self.width,) * self.stages
        convolutions = sum(
            inputs * outputs * self.filter**2 * shape.convolved**2
            for (inputs, outputs), shape in zip(pairwise(channels), self.shapes, strict=True)
        )
        return convolutions + self.features * self.hidden + self.hidden * CLASSES


FINAL_MODEL = ConvNetConfig(width=128, pool=3, pool_stride=2, hidden=256, dropout=(0.5, 0.5, 0.5))
"""The lab's final model (M2): 940 170 parameters."""
