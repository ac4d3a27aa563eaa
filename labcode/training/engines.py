"""Training steps: SGD by the hand-written pass or by PyTorch's autograd, and conjugate gradient on either."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from labcode.checks import instance_of
from labcode.data.mnist import Images
from labcode.network.backprop import CHUNK, HandProp, Masks, parameter_matrices, require_known
from labcode.network.convnet import ConvNet
from labcode.training.conjugate_gradient import ConjugateGradient, NotFiniteError
from labcode.training.evaluation import misclassified
from labcode.training.recipe import require_rate


class Steps(Protocol):
    """What trains a network in place, one minibatch after another."""

    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """Return the minibatch's mean loss and its number of misclassified images; then move the weights.

        A loss that is not finite moves nothing, since its gradient would destroy the weights.
        """


class GradientSteps(Steps, Protocol):
    """Steps of plain SGD, whose gradient conjugate gradient can use as well.

    Attributes
    ----------
    learning_rate : of the next step.
    computed : minibatch gradients so far.
    """

    learning_rate: float
    computed: int

    def gradient(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """Leave the gradient in the parameters' ``grad``; return the mean loss and the number misclassified."""


class HandSteps:
    """Steps of plain SGD on ``net``, in place, with the gradient of `HandProp`.

    Attributes
    ----------
    computed : minibatch gradients so far.

    Raises
    ------
    ValueError : ``net`` is not the network that its configuration describes, or some of its parameters are frozen.

    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> from labcode.seeds import stream
    >>> steps = HandSteps(ConvNet(ConvNetConfig(width=2), stream(0, "initial weights")), learning_rate=0.1)
    >>> batch = Images(torch.randn(1, 1, 32, 32, generator=stream(0, "digit")), torch.tensor([7]))
    >>> losses = [steps.step(batch, masks=None)[0] for _ in range(2)]
    >>> losses[1] < losses[0]
    True
    """

    def __init__(self, net: ConvNet, learning_rate: float):
        require_known(net)
        if frozen := [name for name, parameter in net.named_parameters() if not parameter.requires_grad]:
            raise ValueError(
                f"{', '.join(frozen)} must not move (requires_grad is False), but the hand-written pass moves every "
                'parameter. PyTorch\'s autograd does not (engine="autograd").'
            )
        self.hand, self.learning_rate = HandProp(net), require_rate(learning_rate)
        self.parameters = list(net.parameters())
        self.totals = [torch.zeros_like(p) for p in self.parameters]
        self.targets = parameter_matrices(net, self.totals)
        self.computed = 0

    @torch.no_grad()
    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """See `Steps.step`."""
        if len(batch) <= CHUNK:
            self.computed += 1
            return self.hand.add_gradient(batch, masks, self.hand.weights, -self.learning_rate)
        loss, errors = self.gradient(batch, masks)
        if math.isfinite(loss):
            for parameter, total in zip(self.parameters, self.totals, strict=True):
                parameter.add_(total, alpha=-self.learning_rate)
        return loss, errors

    @torch.no_grad()
    def gradient(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """See `GradientSteps.gradient`."""
        self.computed += 1
        for parameter, total in zip(self.parameters, self.totals, strict=True):
            parameter.grad = total.zero_()
        return self.hand.add_gradient(batch, masks, self.targets, 1.0)


class AutogradSteps:
    """Steps of plain SGD on ``net``, in place, with the gradient that PyTorch's autograd computes.

    Attributes
    ----------
    computed : minibatch gradients so far.

    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> from labcode.seeds import stream
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> steps = AutogradSteps(net, learning_rate=0.1)
    >>> batch = Images(torch.randn(1, 1, 32, 32, generator=stream(0, "digit")), torch.tensor([7]))
    >>> losses = [steps.step(batch, masks=None)[0] for _ in range(2)]
    >>> losses[1] < losses[0]
    True
    """

    def __init__(self, net: ConvNet, learning_rate: float):
        instance_of("net", net, ConvNet)
        self.net = net
        self.learning_rate = learning_rate = require_rate(learning_rate)
        self.optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
        self.computed = 0

    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """See `Steps.step`."""
        loss, errors = self.gradient(batch, masks)
        if math.isfinite(loss):
            self.optimizer.param_groups[0]["lr"] = self.learning_rate
            self.optimizer.step()
        return loss, errors

    @torch.inference_mode(False)
    @torch.enable_grad()
    def gradient(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """See `GradientSteps.gradient`."""
        self.computed += 1
        self.optimizer.zero_grad()
        batch = Images(_recordable(batch.pixels), _recordable(batch.labels))
        outputs = self.net(batch.pixels, masks and [mask if mask is None else _recordable(mask) for mask in masks])
        loss = F.nll_loss(outputs, batch.labels)
        if math.isfinite(value := loss.item()):
            loss.backward()
        return value, misclassified(outputs, batch)


def _recordable(tensor: Tensor) -> Tensor:
    """Return a copy of what was made in inference mode, since autograd takes only a copy of it."""
    return tensor.clone() if tensor.is_inference() else tensor


class ConjugateGradientSteps:
    """Conjugate gradient on each minibatch in turn, with its dropout masks held fixed.

    Parameters
    ----------
    engine : computes the gradients of ``net``.
    line_searches : on each minibatch.
    """

    def __init__(self, net: ConvNet, engine: GradientSteps, line_searches: int):
        self.engine = engine
        self.optimizer = ConjugateGradient(net.parameters(), line_searches)

    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """See `Steps.step`."""
        evaluated: list[tuple[float, int]] = []

        def closure() -> float:
            evaluated.append(self.engine.gradient(batch, masks))
            return evaluated[-1][0]

        try:
            self.optimizer.step(closure)
        except NotFiniteError:
            return math.nan, evaluated[0][1]
        return evaluated[0]


ENGINES: dict[str, Callable[[ConvNet, float], GradientSteps]] = {"hand": HandSteps, "autograd": AutogradSteps}
