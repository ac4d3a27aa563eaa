"""Backpropagation by hand: the network's gradient assembled from Part I's formulas, layer by layer.

It computes the same gradient as autograd, faster (``python -m labcode bench``); the tests compare the two.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from labcode.data.mnist import Images
from labcode.machine import fixed_settings, processor_name, vectors
from labcode.network.config import NORM_SIZE
from labcode.network.convnet import ConvNet
from labcode.network.layers import PLAIN_POWERS
from labcode.network.manual_layers import (
    ACTIVATIONS,
    Convolution,
    Dropout,
    Linear,
    LogSoftmaxNLL,
    LpPooling,
    ScaledLpPooling,
    SubtractiveNormalization,
    UnfoldedConvolution,
)

CHUNK = 16
"""Images per pass: a larger minibatch is split, so that its maps stay in the processor's cache."""


def kernels_from() -> float:
    """Return the number of images from which PyTorch's convolution kernels beat its matrix products on this processor.

    The kernels are written for vectors of 512 bits. The products come from Intel's library, which is fastest on Intel's
    processors; there the kernels win once the copied windows of many images no longer fit the cache. (Measured in the
    appendix "What a training step costs".)

    >>> kernels_from() in (1, 5, math.inf)
    True
    """
    if vectors() != "AVX512":
        return math.inf
    return 5 if "Intel" in processor_name() else 1


KERNELS_FROM = kernels_from()

Masks = Sequence[Tensor | None] | None
"""One dropout mask for each stage and one for the classifier; None where nothing is dropped."""

Matrices = Sequence[tuple[Tensor, Tensor]]
"""A (weight, bias) pair for each layer, in the layout of `parameter_matrices`."""


class Layer(Protocol):
    """A layer without parameters: ``forward`` keeps what ``backward`` needs."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the output."""

    def backward(self, g: Tensor) -> Tensor:
        """Return the gradient at the input, given that at the output."""


Part = Layer | Convolution | Linear | Dropout | LogSoftmaxNLL


class _Stage(NamedTuple):
    convolution: Convolution
    layers: list[Layer]  # activation, pooling, normalization
    dropout: Dropout

    @property
    def parts(self) -> list[Part]:
        return [self.convolution, *self.layers, self.dropout]


class HandPass:
    """Forward and backward pass of ``net`` for ``count`` images at a time.

    It sees each parameter as a matrix that shares its memory (`parameter_matrices`).

    Raises
    ------
    ValueError : ``net`` is not the network that its configuration describes (`require_known`).
    """

    def __init__(self, net: ConvNet, count: int):
        require_known(net)
        config, matrices = net.config, parameter_matrices(net)
        activation = ACTIVATIONS[config.activation]
        kind = Convolution if count >= KERNELS_FROM else UnfoldedConvolution
        pooling = LpPooling if config.exponent <= PLAIN_POWERS else ScaledLpPooling
        self.count, self.net = count, net
        self.stages: list[_Stage] = []
        for shape, (weight, bias) in zip(config.shapes, matrices, strict=False):
            maps = weight.new_empty(count * shape.convolved**2, config.width)
            convolution = kind(weight, bias, count, shape.input, config.filter, config.padding)
            layers: list[Layer] = [activation(maps)]
            if shape.convolved > 1:
                layers.append(pooling(maps, count, shape.convolved, config.pool, config.pool_stride, config.exponent))
                maps = maps.new_empty(count * shape.pooled**2, config.width)
            if config.normalize:
                layers.append(SubtractiveNormalization(maps, count, shape.pooled, NORM_SIZE))
            self.stages.append(_Stage(convolution, layers, Dropout(maps)))
        self.hidden = Linear(*matrices[-2], count)
        self.hidden_activation = activation(self.hidden.output)
        self.hidden_dropout = Dropout(self.hidden.output)
        self.classifier = Linear(*matrices[-1], count)
        self.loss = LogSoftmaxNLL()
        last = config.shapes[-1].pooled
        self.last_maps = (count, last**2, config.width)
        self.features = maps.new_empty(count, config.features)
        self.features_gradient = torch.empty_like(maps)

    @property
    def named_layers(self) -> dict[str, Part]:
        """The layers by name, in the order of the forward pass.

        >>> from labcode.network import ConvNetConfig
        >>> net = ConvNet(ConvNetConfig(width=2, stages=1), torch.Generator().manual_seed(0))
        >>> list(HandPass(net, count=1).named_layers)[:3]
        ['stage 1, Convolution', 'stage 1, Tanh', 'stage 1, LpPooling']
        """
        stages: dict[str, Part] = {
            f"stage {number}, {type(layer).__name__.removeprefix('Unfolded').removeprefix('Scaled')}": layer
            for number, stage in enumerate(self.stages, 1)
            for layer in stage.parts
        }
        return stages | {
            "hidden layer": self.hidden,
            "hidden layer, activation": self.hidden_activation,
            "hidden layer, Dropout": self.hidden_dropout,
            "output layer": self.classifier,
            "loss": self.loss,
        }

    def forward(self, pixels: Tensor, masks: Masks = None) -> Tensor:
        """Return log-probabilities (N, 10) of images (N, 1, 32, 32), with dropout where masks are given."""
        *stage_masks, hidden_mask = masks or [None] * (len(self.stages) + 1)
        x = pixels
        for (convolution, layers, dropout), mask in zip(self.stages, stage_masks, strict=True):
            x = convolution.forward(x)
            for layer in layers:
                x = layer.forward(x)
            x = dropout.forward(x, None if mask is None else mask.permute(0, 2, 3, 1).reshape(x.shape))
        # The classifier's weights expect their inputs in the order (channel, row, column).
        self.features.view(self.count, -1, self.last_maps[1]).copy_(x.view(self.last_maps).transpose(1, 2))
        x = self.hidden_activation.forward(self.hidden.forward(self.features))
        x = self.hidden_dropout.forward(x, hidden_mask)
        return self.loss.forward(self.classifier.forward(x))

    def backward(self, labels: Tensor, targets: Matrices, scale: float) -> None:
        """Add ``scale`` times the gradient of the summed loss to ``targets``, in the layout of `parameter_matrices`.

        Zeros and 1 give the gradient; the weights and minus the learning rate give a step of SGD in place.
        """
        *stage_targets, hidden_target, classifier_target = targets
        g = self.classifier.backward(self.loss.backward(labels), classifier_target, scale)
        g = self.hidden_activation.backward(self.hidden_dropout.backward(g))
        g = self.hidden.backward(g, hidden_target, scale)
        self.features_gradient.view(self.last_maps).copy_(g.view(self.count, -1, self.last_maps[1]).transpose(1, 2))
        g = self.features_gradient
        for stage, target in zip(reversed(self.stages), reversed(stage_targets), strict=True):
            g = stage.dropout.backward(g)
            for layer in reversed(stage.layers):
                g = layer.backward(g)
            if stage is self.stages[0]:
                stage.convolution.add_gradient(g, target, scale)
            else:
                g = stage.convolution.backward(g, target, scale)


def require_known(net: ConvNet) -> None:
    """Raise a `ValueError` unless ``net`` is as its configuration describes it, since the pass goes by that.

    >>> from labcode.network import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator())
    >>> net.activation = torch.relu
    >>> require_known(net)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: activation is relu in place of tanh: the hand-written pass does not know this network. ...
    """
    if not isinstance(net, ConvNet):
        raise ValueError(f"{type(net).__name__} is not a ConvNet, which the hand-written pass takes.")
    if changed := net.alterations():
        raise ValueError(
            f"{'; '.join(changed)}: the hand-written pass does not know this network. PyTorch's autograd does "
            '(engine="autograd").'
        )


def parameter_matrices(net: ConvNet, tensors: Sequence[Tensor] | None = None) -> list[tuple[Tensor, Tensor]]:
    """Return the network's (weight, bias) pairs, in forward order, as matrices that share the parameters' memory.

    A filter bank (outputs, channels, H, W) is moved to channels-last memory, where the matrix (outputs, H W channels)
    is a view of it; its shape and values do not change.

    Parameters
    ----------
    net : whose parameters are seen as matrices.
    tensors : other tensors to return as matrices, one per parameter, of its shape and memory order, such as
        ``torch.zeros_like`` of it.
    """
    for stage in net.stages:
        stage.convolution.to(memory_format=torch.channels_last)
    tensors = [p.detach() for p in net.parameters()] if tensors is None else tensors
    weights = [t.permute(0, 2, 3, 1).view(len(t), -1) if t.dim() == 4 else t for t in tensors[::2]]
    return list(zip(weights, tensors[1::2], strict=True))


class HandProp:
    """The hand-written pass of ``net`` for minibatches of any size.

    A large minibatch is split into chunks whose gradients add up: their maps stay in the processor's cache, and memory
    does not grow with the minibatch.

    Attributes
    ----------
    weights : the network's parameters as `parameter_matrices`.

    Raises
    ------
    ValueError : ``net`` is not the network that its configuration describes (`require_known`).

    >>> from labcode.network import ConvNetConfig
    >>> from labcode.seeds import stream
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> digits = Images(torch.randn(3, 1, 32, 32, generator=stream(0, "digits")), torch.tensor([7, 1, 4]))
    >>> hand, gradient = HandProp(net), [torch.zeros_like(p) for p in net.parameters()]
    >>> loss, errors = hand.add_gradient(digits, None, parameter_matrices(net, gradient), scale=1.0)
    >>> oracle = torch.nn.functional.nll_loss(net(digits.pixels), digits.labels)
    >>> oracle.backward()
    >>> all(torch.allclose(mine, p.grad, atol=1e-6) for mine, p in zip(gradient, net.parameters()))
    True
    """

    @fixed_settings()
    def __init__(self, net: ConvNet):
        require_known(net)
        self.net = net
        self.weights = parameter_matrices(net)
        self.passes: dict[int, HandPass] = {}

    @torch.no_grad()
    def log_probabilities(self, pixels: Tensor) -> Tensor:
        """Return log-probabilities (N, 10) of images (N, 1, 32, 32), dropout off."""
        return torch.cat([self.pass_for(len(chunk)).forward(chunk) for chunk in pixels.split(CHUNK)])

    @torch.no_grad()
    def add_gradient(self, batch: Images, masks: Masks, targets: Matrices, scale: float) -> tuple[float, int]:
        """Add ``scale`` times the gradient of the minibatch's mean loss to ``targets``.

        Returns the mean loss and the number of misclassified images. It stops at a loss that is not finite, whose
        gradient would destroy the targets.

        Parameters
        ----------
        batch : pixels (N, 1, 32, 32) and labels (N,).
        masks : dropout masks, as `ConvNet.draw_masks` draws them.
        targets : in the layout of `parameter_matrices`. They may be the network's own weights, for a step in place, if
            the minibatch is one chunk: the next chunk would see them moved.
        scale : 1 for the gradient, minus the learning rate for a step of SGD.
        """
        total, errors = 0.0, 0
        for start in range(0, len(batch), CHUNK):
            chunk, chunk_masks = take(batch, masks, slice(start, start + CHUNK))
            hand = self.pass_for(len(chunk))
            outputs = hand.forward(chunk.pixels, chunk_masks)
            total -= outputs.gather(1, chunk.labels.view(-1, 1)).sum().item()
            errors += int((outputs.argmax(dim=1) != chunk.labels).sum())
            if not math.isfinite(total):
                break
            hand.backward(chunk.labels, targets, scale / len(batch))
        return total / len(batch), errors

    def pass_for(self, count: int) -> HandPass:
        """Return the pass for minibatches of ``count`` images, made at the first call and kept."""
        if count not in self.passes:
            with fixed_settings():
                self.passes[count] = HandPass(self.net, count)
        return self.passes[count]


def take(batch: Images, masks: Masks, places: slice) -> tuple[Images, Masks]:
    """Return some images of a minibatch with their dropout masks; all of them without a copy."""
    if places.start == 0 and places.stop >= len(batch):
        return batch, masks
    return batch[places], masks and [mask if mask is None else mask[places] for mask in masks]
