"""Each layer's forward and backward pass, written out from the formulas of Part I (chapters 4 and 5).

There is no autograd here: a layer keeps what its derivative needs, and ``backward`` turns the gradient at its output
into the gradient at its input. E is the loss summed over the minibatch.

Maps are channels last, one row per pixel: N images of height H, width W and C channels are a matrix (N H W, C). A layer
is made for N images and mostly writes into the same memory at every step: at one image per step, allocating memory
costs as much as a small layer's arithmetic.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from labcode.network.layers import gaussian_window, window_scale
from labcode.network.row_sums import pixel_copies, pixel_windows, window_pixels


class Linear:
    r"""A linear layer, :math:`Y = X W^T + b`, one row per image.

    .. math:: \frac{\partial E}{\partial X} = G W, \qquad \frac{\partial E}{\partial W} = G^T X, \qquad
              \frac{\partial E}{\partial b} = \sum_n G_n, \qquad G = \frac{\partial E}{\partial Y}

    Shapes: X (N, inputs), W (outputs, inputs), b (outputs,), Y and G (N, outputs).

    >>> layer = Linear(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]), count=1)
    >>> layer.forward(torch.tensor([[4.0, 5.0]]))
    tensor([[17.]])
    >>> layer.backward(torch.tensor([[10.0]]), (layer.weight, layer.bias), scale=-0.1)  # a step of SGD, in place
    tensor([[10., 20.]])
    >>> layer.weight, layer.bias
    (tensor([[-3., -3.]]), tensor([2.]))
    """

    def __init__(self, weight: Tensor, bias: Tensor, count: int):
        self.weight, self.bias = weight, bias
        self.output = weight.new_empty(count, len(weight))
        self.gradient = weight.new_empty(count, weight.shape[1])
        self.ones = weight.new_ones(count)

    def forward(self, x: Tensor) -> Tensor:
        self.input = x
        return torch.addmm(self.bias, x, self.weight.t(), out=self.output)

    def backward(self, g: Tensor, target: tuple[Tensor, Tensor], scale: float) -> Tensor:
        """Add ``scale`` times the gradient to ``target`` (a weight and a bias); return the gradient at the input.

        The gradient at the input is computed first, since the target may be this layer's own weights.
        """
        at_input = self.at_input(g)
        self.add_gradient(g, target, scale)
        return at_input

    def at_input(self, g: Tensor) -> Tensor:
        """Return the gradient at the input."""
        return torch.mm(g, self.weight, out=self.gradient)

    def add_gradient(self, g: Tensor, target: tuple[Tensor, Tensor], scale: float) -> None:
        """Add ``scale`` times the gradients of weight and bias to ``target``."""
        weight, bias = target
        weight.addmm_(g.t(), self.input, alpha=scale)
        bias.addmv_(g.t(), self.ones, alpha=scale)


class Convolution:
    r"""A convolution, :math:`y_{u,o} = b_o + \sum_{q,c} W_{o,q,c}\, x_{u+q,c}`, x being 0 outside its map.

    .. math:: \frac{\partial E}{\partial x_{v,c}} = \sum_{u+q=v} \sum_o W_{o,q,c}\, g_{u,o}, \qquad
              \frac{\partial E}{\partial W_{o,q,c}} = \sum_u g_{u,o}\, x_{u+q,c}, \qquad
              \frac{\partial E}{\partial b_o} = \sum_u g_{u,o}, \qquad g = \frac{\partial E}{\partial y}

    All three are convolutions: the first is the transposed one with the same weights; the second slides the gradient
    over the input. The framework has a kernel for each.

    Shapes: x (N H W, C), W (outputs, size size C) in the order (row, column, channel), y and g (N H' W', outputs) with
    H' = H + 2 padding - size + 1, and the same for W'.
    """

    def __init__(self, weight: Tensor, bias: Tensor, count: int, side: int, size: int, padding: int):
        self.filter_shape = (len(weight), size, size, weight.shape[1] // size**2)
        self.filters, self.bias = self._as_filters(weight), bias
        self.padding = [padding, padding]
        convolved = side + 2 * padding - size + 1
        self.input_shape = (count, side, side, self.filter_shape[-1])
        self.output_shape = (count, convolved, convolved, len(weight))
        self.ones = weight.new_ones(count * convolved**2)

    def forward(self, x: Tensor) -> Tensor:
        self.input = _maps(x, self.input_shape)
        return _rows(F.conv2d(self.input, self.filters, self.bias, padding=self.padding))

    def backward(self, g: Tensor, target: tuple[Tensor, Tensor], scale: float) -> Tensor:
        """As `Linear.backward`. At the first layer, `add_gradient` is enough: images do not change."""
        at_input = self.at_input(g)
        self.add_gradient(g, target, scale)
        return at_input

    def at_input(self, g: Tensor) -> Tensor:
        """Return the gradient at the input."""
        return _rows(F.conv_transpose2d(_maps(g, self.output_shape), self.filters, padding=self.padding))

    def add_gradient(self, g: Tensor, target: tuple[Tensor, Tensor], scale: float) -> None:
        """Add ``scale`` times the gradients of weight and bias to ``target``."""
        weight, bias = target
        self._as_filters(weight).add_(self._weight_gradient(_maps(g, self.output_shape)), alpha=scale)
        bias.addmv_(g.t(), self.ones, alpha=scale)

    def _weight_gradient(self, g: Tensor) -> Tensor:
        """Return the gradient of the weights, in the shape of the filters; the kernel skips its other two results."""
        ones, zeros = [1, 1], [0, 0]  # stride and dilation; output padding, which a plain convolution does not have
        return torch.ops.aten.convolution_backward(
            g, self.input, self.filters, None, ones, self.padding, ones, False, zeros, 1, [False, True, False]
        )[1]

    def _as_filters(self, weight: Tensor) -> Tensor:
        """Return the matrix ``weight`` as filters (outputs, C, size, size), which share its memory."""
        return weight.view(self.filter_shape).permute(0, 3, 1, 2)


class UnfoldedConvolution(Convolution):
    r"""The same convolution as the matrix products of `Linear`; each row of X is the window that one output sees.

    The gradient at the windows is :math:`G W`; that at a pixel is the sum over the places it was copied to.

    >>> arguments = torch.ones(1, 4), torch.zeros(1), 1, 2, 2, 0  # a filter of ones, as large as its map
    >>> x, g = torch.arange(4.0).view(4, 1), torch.ones(1, 1)
    >>> for kind in (Convolution, UnfoldedConvolution):
    ...     layer, target = kind(*arguments), (torch.zeros(1, 4), torch.zeros(1))
    ...     layer.forward(x).item(), layer.backward(g, target, 1.0).flatten().tolist(), target[0].tolist()
    (6.0, [1.0, 1.0, 1.0, 1.0], [[0.0, 1.0, 2.0, 3.0]])
    (6.0, [1.0, 1.0, 1.0, 1.0], [[0.0, 1.0, 2.0, 3.0]])
    """

    def __init__(self, weight: Tensor, bias: Tensor, count: int, side: int, size: int, padding: int):
        super().__init__(weight, bias, count, side, size, padding)
        channels, convolved, padded = self.input_shape[-1], self.output_shape[1], side + 2 * padding
        self.products = Linear(weight, bias, len(self.ones))
        self.padded = weight.new_zeros(count, padded, padded, channels)
        self.inside = slice(padding, padding + side)
        # In memory, a row of a window and all its channels are neighbours.
        window = (count, convolved, convolved, size, size * channels)
        image, row, pixel, _ = self.padded.stride()
        self.views = self.padded.as_strided(window, (image, row, pixel, row, 1))
        self.windows = weight.new_empty(window)
        self.copies_of_pixel = pixel_copies(count, padded, size, 1).to(weight.device)

    def forward(self, x: Tensor) -> Tensor:
        self.padded[:, self.inside, self.inside] = x.view(self.input_shape)
        return self.products.forward(self.windows.copy_(self.views).view(len(self.ones), -1))

    def at_input(self, g: Tensor) -> Tensor:
        channels = self.input_shape[-1]
        at_windows = self.products.at_input(g).view(-1, channels)
        at_padded = self.copies_of_pixel.of(at_windows).view_as(self.padded)
        return at_padded[:, self.inside, self.inside].reshape(-1, channels)

    def add_gradient(self, g: Tensor, target: tuple[Tensor, Tensor], scale: float) -> None:
        self.products.add_gradient(g, target, scale)


def _maps(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return pixels in rows as the framework's maps (N, C, H, W), which share their memory."""
    return rows.view(shape).permute(0, 3, 1, 2)


def _rows(maps: Tensor) -> Tensor:
    """Return maps (N, C, H, W) as pixels in rows, (N H W, C); a view if they are channels last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


class Tanh:
    r"""y = tanh x; :math:`\partial E/\partial x = (1 - y^2)\, \partial E/\partial y`.

    Computed as 2 σ(2x) - 1: the same function, and six times as fast here, since σ is better optimized.
    """

    def __init__(self, like: Tensor):
        self.output, self.gradient = torch.empty_like(like), torch.empty_like(like)
        self.minus_one = like.new_tensor(-1.0)

    def forward(self, x: Tensor) -> Tensor:
        torch.mul(x, 2, out=self.output).sigmoid_()
        return torch.add(self.minus_one, self.output, alpha=2, out=self.output)

    def backward(self, g: Tensor) -> Tensor:
        return torch.ops.aten.tanh_backward(g, self.output, grad_input=self.gradient)


class Sigmoid(Tanh):
    r"""y = σ(x); :math:`\partial E/\partial x = y (1 - y)\, \partial E/\partial y` (the lab's first question)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x, out=self.output)

    def backward(self, g: Tensor) -> Tensor:
        return torch.ops.aten.sigmoid_backward(g, self.output, grad_input=self.gradient)


class ReLU(Tanh):
    r"""y = max(x, 0); :math:`\partial E/\partial x = [y > 0]\, \partial E/\partial y`."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp_min(x, 0, out=self.output)

    def backward(self, g: Tensor) -> Tensor:
        return torch.ops.aten.threshold_backward(g, self.output, 0, grad_input=self.gradient)


ACTIVATIONS: dict[str, type[Tanh]] = {"tanh": Tanh, "relu": ReLU, "sigmoid": Sigmoid}
"""By name, which is also the name of PyTorch's function."""


class LpPooling:
    r"""Lp pooling: :math:`y_w = (\sum_{u \in w} |x_u|^P)^{1/P}`.

    .. math:: \frac{\partial E}{\partial x_u} = \operatorname{sign}(x_u) |x_u|^{P-1}
              \sum_{w \ni u} y_w^{1-P} \frac{\partial E}{\partial y_w}

    A window whose output is 0 passes on no gradient (Torch7's choice). Shapes: x (N H W, C), y (N H' W', C).

    >>> layer = LpPooling(torch.empty(4, 1), count=1, side=2, size=2, stride=2, exponent=2)
    >>> layer.forward(torch.tensor([[3.0], [0.0], [-4.0], [0.0]]))
    tensor([[5.]])
    >>> layer.backward(torch.tensor([[1.0]])).flatten().tolist()
    [0.6000000238418579, 0.0, -0.800000011920929, 0.0]
    """

    def __init__(self, like: Tensor, count: int, side: int, size: int, stride: int, exponent: float):
        self.exponent = exponent
        self.powers = torch.empty_like(like)
        self.pixels_of_window = window_pixels(count, side, size, stride).to(like.device)
        self.windows_of_pixel = pixel_windows(count, side, size, stride).to(like.device)

    def forward(self, x: Tensor) -> Tensor:
        self.input = x
        sums = self.pixels_of_window.of(_power(x, self.exponent, out=self.powers))
        self.output = _root(sums, self.exponent)
        return self.output

    def backward(self, g: Tensor) -> Tensor:
        P = self.exponent
        silent = self.output == 0
        share = (g / self.output if P == 2 else g / self.output.pow(P - 1)).masked_fill_(silent, 0)
        shares = self.windows_of_pixel.of(share)
        if P == 2:
            return shares.mul_(self.input)
        slope = torch.abs(self.input, out=self.powers).pow_(P - 1).copysign_(self.input)
        return shares.mul_(slope.masked_fill_(self.input == 0, 0))


class ScaledLpPooling(LpPooling):
    r"""The same pooling for large exponents: each window is divided by its largest value m first.

    With :math:`r_u = |x_u| / m \le 1` and :math:`s = \sum_{u \in w} r_u^P`, between 1 and the window's size, no power
    overflows:

    .. math:: y_w = m\, s^{1/P}, \qquad
              \frac{\partial y_w}{\partial x_u} = \operatorname{sign}(x_u)\, r_u^{P-1} s^{1/P - 1}

    >>> layer = ScaledLpPooling(torch.empty(4, 1), count=1, side=2, size=2, stride=2, exponent=100)
    >>> layer.forward(torch.full((4, 1), 3.0))
    tensor([[3.0419]])
    >>> layer.backward(torch.tensor([[1.0]])).flatten()
    tensor([0.2535, 0.2535, 0.2535, 0.2535])
    """

    def __init__(self, like: Tensor, count: int, side: int, size: int, stride: int, exponent: float):
        super().__init__(like, count, side, size, stride, exponent)
        self.copies_of_pixel = pixel_copies(count, side, size, stride).to(like.device)
        self.window = (-1, size**2, like.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        windows = x[self.pixels_of_window.rows].view(self.window)
        scale = window_scale(windows.abs().amax(1))
        self.ratios = windows / scale[:, None]
        self.sums = self.ratios.abs().pow_(self.exponent).sum(1)
        return self.sums.pow(1 / self.exponent).mul_(scale)

    def backward(self, g: Tensor) -> Tensor:
        P = self.exponent
        share = (g * self.sums.pow(1 / P - 1)).masked_fill_(self.sums == 0, 0)
        slope = self.ratios.abs().pow_(P - 1).copysign_(self.ratios)
        return self.copies_of_pixel.of(slope.mul_(share[:, None]).view(-1, self.window[-1]))


def _power(x: Tensor, exponent: float, out: Tensor) -> Tensor:
    """Return \\|x\\|^exponent; squares are faster than the general power."""
    if exponent == 2:
        return torch.mul(x, x, out=out)
    if exponent == 4:
        return torch.mul(x, x, out=out).square_()
    return torch.abs(x, out=out).pow_(exponent)


def _root(sums: Tensor, exponent: float) -> Tensor:
    return sums.sqrt_() if exponent == 2 else sums.pow_(1 / exponent)


class SubtractiveNormalization:
    r"""Subtract the local mean over all C channels, :math:`y_{u,c} = x_{u,c} - \sum_v A_{u,v} \bar x_v`.

    Row u of A is the Gaussian window around pixel u, divided by its sum inside the map; :math:`\bar x_v` is the mean
    over channels at pixel v.

    .. math:: \frac{\partial E}{\partial x_{v,c}} = \frac{\partial E}{\partial y_{v,c}}
              - \frac{1}{C} \sum_u A_{u,v} \sum_{c'} \frac{\partial E}{\partial y_{u,c'}}

    Shapes: (N H W, C) to the same.

    >>> layer = SubtractiveNormalization(torch.empty(4, 3), count=1, side=2, size=7)
    >>> bool(layer.forward(torch.full((4, 3), 2.0)).abs().max() < 1e-6)
    True
    """

    def __init__(self, like: Tensor, count: int, side: int, size: int):
        channels = like.shape[1]
        self.count = count
        self.output, self.gradient = torch.empty_like(like), torch.empty_like(like)
        self.over_channels = like.new_full((channels,), 1 / channels)
        self.average = local_average(side, size).to(like)

    def forward(self, x: Tensor) -> Tensor:
        mean = torch.mv(x, self.over_channels).view(self.count, -1)
        local_mean = torch.mm(mean, self.average.t())
        return torch.sub(x, local_mean.view(-1, 1), out=self.output)

    def backward(self, g: Tensor) -> Tensor:
        mean = torch.mv(g, self.over_channels).view(self.count, -1)
        shared = torch.mm(mean, self.average)
        return torch.sub(g, shared.view(-1, 1), out=self.gradient)


@lru_cache
def local_average(side: int, size: int) -> Tensor:
    """Return A, (side^2, side^2) in float64: row u averages the pixels around u, weighted by a Gaussian window.

    >>> bool(torch.allclose(local_average(5, size=7).sum(dim=1), torch.ones(25, dtype=torch.float64)))
    True
    """
    impulses = torch.eye(side**2, dtype=torch.float64, device="cpu").view(-1, 1, side, side)
    weights = F.conv2d(impulses, gaussian_window(size)[None, None], padding=size // 2).flatten(1).t()
    return weights / weights.sum(dim=1, keepdim=True)


class Dropout:
    """y = m x, elementwise, with a mask m drawn elsewhere; the gradient is multiplied by the same mask."""

    def __init__(self, like: Tensor):
        self.output, self.gradient = torch.empty_like(like), torch.empty_like(like)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        self.mask = mask
        return x if mask is None else torch.mul(x, mask, out=self.output)

    def backward(self, g: Tensor) -> Tensor:
        return g if self.mask is None else torch.mul(g, self.mask, out=self.gradient)


class LogSoftmaxNLL:
    r"""Log-softmax, then the negative log-likelihood of the labels: together,
    :math:`\partial E/\partial x_n = p_n - \mathrm{onehot}(label_n)` (the lab's second question, β = -1).

    Shapes: x (N, classes), labels (N,).
    """

    def forward(self, x: Tensor) -> Tensor:
        self.output = torch.log_softmax(x, dim=1)
        return self.output

    def backward(self, labels: Tensor) -> Tensor:
        gradient = self.output.exp()
        gradient.scatter_add_(1, labels.view(-1, 1), gradient.new_full((len(labels), 1), -1.0))
        return gradient
