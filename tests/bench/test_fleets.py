"""labcode.bench.fleets and the peers of fleets: what they time is training, and what cannot be timed is said."""

import json
import sys
import time

import peers
import pytest
import torch

from labcode.bench import fleets
from labcode.bench.idiomatic import idiomatic_net
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training.fleet_network import Fleet


@pytest.fixture(scope="module")
def config():
    return ConvNetConfig(width=2, hidden=4)


def stepped(config):
    """The first filters after `STEPS` steps of SGD on the first run's digits, by autograd."""
    net = idiomatic_net(ConvNet(config, stream(0, "initial weights")))
    optimizer = torch.optim.SGD(net.parameters(), lr=fleets.RATE)
    pixels, labels = fleets.digits(3, "cpu")
    for image, label in zip(pixels[0].movedim(3, 1), labels[0], strict=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(image[None]), label[None]).backward()
        optimizer.step()
    return net[0].weight


def test_mapped_gradients_take_the_same_steps(config):
    weights = peers.vmap(config, 3, "cpu")()
    torch.testing.assert_close(weights[0], stepped(config), rtol=1e-4, atol=1e-6)


def test_a_fleet_takes_the_same_steps(config, monkeypatch):
    made = []
    monkeypatch.setattr(fleets, "Fleet", lambda *given: made.append(Fleet(*given)) or made[-1])
    fleets.fleet(config, 3, "cpu")()
    filters = made[0].weights[0][0].view(2, 5, 5, 1).permute(0, 3, 1, 2)
    torch.testing.assert_close(filters, stepped(config), rtol=1e-4, atol=1e-6)


def test_the_floor_is_the_larger_of_bytes_and_products(config):
    weights = 2 * 25 + 2 + 2 * 2 * 25 + 2 + 50 * 4 + 4 + 4 * 10 + 10
    assert fleets.floor(config, {"copied TB/s": 1, "float32 TFLOP/s": 1e9}) == pytest.approx(12 * weights / 1e6)
    products = 6 * config.multiply_adds / 1e6
    assert fleets.floor(config, {"copied TB/s": 1e9, "float32 TFLOP/s": 1}) == pytest.approx(products)


def test_microseconds_are_those_of_one_step_of_one_run(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(fleets, "_clock", lambda device: now[0])

    def act():
        now[0] += 0.032

    assert fleets.microseconds(act, runs=10, device="cpu") == pytest.approx(100)


def test_what_cannot_run_or_has_no_time_is_a_sentence(config):
    def broken(*_):
        raise RuntimeError("No such library.")

    machine = {"copied TB/s": 1e-4, "float32 TFLOP/s": 1e-4}
    ways = {"broken": broken}
    found = fleets.measure("cpu", {"small": (config, (2,))}, machine, ways)
    assert found["small, peers"]["broken"] == "RuntimeError: No such library."
    assert found["small, 2 runs"]["share of the floor"] > 0
    late = fleets.measure("cpu", {"small": (config, (2,))}, machine, ways, until=time.monotonic() - 1)
    assert {late["small, 2 runs"]["fleet"], *late["small, peers"].values()} == {"no time left"}


@pytest.mark.parametrize("as_json", [True, False])
def test_the_bench_prints_what_it_measured(as_json, capsys, monkeypatch):
    monkeypatch.setattr(fleets, "measure", lambda *_: {"tiny, 2 runs": {"fleet": 1.5}})
    fleets.main("cpu", as_json)
    printed = capsys.readouterr().out
    if as_json:
        assert json.loads(printed)["bench"] == {"tiny, 2 runs": {"fleet": 1.5}}
    else:
        assert printed.splitlines()[-1].split() == ["tiny,", "2", "runs", "fleet", "1.5"]


def test_jax_that_is_not_there_is_a_sentence(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(RuntimeError, match="JAX is not installed"):
        peers.jax_vmap(config, 2, "cpu")
