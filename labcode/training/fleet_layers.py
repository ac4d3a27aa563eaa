"""The layers of R networks of one shape, computed in lockstep: the formulas of `labcode.network.manual_layers`.

Every tensor has the run first. Maps are (R, N, H, W, C), channels last: N images each of R runs. A layer's products are
batched over the runs (``torch.bmm``), so that R small products cost one call, and one reading of the weights.

``backward`` takes the gradient at the output and returns that at the input. Layers with weights add their gradient to
their targets. These are the weights themselves unless others are set: the gradient of the loss times the negative
learning rate is then a step of SGD.

On a GPU, time goes by the number of kernels and by the memory that they read and write. So each operation is one kernel
where PyTorch has it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from labcode.network.layers import window_scale
from labcode.network.manual_layers import local_average


class FleetLinear:
    r"""R linear layers, :math:`Y_r = X_r W_r^T + b_r`.

    Shapes: X (R, N, inputs), W (R, outputs, inputs), b (R, outputs), Y (R, N, outputs).

    >>> layer = FleetLinear(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[3.0]]))
    >>> layer.forward(torch.tensor([[[4.0, 5.0]]]))
    tensor([[[17.]]])
    >>> layer.backward(torch.tensor([[[-1.0]]]))
    tensor([[[-1., -2.]]])
    >>> layer.weight, layer.bias
    (tensor([[[-3., -3.]]]), tensor([[2.]]))
    """

    def __init__(self, weight: Tensor, bias: Tensor):
        self.weight, self.bias = self.targets = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        self.input = x
        return torch.baddbmm(self.bias[:, None], x, self.weight.mT)

    def backward(self, g: Tensor) -> Tensor:
        """Return the gradient at the input, and add that of the weights to the targets."""
        at_input = torch.bmm(g, self.weight)
        self.add_gradient(g)
        return at_input

    def add_gradient(self, g: Tensor) -> None:
        """Leave out the gradient at the input, which nothing needs at the first layer."""
        weight, bias = self.targets
        weight.baddbmm_(g.mT, self.input)
        bias.add_(g.sum(1))


class FleetConvolution:
    """R convolutions, each the product of `FleetLinear` over windows copied side by side.

    Shapes: x (R, N, H, W, C), W (R, outputs, size size C) in the order (row, column, channel), y
    (R, N, H', W', outputs) with H' = H + 2 padding - size + 1, likewise W'.
    """

    def __init__(self, weight: Tensor, bias: Tensor, size: int, padding: int):
        self.products, self.size, self.padding = FleetLinear(weight, bias), size, padding

    def forward(self, x: Tensor) -> Tensor:
        if self.padding:
            x = F.pad(x, (0, 0, *[self.padding] * 4))
        runs, count, side, _, channels = self.padded_shape = x.shape
        convolved = side - self.size + 1
        # In memory, a row of a window and all its channels are neighbours.
        run, image, row, pixel, _ = x.stride()
        shape = (runs, count, convolved, convolved, self.size, self.size * channels)
        windows = x.as_strided(shape, (run, image, row, pixel, row, 1)).reshape(runs, count * convolved**2, -1)
        return self.products.forward(windows).view(runs, count, convolved, convolved, -1)

    def backward(self, g: Tensor) -> Tensor:
        """As `FleetLinear.backward`; a pixel's gradient is the sum over the places that it was copied to."""
        size, (runs, count, side, _, channels) = self.size, self.padded_shape
        convolved = side - size + 1
        at_windows = self.products.backward(g.reshape(runs, count * convolved**2, -1))
        at_windows = at_windows.view(runs, count, convolved, convolved, size, size, channels)
        at_padded = g.new_zeros(self.padded_shape)
        for i in range(size):
            for j in range(size):
                at_padded[:, :, i : i + convolved, j : j + convolved].add_(at_windows[:, :, :, :, i, j])
        inside = slice(self.padding, side - self.padding)
        return at_padded[:, :, inside, inside]

    def add_gradient(self, g: Tensor) -> None:
        """As `FleetLinear.add_gradient`: images have no gradient."""
        self.products.add_gradient(g.flatten(1, 3))


class FleetActivation:
    """tanh, ReLU or the logistic function, elementwise; the derivative from the output, as in Part I."""

    def __init__(self, name: str):
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        self.output = getattr(torch, self.name)(x)
        return self.output

    def backward(self, g: Tensor) -> Tensor:
        if self.name == "relu":
            return torch.ops.aten.threshold_backward(g, self.output, 0)
        return getattr(torch.ops.aten, f"{self.name}_backward")(g, self.output)


class FleetPooling:
    """Lp pooling (see `labcode.network.manual_layers.LpPooling`): (R, N, H, W, C) to (R, N, H', W', C)."""

    def __init__(self, size: int, stride: int, exponent: float):
        self.size, self.stride, self.exponent = size, stride, exponent

    def _places(self, side: int) -> list[tuple[slice, slice]]:
        """The pixels that stand at each place of a window, all windows at once."""
        pooled = (side - self.size) // self.stride + 1
        ranges = [slice(i, i + self.stride * (pooled - 1) + 1, self.stride) for i in range(self.size)]
        return [(rows, columns) for rows in ranges for columns in ranges]

    def forward(self, x: Tensor) -> Tensor:
        self.input = x
        powers = x * x if self.exponent == 2 else x.abs() ** self.exponent
        sums = F.avg_pool2d(_channels_first(powers), self.size, self.stride, divisor_override=1)
        self.output = _channels_last(sums.sqrt() if self.exponent == 2 else sums ** (1 / self.exponent), x)
        return self.output

    def backward(self, g: Tensor) -> Tensor:
        P, x = self.exponent, self.input
        share = (g / (self.output if P == 2 else self.output ** (P - 1))).masked_fill(self.output == 0, 0)
        windows = [self.size] * 2, [self.stride] * 2, [0, 0], False, True, 1
        shares = torch.ops.aten.avg_pool2d_backward(_channels_first(share), _channels_first(x), *windows)
        slope = x if P == 2 else (x.abs() ** (P - 1)).copysign(x).masked_fill(x == 0, 0)
        return _channels_last(shares, x) * slope


class ScaledFleetPooling(FleetPooling):
    """The same for large exponents (see `labcode.network.manual_layers.ScaledLpPooling`)."""

    def forward(self, x: Tensor) -> Tensor:
        self.shape, self.places = x.shape, self._places(x.shape[2])
        windows = torch.stack([x[:, :, rows, columns] for rows, columns in self.places])
        scale = window_scale(windows.abs().amax(0))
        self.ratios = windows / scale
        self.sums = (self.ratios.abs() ** self.exponent).sum(0)
        return self.sums ** (1 / self.exponent) * scale

    def backward(self, g: Tensor) -> Tensor:
        P = self.exponent
        share = (g * self.sums ** (1 / P - 1)).masked_fill(self.sums == 0, 0)
        at_input = g.new_zeros(self.shape)
        for (rows, columns), ratio in zip(self.places, self.ratios, strict=True):
            at_input[:, :, rows, columns] += share * (ratio.abs() ** (P - 1)).copysign(ratio)
        return at_input


class FleetNormalization:
    """Subtractive normalization (see `labcode.network.manual_layers.SubtractiveNormalization`), to the same shape."""

    def __init__(self, side: int, size: int, like: Tensor):
        self.average = local_average(side, size).to(like)

    def forward(self, x: Tensor) -> Tensor:
        return x - self._average(x, self.average.mT)

    def backward(self, g: Tensor) -> Tensor:
        return g - self._average(g, self.average)

    def _average(self, x: Tensor, average: Tensor) -> Tensor:
        # A product for each run: the rounding of one product for all would depend on how many they are.
        means = x.mean(-1).flatten(2)
        return torch.bmm(means, average.expand(len(x), -1, -1)).view(*x.shape[:4], 1)


def _channels_first(x: Tensor) -> Tensor:
    """View maps of all runs, (R, N, H, W, C), as the images (R N, C, H, W) that PyTorch's pooling takes."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def _channels_last(images: Tensor, like: Tensor) -> Tensor:
    """Return images (R N, C, H, W) as maps of the runs of ``like``."""
    return images.permute(0, 2, 3, 1).unflatten(0, like.shape[:2])
