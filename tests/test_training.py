"""Training: repeatable, its counts are what they say, bad settings fail before it starts."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from labcode.convnet import ConvNet, ConvNetConfig
from labcode.data import load
from labcode.seeds import stream
from labcode.training import ErrorCurve, Recipe, count_errors, train

SMALL = ConvNetConfig(width=3, hidden=8)
DROPPING = ConvNetConfig(width=3, hidden=8, dropout=(0.2, 0.2, 0.2))


@pytest.fixture(scope="module")
def mnist():
    return load("tenth", seed=0).first(200, 150)


def run(mnist, config=SMALL, recipe=None, seed=0):
    net = ConvNet(config, stream(seed, "initial weights"))
    return net, train(net, mnist, recipe or Recipe(learning_rate=0.01, epochs=2), seed, progress=False)


@pytest.mark.parametrize("config", [SMALL, DROPPING])
def test_the_same_seed_gives_the_same_curves_and_weights_bit_for_bit(mnist, config):
    torch.manual_seed(1)
    first_net, first = run(mnist, config)
    torch.manual_seed(2)  # global state must not matter
    second_net, second = run(mnist, config)
    assert (first.online, first.train, first.validation) == (second.online, second.train, second.validation)
    for a, b in zip(first_net.parameters(), second_net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_number_of_threads_does_not_matter_and_is_put_back(mnist):
    before = torch.get_num_threads()
    try:
        weights = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            weights.append(run(mnist)[0].hidden.weight)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*weights)


def test_another_seed_gives_another_order(mnist):
    net = ConvNet(SMALL, stream(0, "initial weights"))
    other = ConvNet(SMALL, stream(0, "initial weights"))
    recipe = Recipe(learning_rate=0.01, epochs=1)
    train(net, mnist, recipe, seed=0, progress=False)
    train(other, mnist, recipe, seed=1, progress=False)
    assert not torch.equal(net.hidden.weight, other.hidden.weight)


@pytest.mark.parametrize("batch_size", [1, 32, 200])
def test_one_epoch_is_plain_gradient_descent_on_the_mean_loss(mnist, batch_size):
    """The weights after one epoch, recomputed with torch.func and no optimizer; the last batch may be smaller."""
    net, _ = run(mnist, recipe=Recipe(learning_rate=0.01, batch_size=batch_size, epochs=1))
    start = ConvNet(SMALL, stream(0, "initial weights"))
    weights = {name: p.detach().clone() for name, p in start.named_parameters()}

    def loss(weights, pixels, labels):
        return F.nll_loss(torch.func.functional_call(start, weights, (pixels,)), labels)

    order = torch.randperm(200, generator=stream(0, "order of images"))
    for places in order.split(batch_size):
        gradient = torch.func.grad(loss)(weights, mnist.train.pixels[places], mnist.train.labels[places])
        weights = {name: w - 0.01 * gradient[name] for name, w in weights.items()}
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), weights[name], rtol=1e-3, atol=1e-5)


def test_training_lowers_the_error(mnist):
    _, history = run(mnist, recipe=Recipe(learning_rate=0.01, epochs=6))
    assert history.train.percent[-1] < 0.5 * history.train.percent[0]


def test_curves_count_what_they_say(mnist):
    net, history = run(mnist)
    assert [len(c.errors) for c in (history.online, history.train, history.validation)] == [2, 2, 2]
    assert [c.images for c in (history.online, history.train, history.validation)] == [200, 200, 150]
    with torch.no_grad():
        predicted = net(mnist.validation.pixels).argmax(dim=1)
    assert history.validation.errors[-1] == int((predicted != mnist.validation.labels).sum())
    assert history.train.errors[-1] == count_errors(net, mnist.train)


def test_clean_training_error_is_measured_on_1800_images():
    tenth = load("tenth", seed=0)
    net = ConvNet(ConvNetConfig(width=1, hidden=2), stream(0, "initial weights"))
    history = train(net, tenth.first(1_900, 10), Recipe(epochs=1, batch_size=100), 0, progress=False)
    assert history.train.images == 1_800
    assert history.train.errors[-1] == count_errors(net, tenth.train[:1_800])


def test_dropout_is_off_when_errors_are_counted(mnist):
    net, _ = run(mnist, DROPPING)
    assert count_errors(net, mnist.train) == count_errors(net, mnist.train)


def test_a_loss_that_is_not_finite_ends_the_training_and_says_so(mnist):
    bad = replace(mnist, train=mnist.train[torch.arange(200)])
    bad.train.pixels[3] = float("nan")
    _, history = run(bad)
    assert history.diverged
    assert history.validation.errors == ()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"learning_rate": 0}, "learning_rate is 0; it must be a finite number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
    ],
)
def test_bad_recipes_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe(**settings)


def test_a_batch_larger_than_the_data_is_refused_before_training(mnist):
    with pytest.raises(ValueError, match="batch_size is 201; with 200 training images it can be 200 at most"):
        run(mnist, recipe=Recipe(batch_size=201))


def test_percent():
    assert ErrorCurve((3,), 60).percent.tolist() == [5.0]
