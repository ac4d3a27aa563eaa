"""Playgrounds agree with PyTorch before a slider moves; tests/site moves the sliders in a browser."""

import pytest
import torch
from bs4 import BeautifulSoup

from labcode.network import LpPool2d
from labcode.pages import LogisticPlayground, PoolingPlayground, SoftmaxPlayground


@pytest.mark.parametrize("beta", [-4.0, 0.0, 1.3, 4.0])
@pytest.mark.parametrize("inputs", [(-1.0, 0.0, 1.0, 2.0), (0.5, 0.5), (4.0, -4.0, 3.9)])
def test_probabilities_and_jacobian_agree_with_the_framework(inputs, beta):
    playground = SoftmaxPlayground(inputs, beta)
    x = torch.tensor(inputs, dtype=torch.float64)

    def function(x):
        return torch.softmax(-beta * x, dim=0)

    torch.testing.assert_close(torch.tensor(playground.probabilities, dtype=torch.float64), function(x))
    jacobian = torch.tensor(playground.jacobian, dtype=torch.float64)
    torch.testing.assert_close(jacobian, torch.autograd.functional.jacobian(function, x))
    soup = BeautifulSoup(playground._repr_html_(), "html.parser")
    shown = [float(cell.get_text().replace("−", "-")) for cell in soup.select(".softmax-jacobian td")]
    assert shown == pytest.approx(jacobian.flatten().tolist(), abs=5.1e-5)


def shares(playground):
    """What the page shows before a slider moves."""
    soup = BeautifulSoup(playground._repr_html_(), "html.parser")
    return [float(share.get_text().rstrip("%")) / 100 for share in soup.select(".playground-share")]


@pytest.mark.parametrize("x_in", [-6.0, -0.7, 0.0, 3.3, 6.0])
def test_the_error_that_passes_is_the_slope_of_the_frameworks_sigmoid(x_in):
    x = torch.tensor(x_in, dtype=torch.float64, requires_grad=True)
    out = torch.sigmoid(x)
    out.backward()
    right = [out.item(), 1 - out.item(), x.grad.item()]
    assert [row.share for row in LogisticPlayground(x_in).rows[1:]] == pytest.approx(right, rel=1e-12)
    assert shares(LogisticPlayground(x_in)) == pytest.approx(right, abs=5.1e-5)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.5, 10.0])
@pytest.mark.parametrize("pixels", [(0.2, 0.5, 0.9, 1.0), (0.5, 0.5, 0.0, 0.05), (0.0, 0.0, 0.0, 0.0)])
def test_the_error_of_each_pixel_is_that_of_the_pooling_layer(pixels, exponent):
    x = torch.tensor(pixels, dtype=torch.float64).reshape(1, 1, 2, 2).requires_grad_(True)
    LpPool2d(exponent, 2, 2)(x).sum().backward()
    assert PoolingPlayground(pixels, exponent).shares == pytest.approx(x.grad.flatten().tolist(), abs=1e-12)
    assert shares(PoolingPlayground(pixels, exponent)) == pytest.approx(x.grad.flatten().tolist(), abs=5.1e-5)


def test_without_scripts_there_is_a_sentence_and_a_table():
    playground = SoftmaxPlayground((-1.0, 0.0, 1.0, 2.0), 1.0)
    static = BeautifulSoup(playground._repr_html_(), "html.parser").noscript
    assert "runs no scripts" in static.get_text()
    rows = {float(row.th.get_text()): [cell.get_text() for cell in row.select("td")] for row in static.select("tr")[1:]}
    assert sorted(rows) == [-4, -1, 0, 1, 4]
    for beta, shares in rows.items():
        right = torch.softmax(-beta * torch.tensor(playground.inputs, dtype=torch.float64), dim=0)
        assert shares == [f"{share:.2%}" for share in right.tolist()]


@pytest.mark.parametrize(
    ("inputs", "beta", "summary"),
    [
        ((0.0, 1.0), 1.0, "β is 1. The largest probability is 73.11%, of p₁."),
        ((0.0, 1.0), 0.0, "β is 0. The largest probability is 50.00%, of all."),
        ((1.0, 2.0, 2.0), -4.0, "β is -4. The largest probability is 49.55%, of p₂ and p₃."),
    ],
)
def test_the_summary_names_every_largest_probability(inputs, beta, summary):
    assert SoftmaxPlayground(inputs, beta).summary == summary


@pytest.mark.parametrize(
    ("inputs", "beta", "message"),
    [
        ((5.0, 0.0), 1.0, "5.0 lies outside the slider's range"),
        ((0.0, 0.0), 4.5, "4.5 lies outside the slider's range"),
        ((0.0,), 1.0, "There are 1 values of X; there must be 2 to 9"),
    ],
)
def test_values_outside_the_sliders_range_are_refused(inputs, beta, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxPlayground(inputs, beta)


def test_other_playgrounds_refuse_values_outside_their_range_too():
    with pytest.raises(ValueError, match=r"-6\.5 lies outside the slider's range, which is -6 to 6"):
        LogisticPlayground(-6.5)
    with pytest.raises(ValueError, match=r"-0\.1 lies outside the slider's range, which is 0 to 1"):
        PoolingPlayground((0.0, -0.1), 2.0)
    with pytest.raises(ValueError, match=r"0\.5 lies outside the slider's range, which is 1 to 10"):
        PoolingPlayground((0.0, 0.1), 0.5)
    with pytest.raises(ValueError, match="There are 10 values of a; there must be 2 to 9"):
        PoolingPlayground((0.0,) * 10, 2.0)
