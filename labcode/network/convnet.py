"""The lab's network: stages of convolution, pooling and normalization, then a 2-layer classifier (lab section 2.2).

`ConvNetConfig` specifies the network that `ConvNet` builds.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labcode.checks import instance_of
from labcode.machine import fixed_settings, require_precision
from labcode.network.config import CLASSES, NORM_SIZE, ConvNetConfig, StageShape
from labcode.network.layers import LpPool2d, SubtractiveNorm2d, dropout_mask


class Stage(nn.Module):
    """Convolution, activation, Lp pooling, subtractive normalization: (N, C, H, W) to (N, width, H', W')."""

    def __init__(self, config: ConvNetConfig, channels: int, shape: StageShape):
        super().__init__()
        self.convolution = nn.utils.skip_init(nn.Conv2d, channels, config.width, config.filter, padding=config.padding)
        self.activation = getattr(torch, config.activation)
        pooled = shape.convolved > 1
        self.pooling = LpPool2d(config.exponent, config.pool, config.pool_stride) if pooled else nn.Identity()
        self.normalization = SubtractiveNorm2d(NORM_SIZE) if config.normalize else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.normalization(self.pooling(self.activation(self.convolution(x))))


class ConvNet(nn.Module):
    """The network that ``config`` describes.

    Images (N, 1, 32, 32) in, log-probabilities (N, 10) out. Dropout acts only when masks are passed, so that a gradient
    can be computed twice with the same masks.

    Parameters
    ----------
    config : which network.
    generator : draws the initial weights and biases, uniform in +-1/sqrt(fan_in), layer by layer from the input.
    dtype : of the weights, ``torch.float32`` or ``torch.float64``.

    Raises
    ------
    ValueError : another dtype.

    >>> from labcode.network import FINAL_MODEL
    >>> net = ConvNet(FINAL_MODEL, torch.Generator().manual_seed(0))
    >>> sum(p.numel() for p in net.parameters())
    940170
    >>> tuple(net(torch.zeros(2, 1, 32, 32)).shape)
    (2, 10)
    """

    @fixed_settings()
    def __init__(
        self,
        config: ConvNetConfig,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        instance_of("config", config, ConvNetConfig)
        instance_of("generator", generator, torch.Generator)
        require_precision(dtype)
        self.config = config
        channels = (1,) + (config.width,) * (config.stages - 1)
        self.stages = nn.ModuleList(Stage(config, c, shape) for c, shape in zip(channels, config.shapes, strict=True))
        self.hidden = nn.utils.skip_init(nn.Linear, config.features, config.hidden)
        self.output = nn.utils.skip_init(nn.Linear, config.hidden, CLASSES)
        self.activation = getattr(torch, config.activation)
        self.to(dtype)
        self._draw_weights(generator)

    def _draw_weights(self, generator: torch.Generator) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = layer.weight[0].numel() ** -0.5
                for parameter in layer.parameters(recurse=False):
                    with torch.no_grad():
                        parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, images: Tensor, masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Return log-probabilities (N, 10) of images (N, 1, 32, 32), with dropout where masks are given."""
        *stage_masks, hidden_mask = masks or [None] * (self.config.stages + 1)
        x = images
        for stage, mask in zip(self.stages, stage_masks, strict=True):
            x = _drop(stage(x), mask)
        x = _drop(self.activation(self.hidden(x.flatten(1))), hidden_mask)
        return F.log_softmax(self.output(x), dim=1)

    def alterations(self) -> list[str]:
        """Return the parts of the network that are not as ``config`` describes them, in words; usually none.

        The hand-written pass and a file of weights go by the configuration, and so refuse such a network.

        >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator())
        >>> net.alterations()
        []
        >>> net.stages[0].pooling = nn.Identity()
        >>> net.stages[1].activation = F.softplus
        >>> for each in net.alterations():
        ...     print(each)
        stages.0.pooling is Identity in place of LpPool2d(exponent=2, size=2, stride=2)
        stages.1.activation is softplus in place of tanh
        """
        described, found = _parts(ConvNet(self.config, torch.Generator())), _parts(self)
        absent, nothing = (None, "absent"), (None, "nothing")
        return [
            f"{place} is {found.get(place, absent)[1]} in place of {described.get(place, nothing)[1]}"
            for place in described | found
            if found.get(place) != described.get(place)
        ]

    def draw_masks(self, count: int, generator: torch.Generator) -> list[Tensor | None] | None:
        """Draw dropout masks for ``count`` images: one for each stage and one for the classifier.

        Returns None for a network without dropout, and None in a place that drops nothing. The masks of maps are
        channels last in memory, as are the maps of the hand-written pass.
        """
        config = self.config
        instance_of("generator", generator, torch.Generator)
        if not config.dropout:
            return None
        shapes = [*((count, s.pooled, s.pooled, config.width) for s in config.shapes), (count, config.hidden)]
        weight = self.output.weight
        masks = [
            dropout_mask(shape, rate, generator, weight.dtype).to(weight.device) if rate else None
            for shape, rate in zip(shapes, config.dropout, strict=True)
        ]
        return [mask if mask is None or mask.dim() == 2 else mask.permute(0, 3, 1, 2) for mask in masks]


def _parts(net: nn.Module) -> dict[str, tuple[object, str]]:
    """Return what computes at each place in ``net``: a module's class or a function, and how it is named."""
    parts: dict[str, tuple[object, str]] = {}
    for place, module in net.named_modules():
        changed = " with hooks or a forward of its own" if _has_hooks(module) or "forward" in vars(module) else ""
        settings = f"({module.extra_repr()})" if module.extra_repr() else ""
        parts[place or "the network"] = type(module), f"{type(module).__name__}{settings}{changed}"
        if "activation" in vars(module):  # a function; a module in its place is listed by itself
            name = getattr(module.activation, "__name__", repr(module.activation))
            parts[f"{place}.activation".lstrip(".")] = module.activation, name
    return parts


def _has_hooks(module: nn.Module) -> bool:
    own = module._forward_pre_hooks, module._forward_hooks, module._backward_pre_hooks, module._backward_hooks
    parameters = module.parameters(recurse=False)
    return any(own) or any(p._backward_hooks or p._post_accumulate_grad_hooks for p in parameters)


def _drop(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
