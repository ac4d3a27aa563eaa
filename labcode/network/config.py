"""The configuration of a network: sizes, parts, and whether it can be built (lab section 2.2)."""

from dataclasses import dataclass
from operator import mul

from labcode.checks import one_of, real_number, truth, whole_number
from labcode.network.layers import pooling_exponent
from labcode.network.manual_layers import ACTIVATIONS

IMAGE_SIZE = 32
CLASSES = 10
NORM_SIZE = 7
LARGEST = {"stages": 100, "pool_stride": 1_000}
MOST_NUMBERS = 100_000_000  # a typing error in a size should not fill the memory; the final model takes 3 million


@dataclass(frozen=True)
class StageShape:
    """Side lengths of a stage's square maps, in pixels: what enters, after the convolution, after the pooling."""

    input: int
    convolved: int
    pooled: int


@dataclass(frozen=True)
class ConvNetConfig:
    """Complete specification of a network. The defaults are the baseline, from which every ablation departs.

    A network that cannot be built is refused here, before any training, with the sizes of its maps stage by stage.

    Attributes
    ----------
    width : feature maps in each convolution (the lab's "hidden units").
    stages : convolution stages.
    filter : side of the square filters, in pixels.
    padding : zeros around every map before its convolution, in pixels; the lab's tutorial has none.
    pool, pool_stride : side and stride of the square pooling windows, in pixels.
    exponent : P of the Lp pooling, at least 1.
    activation : ``"tanh"``, ``"relu"`` or ``"sigmoid"``.
    normalize : whether subtractive normalization (window 7) ends each stage.
    hidden : nodes in the classifier's hidden layer.
    dropout : probability of dropping a value: one for the output of each stage, in order, then one for the
        classifier's hidden layer; ``()`` for no dropout.

    Raises
    ------
    ValueError : the message names the value and what is accepted.

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

    def __post_init__(self) -> None:
        for name in ("width", "stages", "filter", "pool", "pool_stride", "hidden"):
            self._set(name, whole_number(name, getattr(self, name), at_least=1, at_most=LARGEST.get(name)))
        self._set("padding", whole_number("padding", self.padding, at_least=0, at_most=self.filter - 1))
        self._set("exponent", pooling_exponent(self.exponent))
        one_of("activation", self.activation, ACTIVATIONS)
        self._set("normalize", truth("normalize", self.normalize))
        self._check_dropout()
        self._check_size()

    def _set(self, name: str, value: object) -> None:
        """Store a checked value: NumPy's numbers as Python's."""
        object.__setattr__(self, name, value)

    def _check_dropout(self) -> None:
        if not isinstance(self.dropout, tuple | list):
            raise ValueError(f"dropout is {self.dropout!r}; it takes numbers, such as (0.5, 0.5, 0.5), or () for none.")
        rates = tuple(real_number("dropout", rate, at_least=0, below=1) for rate in self.dropout)
        if rates and len(rates) != self.stages + 1:
            raise ValueError(
                f"dropout is {rates}; with {self.stages} stages it takes {self.stages + 1} probabilities (each stage, "
                "then the classifier), or () for none."
            )
        # One spelling for one network: no dropout anywhere is the empty tuple.
        self._set("dropout", rates if any(rates) else ())

    def _check_size(self) -> None:
        """Refuse a network that memory cannot hold, or (by asking for its shapes) that cannot be built."""
        maps = 16 * self.width * sum(shape.convolved**2 for shape in self.shapes)
        if (numbers := self.parameters + maps) > MOST_NUMBERS:
            sizes = ", ".join(f"{name} {getattr(self, name)}" for name in ("width", "stages", "filter", "padding"))
            raise ValueError(
                f"A network with {sizes} and hidden {self.hidden} is too large: its weights and its maps of 16 images "
                f"are {numbers:,} numbers, and at most {MOST_NUMBERS:,} are accepted."
            )

    @property
    def shapes(self) -> tuple[StageShape, ...]:
        """The sizes of the maps, stage by stage. A 1x1 map is not pooled."""
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
        """Number of values that enter the classifier: the last stage's maps, flattened."""
        return self.width * self.shapes[-1].pooled ** 2

    @property
    def _filter_weights(self) -> list[int]:
        """Weights of each stage's filters, without the biases."""
        return [self.width * maps * self.filter**2 for maps in (1, *[self.width] * (self.stages - 1))]

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers.

        >>> FINAL_MODEL.parameters
        940170
        """
        biases = self.stages * self.width + self.hidden + CLASSES
        return sum(self._filter_weights) + (self.features + CLASSES) * self.hidden + biases

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds in one image's forward pass through the convolutions and linear layers.

        >>> round(FINAL_MODEL.multiply_adds / 1e6, 1)
        36.2
        """
        pixels = [shape.convolved**2 for shape in self.shapes]
        return sum(map(mul, self._filter_weights, pixels)) + (self.features + CLASSES) * self.hidden


FINAL_MODEL = ConvNetConfig(width=128, pool=3, pool_stride=2, hidden=256, dropout=(0.5, 0.5, 0.5))
"""The lab's final model (M2)."""
