"""Layers that PyTorch lacks or defines differently: Lp pooling, subtractive normalization, dropout masks.

Semantics follow Torch7's ``nn`` package, which the lab used; see the assumptions page for what the lab leaves open.
"""

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labcode.checks import instance_of, real_number, whole_number
from labcode.machine import fixed_settings, require_precision

PLAIN_POWERS = 4.0
"""Exponents of Lp pooling up to this one are computed as written. Single precision then holds the powers of values from
1e-9 to 1e9; above, it would not, so each window is divided by its largest value first."""

# A typing error should not fill the memory.
LARGEST_WINDOW = 1_000  # pixels, of normalization
MOST_VALUES = 1_000_000_000  # of a dropout mask

EXPONENTS_BELOW = 1e6
"""Larger exponents of Lp pooling are refused: in single precision they would differ from max pooling by rounding only.
"""


def pooling_exponent(value: float) -> float:
    """Return the exponent of an Lp pooling, checked.

    >>> pooling_exponent(0.5)
    Traceback (most recent call last):
    ...
    ValueError: exponent is 0.5; it must be a finite number of at least 1 and below 1e+06.
    """
    return real_number("exponent", value, at_least=1, below=EXPONENTS_BELOW)


class LpPool2d(nn.Module):
    r"""Lp pooling: each window becomes its Lp norm, :math:`(\sum_w |x_w|^P)^{1/P}`.

    The sum has no weights, and a last partial window is left out. Where the output is 0, the
    gradient is taken as 0, as Torch7 does. (Sermanet, Chintala and LeCun, ICPR 2012, weight the window
    with a Gaussian; Torch7's tutorial does not.)

    Parameters
    ----------
    exponent : P, at least 1 and below a million, from where on it would be max pooling. Above 4, each window is divided
        by its largest value before the powers are taken, and multiplied by it afterwards: no power overflows.
    size, stride : of the window, in pixels.

    Raises
    ------
    ValueError : one of them is not accepted.

    Shapes: (N, C, H, W) to (N, C, H', W') with H' = (H - size) // stride + 1, and the same for W'.

    >>> LpPool2d(exponent=2, size=2, stride=2)(torch.tensor([[[[3.0, 0.0], [0.0, 4.0]]]]))
    tensor([[[[5.]]]])
    >>> LpPool2d(exponent=100, size=2, stride=2)(torch.tensor([[[[3.0, 3.0], [3.0, 3.0]]]]))
    tensor([[[[3.0419]]]])
    """

    def __init__(self, exponent: float, size: int, stride: int):
        super().__init__()
        self.exponent = pooling_exponent(exponent)
        self.size, self.stride = (whole_number(*named, at_least=1) for named in (("size", size), ("stride", stride)))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or min(x.shape[2:]) < self.size:
            raise ValueError(f"The maps have shape {tuple(x.shape)}; (N, C, H, W) must hold windows of {self.size}.")
        if self.exponent > PLAIN_POWERS:
            windows = x.abs().unfold(2, self.size, self.stride).unfold(3, self.size, self.stride).flatten(4)
            # The norm of a multiple is that multiple of the norm, so the scale needs no gradient of its own.
            scale = window_scale(windows.amax(-1)).detach()
            return scale * self._root(((windows / scale[..., None]) ** self.exponent).sum(-1))
        return self._root(F.avg_pool2d(x.abs() ** self.exponent, self.size, self.stride, divisor_override=1))

    def _root(self, power_sum: Tensor) -> Tensor:
        # The root's slope at 0 is infinite, and infinity times 0 is not a number: keep 0 out of the root.
        silent = power_sum == 0
        return (power_sum.masked_fill(silent, 1.0) ** (1 / self.exponent)).masked_fill(silent, 0.0)

    def extra_repr(self) -> str:
        return f"exponent={self.exponent}, size={self.size}, stride={self.stride}"


def window_scale(largest: Tensor) -> Tensor:
    """Return what to divide each window by, given its largest value: that value, if one can divide by it.

    >>> window_scale(torch.tensor([0.0, 0.25, float("inf")])).tolist()
    [1.0, 0.25, 3.4028234663852886e+38]
    """
    return largest.masked_fill(largest == 0, 1.0).clamp(max=torch.finfo(largest.dtype).max)


def gaussian_window(size: int) -> Tensor:
    """Return Torch7's Gaussian window, (size, size) and of sum 1, in float64; its sigma is a quarter of its size.

    >>> window = gaussian_window(7)
    >>> round(float(window.sum()), 12), bool(window[3, 3] == window.max())
    (1.0, True)
    """
    size = whole_number("size", size, at_least=1, at_most=LARGEST_WINDOW)
    offsets = torch.arange(size, dtype=torch.float64, device="cpu") - (size - 1) / 2
    profile = torch.exp(-0.5 * (offsets / (0.25 * size)) ** 2)
    window = torch.outer(profile, profile)
    return window / window.sum()


class SubtractiveNorm2d(nn.Module):
    r"""Subtractive normalization: subtract from every channel the local mean over all channels.

    The mean is weighted by a Gaussian window; at the border, by the part of the window that lies inside the image:

    .. math:: y_{c,u} = x_{c,u} - \frac{\sum_{c'} \sum_q g_q\, x_{c',u+q}}{C \sum_{q:\,u+q\ \mathrm{inside}} g_q}

    (Torch7's ``SpatialSubtractiveNormalization``; Sermanet, Chintala and LeCun, ICPR 2012.)

    Parameters
    ----------
    size : of the window, in pixels, odd.

    Raises
    ------
    ValueError : another size.

    Shapes: (N, C, H, W) to the same.

    >>> flat = torch.full((1, 3, 5, 5), 2.0)
    >>> bool(SubtractiveNorm2d(7)(flat).abs().max() < 1e-6)
    True
    """

    window: Tensor

    @fixed_settings()
    def __init__(self, size: int):
        super().__init__()
        if whole_number("size", size, at_least=1, at_most=LARGEST_WINDOW) % 2 == 0:
            raise ValueError(f"size is {size}; a normalization window must have an odd size.")
        # Fixed, so it is not part of the saved weights.
        self.register_buffer("window", gaussian_window(size)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4:
            raise ValueError(f"The maps have shape {tuple(x.shape)}; it must be (N, C, H, W).")
        window, border = self.window.to(x.dtype), self.window.shape[-1] // 2
        # Averaging over the channels first leaves one map to filter in place of C.
        local_sum = F.conv2d(x.mean(dim=1, keepdim=True), window, padding=border)
        mass_inside = F.conv2d(x.new_ones(1, 1, *x.shape[2:]), window, padding=border)
        return x - local_sum / mass_inside

    def extra_repr(self) -> str:
        return f"size={self.window.shape[-1]}"


def dropout_mask(shape: tuple[int, ...], rate: float, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Draw a dropout mask: 0 with probability ``rate``, else 1 / (1 - rate), so that the mean stays 1.

    Multiply by it in training; leave it out in testing (Srivastava et al., JMLR 2014).

    The mask is on the CPU, and independent of PyTorch's default dtype and device.

    Raises
    ------
    ValueError : ``rate`` is not from 0 to below 1, or ``dtype`` is neither torch.float32 nor torch.float64.

    >>> mask = dropout_mask((1, 4, 2, 2), 0.5, torch.Generator().manual_seed(0), torch.float32)
    >>> sorted(mask.unique().tolist())
    [0.0, 2.0]
    """
    rate = real_number("rate", rate, at_least=0, below=1)
    require_precision(dtype)
    instance_of("generator", generator, torch.Generator)
    instance_of("shape", shape, tuple)
    shape = tuple(whole_number("shape", size, at_least=0) for size in shape)
    if (count := math.prod(shape)) > MOST_VALUES:
        raise ValueError(f"shape is {shape}; a mask has at most {MOST_VALUES:,} values.")
    bits = dropout_bits(count, rate, generator)
    return torch.embedding(_factors(rate, dtype), bits.int()).flatten()[:count].view(shape)


def dropout_bits(count: int, rate: float, generator: torch.Generator) -> Tensor:
    """Draw which of ``count`` values dropout keeps: one bit each, the lowest of a byte first, (ceil(count / 8),).

    At a rate of one half, each value takes one random bit: otherwise the draw would cost as much as a layer.

    >>> dropout_bits(12, 0.25, torch.Generator().manual_seed(0)).shape
    torch.Size([2])
    """
    if rate != 0.5:
        kept = torch.rand(count, generator=generator, dtype=torch.float32, device="cpu") >= rate
        return torch.from_numpy(np.packbits(kept.numpy(), bitorder="little"))
    words = torch.empty(-(-count // 64), dtype=torch.int64, device="cpu").random_(-(2**63), None, generator=generator)
    return words.view(torch.uint8)[: -(-count // 8)]


@cache
def _factors(rate: float, dtype: torch.dtype) -> Tensor:
    """Return the factors that each byte of `dropout_bits` stands for, (256, 8)."""
    bits = torch.arange(256, device="cpu")[:, None] >> torch.arange(8, device="cpu") & 1
    return bits.to(dtype) / (1 - rate)
