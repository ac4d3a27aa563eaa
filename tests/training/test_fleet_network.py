"""Steps in lockstep against the hand-written pass, in double precision."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode.data import Images
from labcode.network import ConvNet, ConvNetConfig
from labcode.network.manual_layers import ACTIVATIONS
from labcode.seeds import stream
from labcode.training import HandSteps, Recipe
from labcode.training.fleet_network import Fleet, common

RATES = (0.1, 0.03, 0.2)


@st.composite
def shapes(draw) -> dict:
    """Draw the settings of any legal network, small in width."""
    drawn = {
        "width": draw(st.integers(1, 4)),
        "stages": draw(st.integers(1, 3)),
        "filter": draw(st.integers(2, 7)),
        "padding": draw(st.integers(0, 1)),
        "pool": draw(st.integers(1, 3)),
        "pool_stride": draw(st.integers(1, 3)),
        "exponent": draw(st.sampled_from([1, 2, 2.5, 4])),
        "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
        "normalize": draw(st.booleans()),
        "hidden": draw(st.integers(1, 6)),
    }
    try:
        ConvNetConfig(**drawn)
    except ValueError:
        drawn |= {"stages": 1, "pool": 2}
    return drawn


def three_networks(shape: dict) -> list[ConvNet]:
    """Networks that differ in their seed and in their dropout."""
    places = shape.get("stages", 2) + 1
    dropout = [(), (0.5,) * places, (0.25, *[0.0] * (places - 1))]
    return [
        ConvNet(ConvNetConfig(**shape, dropout=rates), stream(seed, "initial weights"), torch.float64)
        for seed, rates in enumerate(dropout)
    ]


@pytest.mark.parametrize("batch", [1, 3, 16])
@settings(max_examples=25)
@given(shape=shapes())
def test_five_steps_move_the_weights_as_the_hand_written_pass_does(batch, shape):
    nets, alone = three_networks(shape), three_networks(shape)
    together, engines = Fleet(nets), [HandSteps(net, rate) for net, rate in zip(alone, RATES, strict=True)]
    draws, rates = stream(batch, "digits"), torch.tensor(RATES, dtype=torch.float64)
    for step in range(5):
        pixels = torch.randn(3, batch, 1, 32, 32, dtype=torch.float64, generator=draws)
        labels = torch.randint(10, (3, batch), generator=draws)
        drawn = [net.draw_masks(batch, stream(10 * step + run, "dropout")) for run, net in enumerate(nets)]
        for engine, own_pixels, own_labels, masks in zip(engines, pixels, labels, drawn, strict=True):
            engine.step(Images(own_pixels, own_labels), masks)
        together.step(pixels.movedim(2, 4), labels, stacked(drawn), rates)
    together.load_into(nets)
    for mine, theirs in zip(nets, alone, strict=True):
        for (name, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10, msg=name)


def stacked(drawn: list, every: int = 1) -> list[torch.Tensor]:
    """The masks of three networks, of which one drops in every place, as the fleet takes them."""
    masks = []
    for place, like in enumerate(drawn[every]):
        own = [torch.ones_like(like) if each is None or each[place] is None else each[place] for each in drawn]
        mask = torch.stack(own)
        masks.append(mask.movedim(2, -1) if mask.dim() == 5 else mask)
    return masks


def test_an_image_that_is_not_a_number_stops_its_run_alone():
    nets = [ConvNet(ConvNetConfig(width=2, hidden=3), stream(seed, "initial weights")) for seed in range(2)]
    together = Fleet(nets)
    pixels = torch.randn(2, 1, 32, 32, 1, generator=stream(0, "digits"))
    pixels[1, 0, 16, 16] = math.nan
    together.step(pixels, torch.tensor([[3], [8]]), None, torch.tensor([0.1, 0.1]))
    assert together.alive.tolist() == [True, False]
    assert all(weight[0].isfinite().all() for weight in together.weights)


def test_each_run_counts_the_images_that_it_misclassifies():
    nets = three_networks({"width": 2, "hidden": 3})
    images = torch.randn(3, 8, 32, 32, 1, dtype=torch.float64, generator=stream(0, "digits"))
    seen = torch.stack([net(own.movedim(3, 1)).argmax(1) for net, own in zip(nets, images, strict=True)])
    labels = seen.clone()
    labels[0, :2], labels[1, :5] = (labels[0, :2] + 1) % 10, (labels[1, :5] + 1) % 10
    assert Fleet(nets).step(images, labels, None, torch.zeros(3, dtype=torch.float64)).tolist() == [2, 5, 0]


def test_what_the_runs_of_a_fleet_share_leaves_out_what_each_has_of_its_own():
    recipes = [Recipe(learning_rate=0.1, epochs=3), Recipe(decay="cosine", epochs=3)]
    assert common(recipes) == Recipe(epochs=3)
    with pytest.raises(ValueError, match="There are no runs; a fleet takes at least one"):
        common([])
    with pytest.raises(ValueError, match="stages is 1 and 2; the runs of a fleet differ only in dropout"):
        common([ConvNetConfig(stages=1), ConvNetConfig(stages=2)])
