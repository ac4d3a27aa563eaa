"""Complete specification of a run: data, network, recipe and seed. It is named by what differs from the baseline."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from labcode.checks import instance_of, one_of
from labcode.data.mnist import SCALES, require_seed
from labcode.network.config import ConvNetConfig
from labcode.training.recipe import Recipe

CHOOSING_SEEDS = range(100, 200)
"""Seeds that choose settings. Their runs never see the test images and decide no claim.

Those below are the first study's; those from 1000 on are the second study's, each with a tenth of MNIST of its own.
Those between 200 and 999 belong to no study: their runs are like the first study's.
"""


@dataclass(frozen=True)
class Experiment:
    """Complete specification of a run. The defaults are the baseline.

    Attributes
    ----------
    seed : of the split, the initial weights, the order of images and the dropout masks.
    scale : of the data, ``"tenth"``, ``"own"`` (a tenth of the seed's own, from seed 1000 on) or ``"full"``.
    network, recipe : what is trained, and how.

    Raises
    ------
    ValueError : unknown scale, or a seed that is not a whole number or has no data at that scale.

    >>> Experiment(seed=3).name, Experiment(seed=3).vary(width=128).name
    ('baseline_seed=3', 'width=128_seed=3')
    """

    seed: int
    scale: str = "tenth"
    network: ConvNetConfig = field(default_factory=ConvNetConfig)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        one_of("scale", self.scale, SCALES)
        object.__setattr__(self, "seed", require_seed(self.scale, self.seed))
        instance_of("network", self.network, ConvNetConfig)
        instance_of("recipe", self.recipe, Recipe)

    @property
    def chooses(self) -> bool:
        """Whether the run serves to choose settings by its validation error."""
        return self.seed in CHOOSING_SEEDS

    def vary(self, scale: str | None = None, **settings: Any) -> "Experiment":
        """Return this experiment with its scale, or settings of its network or recipe, changed.

        Raises
        ------
        ValueError : no such setting.
        """
        parts = {part: _names(getattr(self, part)) for part in ("network", "recipe")}
        for setting in settings:
            if not any(setting in names for names in parts.values()):
                known = ", ".join(["scale", *(name for names in parts.values() for name in names)])
                raise ValueError(f"Unknown setting {setting!r}; accepted are {known}.")
        changed = {
            part: replace(getattr(self, part), **{name: settings[name] for name in names if name in settings})
            for part, names in parts.items()
        }
        return replace(self, scale=self.scale if scale is None else scale, **changed)

    @property
    def name(self) -> str:
        """The setting and the seed: the name of the record."""
        return f"{self.setting}_seed={self.seed}"

    @property
    def setting(self) -> str:
        """What differs from the baseline, whatever the seed: the name of the archive that holds the record."""
        baseline = Experiment(self.seed)
        differences = [] if self.scale == baseline.scale else [f"scale={self.scale}"]
        for part in ("network", "recipe"):
            mine, default = getattr(self, part), getattr(baseline, part)
            differences += [
                f"{name}={_spell(getattr(mine, name))}"
                for name in _names(mine)
                if getattr(mine, name) != getattr(default, name)
            ]
        return "_".join(differences or ["baseline"])

    @property
    def images(self) -> int:
        """How many images it trains on."""
        return {"tenth": 4_200, "own": 4_200, "full": 42_000}[self.scale]

    @property
    def multiply_adds(self) -> float:
        """Approximate multiply-adds of the whole training: they order runs by length and drive the progress bar.

        A gradient takes three products per image: one forward, two backward. SGD computes one gradient per step;
        conjugate gradient computes about 10 per line search at batch size 1 and 2 at larger ones (measured).
        """
        recipe = self.recipe
        gradients = 1 if recipe.optimizer == "sgd" else recipe.line_searches * (10 if recipe.batch_size == 1 else 2)
        return 3 * self.network.multiply_adds * self.images * recipe.epochs * gradients


def _names(config: ConvNetConfig | Recipe) -> list[str]:
    return [f.name for f in fields(config)]


def _spell(value: object) -> str:
    # 4 and 4.0 are equal, and so are experiments with the one or the other: they need one name.
    if isinstance(value, tuple):
        return ",".join(str(float(each)) for each in value)
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def from_dict(stored: dict) -> Experiment:
    """Rebuild an experiment from ``dataclasses.asdict`` of it, as JSON gives it back.

    A setting added since then takes its default; an unknown one fails.

    Raises
    ------
    KeyError, TypeError, ValueError : it is not an experiment.

    >>> from dataclasses import asdict
    >>> experiment = Experiment(seed=3).vary(dropout=(0.5, 0.0, 0.5))
    >>> from_dict(asdict(experiment)) == experiment
    True
    """
    network = {**stored["network"], "dropout": tuple(stored["network"]["dropout"])}
    return Experiment(**{**stored, "network": ConvNetConfig(**network), "recipe": Recipe(**stored["recipe"])})
