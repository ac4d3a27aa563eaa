"""Many networks of one shape, trained in lockstep: one kernel call serves them all.

A run at batch size 1 leaves a GPU almost idle, since its products are small. R runs that differ in seed, learning rate
and dropout are trained side by side: each takes the same step at the same time on its own image, from the same random
streams as `labcode.training.train`, and so reaches the same counts of errors, up to rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from labcode.network.config import NORM_SIZE, ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.network.layers import PLAIN_POWERS
from labcode.training.fleet_layers import (
    FleetActivation,
    FleetConvolution,
    FleetLinear,
    FleetNormalization,
    FleetPooling,
    ScaledFleetPooling,
)
from labcode.training.recipe import Recipe

FleetMasks = Sequence[Tensor | None]
"""One dropout mask for each stage, (R, N, H, W, C), and one for the classifier, (R, N, hidden); None: no dropout."""


class Fleet:
    """R networks that differ in their weights and in their dropout.

    Parameters
    ----------
    nets : of one shape; their weights are copied, with those of filters in the order (row, column, channel).
    device : where they compute, such as ``"cpu"`` or ``"cuda"``.

    Attributes
    ----------
    alive : (R,), whether every loss of a run was finite so far.

    Raises
    ------
    ValueError : no networks, or networks whose configurations differ in more than their dropout.

    >>> from labcode.network import ConvNetConfig
    >>> from labcode.seeds import stream
    >>> nets = [ConvNet(ConvNetConfig(width=2, hidden=4), stream(seed, "initial weights")) for seed in range(3)]
    >>> images = torch.randn(3, 5, 32, 32, 1, generator=stream(0, "images"))  # (R, N, H, W, C)
    >>> found = Fleet(nets).forward(images)
    >>> expected = torch.stack([net(x.movedim(3, 1)) for net, x in zip(nets, images)])
    >>> tuple(found.shape), torch.allclose(found, expected, atol=1e-6)
    ((3, 5, 10), True)
    """

    def __init__(self, nets: Sequence[ConvNet], device: str | torch.device = "cpu"):
        self.config = common([net.config for net in nets])
        self.weights = [
            torch.stack(views).flatten(2).to(device) if views[0].dim() == 4 else torch.stack(views).to(device)
            for views in zip(*map(_views, nets), strict=True)
        ]
        self.alive = torch.ones(len(nets), dtype=torch.bool, device=device)
        pairs = list(zip(self.weights[::2], self.weights[1::2], strict=True))
        config, like = self.config, self.weights[0]
        pooling = FleetPooling if config.exponent <= PLAIN_POWERS else ScaledFleetPooling
        self.stages: list[tuple[FleetConvolution, list[FleetActivation | FleetPooling | FleetNormalization]]] = []
        for shape, (weight, bias) in zip(config.shapes, pairs, strict=False):
            layers: list[FleetActivation | FleetPooling | FleetNormalization] = [FleetActivation(config.activation)]
            if shape.convolved > 1:
                layers.append(pooling(config.pool, config.pool_stride, config.exponent))
            if config.normalize:
                layers.append(FleetNormalization(shape.pooled, NORM_SIZE, like))
            self.stages.append((FleetConvolution(weight, bias, config.filter, config.padding), layers))
        self.hidden, self.classifier = FleetLinear(*pairs[-2]), FleetLinear(*pairs[-1])
        self.hidden_activation = FleetActivation(config.activation)
        self.products = [*(convolution.products for convolution, _ in self.stages), self.hidden, self.classifier]

    def __len__(self) -> int:
        return len(self.alive)

    @torch.no_grad()
    def forward(self, images: Tensor, masks: FleetMasks | None = None) -> Tensor:
        """Return log-probabilities (R, N, 10) of images (R, N, 32, 32, 1), with dropout where masks are given."""
        self.masks = masks or [None] * (len(self.stages) + 1)
        x = images
        for (convolution, layers), mask in zip(self.stages, self.masks, strict=False):
            x = convolution.forward(x)
            for layer in layers:
                x = layer.forward(x)
            x = _times(x, mask)
        self.maps = x.shape
        x = self.hidden_activation.forward(self.hidden.forward(x.flatten(2)))
        return torch.log_softmax(self.classifier.forward(_times(x, self.masks[-1])), dim=-1)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, masks: FleetMasks | None, rates: Tensor) -> Tensor:
        """Take a step of SGD on each run's minibatch; return the number of misclassified images of each, (R,).

        A run whose loss is not finite is marked as no longer alive, for good. Its weights may have become NaN.

        Parameters
        ----------
        images, labels : (R, N, 32, 32, 1) and (R, N).
        masks : of dropout.
        rates : learning rates (R,); each multiplies the minibatch's mean gradient.
        """
        outputs = self.forward(images, masks)
        self.alive &= losses(outputs, labels) < math.inf  # false for NaN too; no loss is negative
        self.backward(outputs, labels, -rates * self.alive)
        return (outputs.argmax(2) != labels).sum(1)

    @torch.no_grad()
    def backward(self, outputs: Tensor, labels: Tensor, scales: Tensor) -> None:
        """Add the gradient of each run's mean loss, times its scale (R,), to the targets of the layers."""
        g = outputs.exp().scatter_(2, labels[..., None], -1.0, reduce="add") * (scales / labels.shape[1])[:, None, None]
        g = _times(self.classifier.backward(g), self.masks[-1])
        g = self.hidden.backward(self.hidden_activation.backward(g)).view(self.maps)
        for number, (convolution, layers) in reversed(list(enumerate(self.stages))):
            g = _times(g, self.masks[number])
            for layer in reversed(layers):
                g = layer.backward(g)
            if number:
                g = convolution.backward(g)
            else:
                convolution.add_gradient(g)

    def use(self, weights: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Compute with these tensors as weights, and add gradients to the targets, which have the same shapes."""
        self.weights = list(weights)
        for place, layer in zip(range(0, len(weights), 2), self.products, strict=True):
            layer.weight, layer.bias = weights[place], weights[place + 1]
            layer.targets = targets[place], targets[place + 1]

    def load_into(self, nets: Sequence[ConvNet], weights: Sequence[Tensor] | None = None) -> None:
        """Copy the weights (or others of their shapes) back into the networks that the fleet was made of."""
        for run, net in enumerate(nets):
            for view, stacked in zip(_views(net), weights or self.weights, strict=True):
                view.copy_(stacked[run].view(view.shape))


OWN: dict[type, dict[str, Any]] = {
    ConvNetConfig: {"dropout": ()},
    Recipe: {"learning_rate": Recipe.learning_rate, "decay": "none"},
}
"""The settings of which each run of a fleet has its own, at their defaults."""

Settings = TypeVar("Settings", ConvNetConfig, Recipe)


def shared(settings: Settings) -> Settings:
    """Return the settings with the defaults of those of which each run of a fleet has its own.

    >>> shared(ConvNetConfig(width=8, dropout=(0.5, 0, 0))) == ConvNetConfig(width=8)
    True
    """
    return replace(settings, **OWN[type(settings)])


def common(settings: Sequence[Settings]) -> Settings:
    """Return the `shared` settings of the networks or recipes of a fleet.

    Raises
    ------
    ValueError : there are none, or they differ.

    >>> common([Recipe(batch_size=1), Recipe(batch_size=2)])
    Traceback (most recent call last):
    ...
    ValueError: batch_size is 1 and 2; the runs of a fleet differ only in dropout, learning_rate, decay and seed.
    """
    if not settings:
        raise ValueError("There are no runs; a fleet takes at least one.")
    found = [shared(each) for each in settings]
    for field in fields(found[0]):
        values = list(dict.fromkeys(getattr(each, field.name) for each in found))
        if len(values) > 1:
            raise ValueError(
                f"{field.name} is {' and '.join(map(str, values))}; the runs of a fleet differ only in dropout, "
                "learning_rate, decay and seed."
            )
    return found[0]


def losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss (R,) of log-probabilities (R, N, 10) and labels (R, N)."""
    return -outputs.gather(2, labels[..., None]).mean((1, 2))


def _views(net: ConvNet) -> list[Tensor]:
    """Return views of the parameters with their inputs in the order (row, column, channel), as the fleet keeps maps."""
    views = [parameter.detach() for parameter in net.parameters()]
    side, hidden = net.config.shapes[-1].pooled, 2 * net.config.stages
    views[hidden] = views[hidden].view(net.config.hidden, net.config.width, side, side)
    return [view.permute(0, 2, 3, 1) if view.dim() == 4 else view for view in views]


def _times(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
