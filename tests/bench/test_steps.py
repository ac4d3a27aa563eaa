"""The bench: it counts what PyTorch counts, takes fair turns, and its peers are the same network."""

import json
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from labcode.bench import peers
from labcode.bench import steps as bench
from labcode.data import Images
from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig, SubtractiveNorm2d
from labcode.network.manual_layers import Convolution, UnfoldedConvolution
from labcode.seeds import stream
from labcode.training import AutogradSteps

TINY = ConvNetConfig(width=3, hidden=5)


def batch_of(count: int) -> Images:
    generator = stream(0, "digits")
    return Images(
        torch.randn(count, 1, 32, 32, generator=generator), torch.randint(0, 10, (count,), generator=generator)
    )


@pytest.mark.parametrize("config", [TINY, FINAL_MODEL, ConvNetConfig(width=4, stages=3, filter=3)])
@pytest.mark.parametrize("count", [1, 2])
def test_multiply_adds_are_those_that_pytorch_counts(config, count):
    # Without normalization: PyTorch would count its small filter too, which the floor leaves out.
    bare = ConvNetConfig(**{**vars(config), "normalize": False, "dropout": ()})
    steps = AutogradSteps(ConvNet(bare, stream(0, "initial weights")), learning_rate=0.1)
    with FlopCounterMode(display=False) as counter:
        steps.step(batch_of(count), masks=None)
    assert counter.get_total_flops() == 2 * bench.step_multiply_adds(config, count)


@pytest.mark.parametrize("name", ["idiomatic", "jax", "tensorflow"])
@pytest.mark.parametrize(
    "config",
    [
        TINY,
        ConvNetConfig(width=3, stages=3, filter=5, activation="sigmoid", hidden=5),
        ConvNetConfig(width=3, pool=3, pool_stride=2, activation="relu", exponent=1, normalize=False, hidden=5),
        ConvNetConfig(width=3, padding=2, hidden=5),
    ],
)
def test_a_peer_takes_the_same_steps(name, config):
    if name not in peers.available():
        pytest.skip(f"{name} is not installed")
    if config.padding and name != "idiomatic":
        pytest.skip(f"{name} refuses padding")
    # The batch is the whole set, so the order that a peer shuffles it into does not change the mean loss.
    images = batch_of(4)
    net = ConvNet(config, stream(0, "initial weights"))
    theirs = getattr(peers, name)(net, images, batch_size=4, learning_rate=0.05)
    losses = [next(theirs) for _ in range(4)]
    ours = AutogradSteps(net, learning_rate=0.05)
    assert losses == pytest.approx([ours.step(images, None)[0] for _ in range(4)], rel=1e-4)
    assert abs(losses[-1] - losses[0]) > 1e-2 * losses[0]  # the steps were long enough to tell a wrong one


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_a_peer_that_knows_no_padding_refuses_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # before the framework is looked for
    net = ConvNet(ConvNetConfig(width=3, padding=2), stream(0, "initial weights"))
    with pytest.raises(ValueError, match="padding is 2; this peer's convolutions have none, so it must be 0"):
        next(getattr(peers, name)(net, batch_of(4), batch_size=4, learning_rate=0.05))


# What the peers of other frameworks are made of, which the frameworks themselves need not be there for


def test_columns_for_channels_last_are_the_same_product():
    net = ConvNet(TINY, stream(0, "initial weights"))
    maps = torch.randn(2, 3, 5, 5, generator=stream(0, "maps"))
    theirs = maps.permute(0, 2, 3, 1).flatten(1) @ peers._channels_last_columns(net).T
    torch.testing.assert_close(theirs, maps.flatten(1) @ net.hidden.weight.T)


@pytest.mark.parametrize("side", [1, 4, 9])
def test_the_local_average_as_a_matrix_is_that_of_the_layer(side):
    maps = torch.randn(1, 1, side, side, generator=stream(0, "maps"))
    average = torch.from_numpy(peers._local_average(side))
    expected = maps - SubtractiveNorm2d(7)(maps)
    torch.testing.assert_close((average @ maps.flatten()).view_as(maps), expected)


def test_minibatches_in_numpy_hold_every_image_once_an_epoch_and_no_partial_one():
    images = Images(torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 32, 32), torch.arange(5))
    batches = peers._numpy_batches(images, batch_size=2)
    for _ in range(3):
        epoch = [next(batches) for _ in range(2)]
        assert [(pixels.shape, labels.dtype) for pixels, labels in epoch] == [((2, 32, 32, 1), np.int32)] * 2
        assert all((pixels[:, 0, 0, 0] == labels).all() for pixels, labels in epoch)
        assert len({int(label) for _, labels in epoch for label in labels}) == 4


def test_what_a_peer_starts_from_is_a_copy():
    net = ConvNet(TINY, stream(0, "initial weights"))
    before = net.output.bias.clone()
    peers._numpy(net.output.bias)[:] = 7
    assert torch.equal(net.output.bias, before)
    assert peers._stages(net) == list(net.stages)


@pytest.mark.parametrize("rates", [(0.5, 0.5, 0.5), (0.0, 0.5, 0.0)])
def test_the_idiomatic_peer_drops_out_where_the_network_does(rates):
    model = peers.idiomatic_net(ConvNet(ConvNetConfig(width=3, dropout=rates), stream(0, "initial weights")))
    found = [layer.p for layer in model if isinstance(layer, torch.nn.Dropout)]
    assert found == [rate for rate in rates if rate]


def test_engines_take_turns_and_are_timed_by_the_step(monkeypatch):
    clock, calls = 0.0, []

    def engine(name: str, cost: float):
        nonlocal clock
        while True:
            clock += cost
            calls.append(name)
            yield 0.0

    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock)
    times = bench.take_turns({"quick": engine("quick", 0.01), "slow": engine("slow", 0.05)}, rounds=2, seconds=0.1)
    assert times["quick"] == pytest.approx([10, 10])
    assert times["slow"] == pytest.approx([50, 50])
    warm_up = ["quick"] * 3 + ["slow"] * 3
    assert calls == warm_up + ["quick"] * 10 + ["slow"] * 2 + ["slow"] * 2 + ["quick"] * 10


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(peers, "available", lambda: ["idiomatic"])
    monkeypatch.setattr(bench, "PRODUCT_SIZES", (256,))
    monkeypatch.setattr(bench, "NETS", {"tiny": TINY})
    monkeypatch.setattr(bench, "BATCH_SIZES", (1, 2))
    monkeypatch.setattr(bench, "PROFILE_STEPS", 5)
    return bench.measure(bench.NETS, bench.BATCH_SIZES, rounds=2, seconds=0.001)


def test_every_engine_has_its_row_and_the_ratios_agree(measured):
    rows = {(row["net"], row["batch"], row["engine"]): row for row in measured["rows"]}
    assert set(rows) == {("tiny", batch, e) for batch in (1, 2) for e in (*bench.ENGINES, "idiomatic")}
    floor = {f["batch"]: f for f in measured["floor"]}
    for (_, batch, engine), row in rows.items():
        flops = 2 * floor[batch]["multiply_adds"]
        assert row["fraction_of_floor"] * row["ms"] * measured["machine"]["peak_gflops"] * 1e6 == pytest.approx(flops)
        assert row["fastest"] <= row["ms"] <= row["slowest"]
        if engine == "idiomatic":
            assert row["ratio_to_idiomatic"] == 1


def test_the_same_measurements_print_as_json_and_as_a_table(monkeypatch, capsys, measured):
    monkeypatch.setattr(bench, "measure", lambda *_: measured)
    monkeypatch.setattr(bench, "_keep_to_one_core", lambda: None)
    assert bench.main(as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == measured
    assert bench.main(as_json=False) == 0
    text = capsys.readouterr().out
    assert all(f"{row['ms']:10.2f}" in text for row in measured["rows"])


def test_a_gradient_is_timed_by_the_gradients_that_a_step_takes(monkeypatch):
    """Were a step of conjugate gradient counted as one gradient, it would seem to take many times as long."""
    monkeypatch.setattr(bench, "_seconds", lambda act: act() or 0.3)
    taken = []
    monkeypatch.setattr(bench, "_take", lambda optimizer, batches: taken.append(_count(optimizer, batches)))
    ms = bench.gradient_ms(TINY, batch_of(20), rounds=1, steps=6)
    sgd, cg = taken[-2:]
    assert ms == {"SGD": round(300 / sgd, 3), "CG": round(300 / cg, 3)}
    assert sgd == 6 < cg


def test_convolutions_are_timed_either_way_forward_and_backward(monkeypatch):
    went = []
    for kind in (Convolution, UnfoldedConvolution):
        for way in ("forward", "backward"):
            monkeypatch.setattr(kind, way, _noting(went, way, getattr(kind, way)))
    turns = [[5.0, 7.0, 6.0], [4.0, 3.0, 2.0]]
    monkeypatch.setattr(bench, "take_turns", lambda engines, rounds, seconds: _once(engines, turns))
    assert bench.convolution_ms(TINY, (3,), rounds=3, seconds=0.1) == {3: {"kernels": 6.0, "products": 3.0}}
    first, second = (3 * shape.convolved**2 for shape in TINY.shapes)
    assert went == [
        each
        for kind in (Convolution, UnfoldedConvolution)
        for pixels, wanted in ((first, False), (second, True))
        for each in ((kind, "forward", pixels, {}), (kind, "backward", pixels, {"wanted": wanted}))
    ]


def _noting(went, way, act):
    def noting(layer, *arguments, **options):
        went.append((type(layer), way, len(layer.ones), options))
        return act(layer, *arguments, **options)

    return noting


def _once(engines, turns):
    for steps in engines.values():
        next(steps)
    return dict(zip(engines, turns, strict=True))


def _count(optimizer, batches):
    engine = getattr(optimizer, "engine", optimizer)
    before = engine.computed
    for batch in batches:
        optimizer.step(batch, None)
    return engine.computed - before
