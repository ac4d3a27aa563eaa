"""The softmax playground agrees with PyTorch before a slider moves; tests/site moves the sliders in a browser."""

import pytest
import torch
from bs4 import BeautifulSoup

from labcode.pages.playground import SoftmaxPlayground


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
        ((5.0, 0.0), 1.0, "5.0 lies outside the sliders' range"),
        ((0.0, 0.0), 4.5, "4.5 lies outside the sliders' range"),
        ((0.0,), 1.0, "There are 1 inputs; there must be 2 to 9"),
    ],
)
def test_values_outside_the_sliders_range_are_refused(inputs, beta, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxPlayground(inputs, beta)
