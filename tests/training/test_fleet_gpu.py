"""Fleets on a GPU (`pytest -m gpu`): the steps of the CPU, and the errors that the book's records of CPUs say."""

import itertools
from dataclasses import replace

import gpu_check
import pytest
import torch

from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, fleet, train_fleet

DEVICE = "cuda"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that PyTorch can use"),
]


def trained(device, recipe, dtype=torch.float64, checkpoint=None):
    """Train three runs, of which the second drops values; return weights and histories without their times."""
    configs = [ConvNetConfig(width=4, hidden=8, activation="relu", dropout=d) for d in ((), (0.5, 0.25, 0.5), ())]
    nets = [ConvNet(config, stream(seed, "initial weights"), dtype) for seed, config in enumerate(configs)]
    images = [load("tenth", seed, dtype).first(200, 100) for seed in range(3)]
    recipes = [replace(recipe, learning_rate=rate) for rate in (0.01, 0.01, 0.02)]
    histories = train_fleet(nets, images, recipes, range(3), device, progress=False, checkpoint=checkpoint)
    weights = [parameter.detach() for net in nets for parameter in net.parameters()]
    return weights, [replace(history, seconds=(), total_seconds=0) for history in histories]


@pytest.mark.parametrize("batch", [1, 7, 16])
def test_a_gpu_takes_the_steps_that_a_cpu_takes(batch):
    """Also in the last call of an epoch, which has fewer images than the graph."""
    recipe = Recipe(epochs=2, batch_size=batch)
    (weights, histories), (expected, on_cpu) = trained(DEVICE, recipe), trained("cpu", recipe)
    assert histories == on_cpu
    for mine, theirs in zip(weights, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-8)


def test_a_run_that_diverges_within_a_graph_ends_as_it_does_on_a_cpu(monkeypatch):
    def rates(recipe, count, done):
        for step in itertools.count(done * count):
            yield 1e6 if recipe.learning_rate == 0.02 and step > 1.3 * count else 0.01

    monkeypatch.setattr(fleet, "learning_rates", rates)
    (weights, histories), (expected, on_cpu) = trained(DEVICE, Recipe(epochs=3)), trained("cpu", Recipe(epochs=3))
    assert [history.diverged for history in histories] == [False, False, True]
    assert histories == on_cpu
    for mine, theirs in zip(weights, expected, strict=True):
        assert (mine - theirs).abs().max() < 1e-3 * theirs.abs().max()


def test_a_training_broken_off_resumes_to_the_same_bits(tmp_path, monkeypatch):
    recipe = Recipe(epochs=4, choice="best")
    whole, expected = trained(DEVICE, recipe, torch.float32)
    monkeypatch.setattr(fleet, "SECONDS_PER_CHECKPOINT", 0)
    measure, calls = fleet._State.measure, itertools.count(1)

    def break_off(state, choice):
        if next(calls) == 3:
            raise KeyboardInterrupt
        measure(state, choice)

    with monkeypatch.context() as patch:
        patch.setattr(fleet._State, "measure", break_off)
        with pytest.raises(KeyboardInterrupt):
            trained(DEVICE, recipe, torch.float32, tmp_path / "fleet.safetensors")
    resumed, found = trained(DEVICE, recipe, torch.float32, tmp_path / "fleet.safetensors")
    assert found == expected
    assert all(map(torch.equal, resumed, whole))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.xfail(
                "dropout" in name,
                reason="on an H200, one of eight seeds differed by 4 images: with dropout gradients never vanish",
                strict=False,
            ),
        )
        for name in gpu_check.EQUALITY
    ],
)
def test_a_fleet_errs_as_often_as_the_records_say(name, tmp_path):
    """Eight seeds, 20 epochs: within 3 of 1 800 validation images in each, and within 0.5 in the mean."""
    done = gpu_check.main(["--out", str(tmp_path), "--steps", "equality", "--settings", name])
    assert done == 0, (tmp_path / "equality.json").read_text()


def test_a_run_does_not_depend_on_its_neighbours(tmp_path):
    done = gpu_check.main(["--out", str(tmp_path), "--steps", "neighbours"])
    assert done == 0, (tmp_path / "neighbours.json").read_text()
