"""Runs trained in lockstep against the same runs alone: counts of errors, in single precision."""

import itertools
from dataclasses import replace

import pytest
import torch

from labcode.data import UnseenImages, load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, fleet, fleet_graph, fleet_memory, loop, predict, train
from labcode.training.fleet import predict_fleet, train_fleet


@pytest.fixture(scope="module")
def images():
    return {seed: load("tenth", seed).first(200, 100) for seed in range(3)}


def trained(images, seeds, shapes, rates=(0.01,) * 3, **options):
    """Train a fleet; return its networks and histories without their times."""
    nets = [ConvNet(ConvNetConfig(**s), stream(seed, "initial weights")) for s, seed in zip(shapes, seeds, strict=True)]
    recipes = [Recipe(learning_rate=rates[seed], epochs=2, **options) for seed in seeds]
    histories = train_fleet(nets, [images[seed] for seed in seeds], recipes, seeds, progress=False)
    return nets, [replace(history, seconds=(), total_seconds=0) for history in histories]


SETTINGS = {
    "one image per step": ({}, {}),
    "ten, decay": ({}, {"batch_size": 10, "decay": "cosine"}),
    "three, ReLU": ({"activation": "relu", "stages": 1}, {"batch_size": 3}),
    "best epoch": ({"pool": 3}, {"choice": "best"}),
    "dropout": ({"dropout": (0.5, 0.25, 0.5)}, {"batch_size": 7}),
    "conjugate gradient": ({}, {"batch_size": 80, "optimizer": "cg"}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_fleet_counts_the_errors_that_each_run_makes_alone(images, name):
    shape, recipe = SETTINGS[name]
    shape = {"width": 4, "hidden": 8} | shape
    nets, histories = trained(images, range(3), [shape] * 3, **recipe)
    for seed, (net, history) in enumerate(zip(nets, histories, strict=True)):
        own = ConvNet(ConvNetConfig(**shape), stream(seed, "initial weights"))
        alone = train(own, images[seed], Recipe(learning_rate=0.01, epochs=2, **recipe), seed, progress=False)
        assert replace(alone, seconds=(), total_seconds=0) == history
        for mine, theirs in zip(net.parameters(), own.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


DROPOUT = [(0.5, 0.25, 0.5), (), (0, 0, 0.5)]


@pytest.mark.parametrize(
    ("size", "batch", "tolerance"),
    [
        (16, 16, 0),  # each run's numbers begin at a multiple of 64 bytes: equal bit for bit
        (4, 3, 1e-3),  # elsewhere MKL's products round by the place in memory, which the neighbours shift
    ],
)
def test_a_fleet_of_one_equals_a_fleet_of_many(images, size, batch, tolerance):
    """Although rates and dropout of the neighbours differ."""
    shapes = [{"width": size, "hidden": size, "dropout": dropout} for dropout in DROPOUT]
    options = {"rates": (0.01, 0.1, 0.003), "batch_size": batch}
    nets, together = trained(images, range(3), shapes, **options)
    for run, shape in enumerate(shapes):
        (net,), (alone,) = trained(images, [run], [shape], **options)
        assert together[run] == alone
        for mine, theirs in zip(nets[run].parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("choice", ["last", "best"])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_diverges_ends_as_it_does_alone_and_its_neighbours_do_not_notice(images, choice, epoch, monkeypatch):
    """In the middle of an epoch, in which the rates of one run grow out of bounds."""

    def rates(recipe, count, done):
        for step in itertools.count(done * count):
            yield 1e6 if recipe.learning_rate == 0.02 and step > (epoch + 0.5) * count else 0.01

    for module in (fleet, loop):
        monkeypatch.setattr(module, "learning_rates", rates)
    shape = {"width": 4, "hidden": 8, "activation": "relu"}
    nets, histories = trained(images, range(3), [shape] * 3, rates=(0.01, 0.02, 0.01), choice=choice)
    assert [history.diverged for history in histories] == [False, True, False]
    assert [len(history.validation.errors) for history in histories] == [2, epoch, 2]
    own = ConvNet(ConvNetConfig(**shape), stream(1, "initial weights"))
    recipe = Recipe(learning_rate=0.02, epochs=2, choice=choice)
    alone = train(own, images[1], recipe, 1, progress=False)
    assert replace(alone, seconds=(), total_seconds=0) == histories[1]
    for mine, theirs in zip(nets[1].parameters(), own.parameters(), strict=True):
        # Explosion amplifies rounding as well; a step more or less changes the weights a thousandfold.
        assert (mine - theirs).abs().max() < 0.1 * theirs.abs().max()
    calm, expected = trained(images, range(3), [shape] * 3, choice=choice)
    assert histories[::2] == expected[::2]
    assert all(map(torch.equal, nets[2].parameters(), calm[2].parameters()))


@pytest.mark.parametrize("diverges", [False, True])
def test_replayed_steps_are_those_taken_one_by_one(images, monkeypatch, diverges):
    """Bit for bit: all that a CUDA graph needs around it, with a stand-in for the graph."""
    shapes = [{"width": 4, "hidden": 8, "activation": "relu", "dropout": dropout} for dropout in DROPOUT]
    options = {"rates": (0.01, 0.01, 1e6 if diverges else 0.01), "batch_size": 7, "decay": "cosine"}
    expected, histories = trained(images, range(3), shapes, **options)
    calls = []

    class InGraph(fleet_graph.Steps):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.in_graph = True

    def recorded(act):
        act(), act()  # the warm-up, which is to be taken back
        result = torch.zeros(3, dtype=torch.int64)

        def replay():
            calls.append(act)
            return result.copy_(act())

        return replay

    monkeypatch.setattr(fleet, "Steps", InGraph)
    monkeypatch.setattr(fleet_graph, "recorded", recorded)
    nets, found = trained(images, range(3), shapes, **options)
    assert [history.diverged for history in found] == [False, False, diverges]
    assert found == histories
    for mine, theirs in zip(nets, expected, strict=True):
        assert all(map(torch.equal, mine.parameters(), theirs.parameters()))
    assert len(calls) == 2 * (200 // 28)  # the last 4 images of an epoch are too few for the graph


@pytest.mark.parametrize("optimizer", ["sgd", "cg"])
def test_a_training_broken_off_resumes_to_the_same_end(images, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(fleet, "SECONDS_PER_CHECKPOINT", 0)
    config = ConvNetConfig(width=2, hidden=4, dropout=(0.5, 0.5, 0.5))
    recipes = [Recipe(epochs=4, choice="best", optimizer=optimizer)] * 3

    def run(checkpoint=None):
        nets = [ConvNet(config, stream(seed, "initial weights")) for seed in range(3)]
        data = [images[seed] for seed in range(3)]
        histories = train_fleet(nets, data, recipes, range(3), progress=False, checkpoint=checkpoint)
        return nets, [replace(history, seconds=(), total_seconds=0) for history in histories]

    whole, expected = run()
    measure, epochs = fleet._State.measure, 0

    def break_off(state, choice):
        nonlocal epochs
        epochs += 1
        if epochs == 3:
            raise KeyboardInterrupt
        measure(state, choice)

    monkeypatch.setattr(fleet._State, "measure", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "fleet.safetensors")
    monkeypatch.setattr(fleet._State, "measure", measure)
    resumed, found = run(tmp_path / "fleet.safetensors")
    assert found == expected
    for mine, theirs in zip(resumed, whole, strict=True):
        assert all(map(torch.equal, mine.parameters(), theirs.parameters()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"recipes": [Recipe(), Recipe(optimizer="cg")]},
            "optimizer is sgd and cg; the runs of a fleet differ only in",
        ),
        ({"recipes": [Recipe(), Recipe(batch_size=2)]}, "batch_size is 1 and 2; the runs of a fleet differ only in"),
        ({"recipes": []}, "There are 2 networks, 2 data sets, 0 recipes, 2 seeds; a fleet takes one of each per run"),
        ({"seeds": [0]}, "There are 2 networks, 2 data sets, 2 recipes, 1 seeds; a fleet takes one of each per run"),
        ({"seeds": [0, True]}, "seed is True; it must be a whole number"),
        (
            {"widths": (2, 3)},
            "width is 2 and 3; the runs of a fleet differ only in dropout, learning_rate, decay and seed",
        ),
        ({"first": 100}, "a fleet needs equal numbers"),
        ({"dtype": torch.float64}, "dtype is torch.float32 and the network's torch.float64"),
        ({"device": "gpu"}, "device is 'gpu'; accepted are 'cpu', 'cuda'."),
        ({"device": "cuda:0"}, "device is 'cuda:0'; accepted are 'cpu', 'cuda'."),
        pytest.param(
            {"device": "cuda"},
            "device is 'cuda', and this machine has no GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
    ],
)
def test_what_cannot_go_in_lockstep_is_refused_before_anything_starts(images, change, sentence):
    widths, dtype = change.get("widths", (2, 2)), change.get("dtype", torch.float32)
    nets = [ConvNet(ConvNetConfig(width=width), stream(0, "initial weights"), dtype) for width in widths]
    before = [p.clone() for net in nets for p in net.parameters()]
    data = [images[0], images[1].first(change.get("first", 200), 100)]
    recipes, seeds = change.get("recipes", [Recipe()] * 2), change.get("seeds", [0, 1])
    with pytest.raises(ValueError, match=sentence):
        train_fleet(nets, data, recipes, seeds, device=change.get("device", "cpu"), progress=False)
    assert all(map(torch.equal, before, (p for net in nets for p in net.parameters())))


def test_predictions_are_those_of_each_network_on_its_own_images(images, monkeypatch):
    nets = [ConvNet(ConvNetConfig(width=2), stream(seed, "initial weights")) for seed in range(3)]
    parts = [images[seed].validation for seed in range(3)]
    monkeypatch.setattr(fleet_memory, "MEASURED_NUMBERS", 30 * 3 * fleet_memory.numbers_per_image(nets[0].config))
    found = predict_fleet(nets, parts)  # in chunks of 30 images, the last of 10
    expected = torch.stack([predict(net, part) for net, part in zip(nets, parts, strict=True)])
    assert torch.equal(found, expected)


def test_a_fleet_never_holds_more_images_than_it_looks_ahead(monkeypatch):
    """However many it sees: 64 runs at a time would take 14 GB for their 54 000."""
    raw, places = torch.randint(256, (50, 28, 28), dtype=torch.uint8, generator=stream(0, "digits")), torch.arange(1000)
    unseen = UnseenImages(raw, torch.zeros(1000, dtype=torch.int64), places % 50, 25.0, 70.0, torch.float32)
    nets = [ConvNet(ConvNetConfig(width=2), stream(seed, "initial weights")) for seed in range(3)]
    expected = torch.stack([predict(net, unseen) for net in nets])
    taken = []
    made_ready = UnseenImages.__getitem__
    monkeypatch.setattr(UnseenImages, "__getitem__", lambda *of: (taken.append(len(made := made_ready(*of))), made)[1])
    monkeypatch.setattr(fleet_memory, "MEASURED_NUMBERS", 30 * 3 * fleet_memory.numbers_per_image(nets[0].config))
    monkeypatch.setattr(fleet, "MEASURED_AHEAD", 3 * 100)
    assert torch.equal(predict_fleet(nets, [unseen] * 3), expected)
    assert (max(taken), sum(taken)) == (90, 3 * 1000)  # as many times 30 as go into 100


def test_a_patched_network_is_refused(images):
    net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    net.activation = torch.relu
    with pytest.raises(ValueError, match="activation is relu in place of tanh: a fleet computes by the configuration"):
        train_fleet([net], [images[0]], [Recipe()], [0], progress=False)
