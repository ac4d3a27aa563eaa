"""The layers against direct computations: loops in NumPy, float64."""

import math
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from labcode.network import LpPool2d, SubtractiveNorm2d, dropout_mask, gaussian_window
from labcode.network.manual_layers import local_average


def random_maps(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pool_directly(x, exponent, size, stride):
    n, channels, height, width = x.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    y = np.zeros((n, channels, rows, columns))
    for image, channel, i, j in product(range(n), range(channels), range(rows), range(columns)):
        total = 0.0
        for di, dj in product(range(size), range(size)):
            total += abs(x[image, channel, i * stride + di, j * stride + dj]) ** exponent
        y[image, channel, i, j] = total ** (1 / exponent)
    return y


def normalize_directly(x, size):
    n, channels, height, width = x.shape
    half = size // 2
    weight = {
        (p, q): np.exp(-0.5 * ((p / (0.25 * size)) ** 2 + (q / (0.25 * size)) ** 2))
        for p, q in product(range(-half, half + 1), repeat=2)
    }
    y = np.zeros_like(x)
    for image, i, j in product(range(n), range(height), range(width)):
        total = mass = 0.0
        for (p, q), g in weight.items():
            if 0 <= i + p < height and 0 <= j + q < width:
                for channel in range(channels):
                    total += g * x[image, channel, i + p, j + q]
                    mass += g
        y[image, :, i, j] = x[image, :, i, j] - total / mass
    return y


POOLS = [(2, 2), (3, 3), (3, 2), (1, 1)]


@pytest.mark.parametrize("exponent", [1, 2, 2.5, 3, 4])
@pytest.mark.parametrize(("size", "stride"), POOLS)
@pytest.mark.parametrize("side", [6, 7])
def test_pooling_is_the_norm_of_each_window(exponent, size, stride, side):
    x = random_maps(2, 3, side, side)
    expected = pool_directly(x.numpy(), exponent, size, stride)
    np.testing.assert_allclose(LpPool2d(exponent, size, stride)(x), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("magnitude", [1e-30, 3e-4, 0.3, 3.0, 1e30])
@pytest.mark.parametrize("exponent", [4.5, 12, 100, 999_999])
def test_no_large_exponent_overflows(exponent, magnitude, dtype):
    """Against a norm computed with 30 digits; single precision holds no 0.3^100, and no 3^100 either."""
    x = (magnitude * random_maps(1, 1, 4, 4)).to(dtype)
    x[..., :2, :2] = magnitude
    found = LpPool2d(exponent, 2, 2)(x)
    for i, j in product(range(2), repeat=2):
        window = x[0, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten().tolist()
        with mpmath.workdps(30):
            expected = float(mpmath.fsum(mpmath.mpf(abs(v)) ** exponent for v in window) ** (mpmath.mpf(1) / exponent))
        assert found[0, 0, i, j].item() == pytest.approx(expected, rel=8 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("exponent", [1.5, 2, 3, 4, 5, 12, 100])
@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_pooling_gradient(exponent, size, stride):
    x = random_maps(1, 2, 7, 7).requires_grad_()
    assert gradcheck(LpPool2d(exponent, size, stride), x)


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 5, 100])
def test_a_silent_window_pools_to_zero_with_gradient_zero(exponent):
    x = random_maps(1, 1, 4, 4)
    x[..., :2, :2] = 0
    x.requires_grad_()
    y = LpPool2d(exponent, 2, 2)(x)
    y.sum().backward()
    assert y[0, 0, 0, 0] == 0
    assert (x.grad[..., :2, :2] == 0).all()
    assert x.grad.isfinite().all()
    assert (x.grad[..., 2:, 2:] != 0).any()


def test_the_gradient_at_a_zero_in_a_nonzero_window():
    x = random_maps(1, 1, 4, 4)
    x[..., 0, 0] = 0
    assert gradcheck(LpPool2d(2, 2, 2), x.requires_grad_())


@pytest.mark.parametrize("side", [1, 3, 7, 10])
@pytest.mark.parametrize("size", [3, 7])
def test_normalization_subtracts_the_local_mean(size, side):
    x = random_maps(3, 2, side, side)
    np.testing.assert_allclose(SubtractiveNorm2d(size)(x), normalize_directly(x.numpy(), size), atol=1e-12)


@pytest.mark.parametrize("side", [1, 4, 9])
def test_the_local_average_as_a_matrix_is_what_the_layer_subtracts(side):
    maps = random_maps(1, 1, side, side)
    average = local_average(side, size=7) @ maps.flatten()
    torch.testing.assert_close(average.view_as(maps), maps - SubtractiveNorm2d(7)(maps))


def test_normalization_gradient_including_borders():
    assert gradcheck(SubtractiveNorm2d(7), random_maps(1, 2, 5, 5).requires_grad_())


def test_normalization_of_zeros_is_zeros():
    assert (SubtractiveNorm2d(7)(torch.zeros(1, 2, 5, 5)) == 0).all()


def test_normalization_maps_constants_to_zero_including_borders():
    x = torch.full((1, 4, 9, 9), 3.0, dtype=torch.float64)
    assert SubtractiveNorm2d(7)(x).abs().max() < 1e-14


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="size is 6; a normalization window must have an odd size"):
        SubtractiveNorm2d(6)


def test_the_window_is_a_gaussian_of_a_quarter_of_its_size():
    density = stats.norm(scale=7 / 4).pdf(np.arange(-3, 4))
    expected = np.outer(density, density)
    np.testing.assert_allclose(gaussian_window(7), expected / expected.sum(), rtol=1e-12)


def test_a_printed_network_says_what_its_layers_are():
    assert repr(SubtractiveNorm2d(7)) == "SubtractiveNorm2d(size=7)"
    assert repr(LpPool2d(3, 2, 4)) == "LpPool2d(exponent=3, size=2, stride=4)"


def test_the_window_is_not_a_weight():
    assert list(SubtractiveNorm2d(7).state_dict()) == []


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(rate):
    count = 40_000
    mask = dropout_mask((count,), rate, torch.Generator().manual_seed(0), torch.float64)
    dropped = int((mask == 0).sum())
    assert stats.binomtest(dropped, count, rate).pvalue > 1e-4
    assert mask[mask > 0].unique().tolist() == pytest.approx([1 / (1 - rate)])


def test_the_bits_of_one_word_are_independent():
    """At rate 0.5 a mask is made from 64-bit words: every bit must be fair, and every pair of bits uncorrelated."""
    words = 4_000
    mask = dropout_mask((words * 64,), 0.5, torch.Generator().manual_seed(0), torch.float64).view(words, 64) - 1
    assert mask.mean(dim=0).abs().max() < 5 / words**0.5
    assert (torch.corrcoef(mask.T) - torch.eye(64)).abs().max() < 5.5 / words**0.5


@pytest.mark.parametrize(("values", "words"), [(1, 1), (64, 1), (65, 2), (640, 10)])
def test_a_mask_uses_one_random_bit_per_value_and_no_more_of_the_stream(values, words):
    drawn, expected = (torch.Generator().manual_seed(0) for _ in range(2))
    dropout_mask((values,), 0.5, drawn, torch.float32)
    torch.empty(words, dtype=torch.int64).random_(-(2**63), None, generator=expected)
    assert torch.equal(drawn.get_state(), expected.get_state())


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_the_users_default_dtype_changes_no_mask(rate):
    def draw():
        return dropout_mask((2, 3, 4, 5), rate, torch.Generator().manual_seed(0), torch.float32)

    expected = draw()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(draw(), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((2, 0, 1), "size is 0; it must be a whole number of at least 1"),
        ((2, 2, 0), "stride is 0"),
        ((2, 2.5, 1), "size is 2.5"),
        ((2, True, 1), "size is True"),
        ((math.inf, 2, 2), "exponent is inf; it must be a finite number of at least 1 and below"),
        ((1e6, 2, 2), r"exponent is 1000000\.0; it must be a finite number of at least 1 and below"),
        ((-1, 2, 2), "exponent is -1"),
        ((math.nan, 2, 2), "exponent is nan"),
        ((0.5, 2, 2), "exponent is 0.5"),
    ],
)
def test_a_pooling_that_cannot_be_built_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        LpPool2d(*arguments)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None])
@pytest.mark.parametrize("layer", [SubtractiveNorm2d, gaussian_window])
def test_a_window_of_no_size_is_refused(layer, size):
    with pytest.raises(ValueError, match=rf"^size is {size}; it must be a whole number of at least 1 "):
        layer(size)


@pytest.mark.parametrize("rate", [1, 1.5, -0.1, math.nan, True, "0.5"])
def test_a_rate_that_is_no_probability_is_refused(rate):
    with pytest.raises(ValueError, match=r"^rate is .*; it must be a finite number of at least 0 and below 1\.$"):
        dropout_mask((2, 3), rate, torch.Generator(), torch.float32)


def test_a_mask_of_whole_numbers_is_refused():
    with pytest.raises(ValueError, match=r"^dtype is torch\.int64; it must be torch\.float32"):
        dropout_mask((2, 3), 0.25, torch.Generator(), torch.int64)


@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2), (1, 1, 2, 5), (1, 1, 5, 2)])
def test_pooling_refuses_maps_that_hold_no_window(shape):
    with pytest.raises(ValueError, match=r"The maps have shape .* must hold windows of 3"):
        LpPool2d(2, 3, 1)(torch.ones(shape))


def test_normalization_refuses_what_are_no_maps():
    with pytest.raises(ValueError, match=r"The maps have shape \(5, 5\); it must be \(N, C, H, W\)"):
        SubtractiveNorm2d(7)(torch.ones(5, 5))
