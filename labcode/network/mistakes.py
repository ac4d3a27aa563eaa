"""Plausible wrong backward passes: the code of each, and in its docstring the thought that leads to it.

The tests and the book's page of common mistakes read this one list. :func:`labcode.derivation.refuse_passes`
shows that every pass in it is refused. Wrong formulas are in :mod:`labcode.derivation.mistakes`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from labcode.derivation.passes import Layer
from labcode.network.layers import LpPool2d, SubtractiveNorm2d, gaussian_window


def numbers(*shape: int) -> Tensor:
    """Return random numbers of this shape, the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


maps = {"x": numbers(2, 3, 6, 6)}
# The second image is black: no window of it has a largest pixel, and every pixel stands at the corner of a ReLU.
half_black = {"x": torch.cat([numbers(1, 3, 6, 6), torch.zeros(1, 3, 6, 6, dtype=torch.float64)])}


# Linear layer

linear = Layer(
    "Linear layer",
    F.linear,
    {"x": numbers(5, 6), "weight": numbers(6, 6)},
    lambda g, x, weight: (g @ weight, g.T @ x),
)


@linear.mistake
def linear__transpose_missing(g, x, weight):
    """The forward pass multiplies by the transposed matrix, so the backward pass does too."""
    return g @ weight.T, g.T @ x


@linear.mistake
def linear__gradient_of_the_weights_transposed(g, x, weight):
    """The shapes fit, so the order of the two factors is right."""
    return g @ weight, x.T @ g


@linear.mistake
def linear__averaged_over_the_batch(g, x, weight):
    """The loss is a mean over the images, so the gradient is one as well."""
    return g @ weight, g.T @ x / len(x)


@linear.mistake
def linear__nothing_returned(g, x, weight):
    """The results are in the variables."""
    by_x, by_weight = g @ weight, g.T @ x


@linear.mistake
def linear__one_gradient_too_few(g, x, weight):
    """A backward pass returns the error at the input."""
    return g @ weight


# Convolution


def framed(g: Tensor, weight: Tensor) -> Tensor:
    """Surround errors with zeros, as wide as the filter less 1."""
    return F.pad(g, 4 * (weight.shape[-1] - 1,))


def filter_gradient(g: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of a filter: each weight meets the part of the map that lies under it."""
    size, (high, wide) = weight.shape[-1], g.shape[2:]
    pieces = [
        torch.einsum("nouv,ncuv->oc", g, x[:, :, row : row + high, column : column + wide])
        for row in range(size)
        for column in range(size)
    ]
    return torch.stack(pieces, -1).reshape(weight.shape)


convolution = Layer(
    "Convolution",
    F.conv2d,
    {"x": numbers(2, 3, 7, 7), "weight": numbers(4, 3, 3, 3)},
    lambda g, x, weight: (
        F.conv2d(framed(g, weight), weight.flip(2, 3).transpose(0, 1)),
        filter_gradient(g, x, weight),
    ),
)


@convolution.mistake
def convolution__filter_not_turned(g, x, weight):
    """The filter slides over the errors as it does over the pixels."""
    by_x = F.conv2d(framed(g, weight), weight.transpose(0, 1))
    return by_x, filter_gradient(g, x, weight)


@convolution.mistake
def convolution__filter_turned_in_one_direction(g, x, weight):
    """To turn a filter is to reverse it, and once is enough."""
    by_x = F.conv2d(framed(g, weight), weight.flip(2).transpose(0, 1))
    return by_x, filter_gradient(g, x, weight)


@convolution.mistake
def convolution__not_framed(g, x, weight):
    """A convolution is a convolution, in both directions."""
    by_x = F.conv2d(g, weight.flip(2, 3).transpose(0, 1))
    return by_x, filter_gradient(g, x, weight)


@convolution.mistake
def convolution__gradient_of_the_filter_transposed(g, x, weight):
    """Rows and columns of a square filter can be named in either order."""
    by_x = F.conv2d(framed(g, weight), weight.flip(2, 3).transpose(0, 1))
    return by_x, filter_gradient(g, x, weight).transpose(2, 3)


# Lp pooling


def shared(g: Tensor, x: Tensor, power: Callable, share: Callable) -> Tensor:
    """Backward pass of Lp pooling of 2 by 2: errors times a share of the output, times a power of the pixel."""
    y = LpPool2d(2, 2, 2)(x)
    return (g * share(y)).repeat_interleave(2, 2).repeat_interleave(2, 3) * power(x)


def inverse(y: Tensor, otherwise: float = 0.0) -> Tensor:
    """Return 1 / y, or another number where y is 0."""
    return torch.where(y > 0, 1 / y, otherwise)


pooling = Layer(
    "Lp pooling with P = 2", LpPool2d(2, 2, 2), half_black, lambda g, x: shared(g, x, lambda pixel: pixel, inverse)
)


@pooling.mistake
def pooling__zero_output_forgotten(g, x):
    """The slope is x over the output, and nothing else is to be said."""
    return shared(g, x, lambda pixel: pixel, lambda y: 1 / y)


@pooling.mistake
def pooling__zero_output_passes_on(g, x):
    """Where all pixels are equal, each gets the whole error."""
    return shared(g, x, lambda pixel: pixel + (pixel == 0), lambda y: inverse(y, otherwise=1.0))


@pooling.mistake
def pooling__factor_two(g, x):
    """The slope of a square is twice the number."""
    return 2 * shared(g, x, lambda pixel: pixel, inverse)


@pooling.mistake
def pooling__sign_lost(g, x):
    """A norm does not see signs, so its slope does not either."""
    return shared(g, x, torch.abs, inverse)


@pooling.mistake
def pooling__rule_of_the_average(g, x):
    """A window shares its error evenly among its pixels."""
    return shared(g, x, torch.sign, lambda y: 1.0 * (y > 0))


# Subtractive normalization


def slide(value: Tensor) -> Tensor:
    """Slide the Gaussian window of 7 by 7 over maps, with zeros beyond the border."""
    return F.conv2d(value, gaussian_window(7)[None, None], padding=3)


def mass(g: Tensor) -> Tensor:
    """Return the sum of the window's weights that lie within the map, at each pixel."""
    return slide(torch.ones_like(g[:1, :1]))


normalization = Layer(
    "Subtractive normalization",
    SubtractiveNorm2d(7),
    maps,
    lambda g, x: g - slide(g.mean(1, keepdim=True) / mass(g)),
)


@normalization.mistake
def normalization__divided_last(g, x):
    """The backward pass repeats the forward pass: first slide, then divide."""
    return g - slide(g.mean(1, keepdim=True)) / mass(g)


@normalization.mistake
def normalization__mass_forgotten(g, x):
    """The weights of the window sum to 1."""
    return g - slide(g.mean(1, keepdim=True))


@normalization.mistake
def normalization__maps_not_averaged(g, x):
    """Contributions of several outputs are added, never averaged."""
    return g - slide(g.sum(1, keepdim=True) / mass(g))


@normalization.mistake
def normalization__each_map_by_itself(g, x):
    """Each map is normalized by its own mean."""
    return g - torch.cat([slide(g[:, [channel]]) for channel in range(3)], 1)


@normalization.mistake
def normalization__mean_taken_as_a_constant(g, x):
    """The mean is subtracted, and a constant has no slope."""
    return g


# Tanh and ReLU

hyperbolic = Layer("Tanh", torch.tanh, maps, lambda g, x: g * (1 - x.tanh() ** 2))


@hyperbolic.mistake
def tanh__taken_at_the_output(g, x):
    """The slope is one minus the squared tanh of what the layer has kept, which is its output."""
    return g * (1 - x.tanh().tanh() ** 2)


@hyperbolic.mistake
def tanh__taken_at_the_input(g, x):
    """The slope is one minus the square of what came in."""
    return g * (1 - x**2)


@hyperbolic.mistake
def tanh__error_dropped(g, x):
    """A backward pass computes slopes."""
    return 1 - x.tanh() ** 2


rectifier = Layer("ReLU", torch.relu, half_black, lambda g, x: g * (x > 0))


@rectifier.mistake
def relu__open_at_zero(g, x):
    """Zero is not negative, so the error passes."""
    return g * (x >= 0)


@rectifier.mistake
def relu__a_half_at_zero(g, x):
    """At the corner the slope is the mean of 0 and 1."""
    return g * (torch.sign(x) + 1) / 2


@rectifier.mistake
def relu__closed_above(g, x):
    """Positive numbers have already passed."""
    return g * (x < 0)


# Log-softmax with negative log-likelihood

labels = torch.tensor([1, 0, 2])
likelihood = Layer(
    "Log-softmax with negative log-likelihood",
    lambda x: F.nll_loss(F.log_softmax(x, 1), labels),
    {"x": numbers(3, 4)},
    lambda g, x: g * (x.softmax(1) - F.one_hot(labels, 4)) / len(x),
)


@likelihood.mistake
def likelihood__sum_for_mean(g, x):
    """The gradient is p minus one-hot."""
    return g * (x.softmax(1) - F.one_hot(labels, 4))


@likelihood.mistake
def likelihood__sign_flipped(g, x):
    """The target minus the output is the error."""
    return g * (F.one_hot(labels, 4) - x.softmax(1)) / len(x)


@likelihood.mistake
def likelihood__normalized_over_the_batch(g, x):
    """The first dimension is the one to sum over."""
    return g * (x.softmax(0) - F.one_hot(labels, 4)) / len(x)


#: By a short name, in the order of the chapters.
LAYERS = {
    "linear": linear,
    "tanh": hyperbolic,
    "relu": rectifier,
    "log-softmax": likelihood,
    "convolution": convolution,
    "Lp pooling": pooling,
    "normalization": normalization,
}
