"""Training: it is repeatable, its counts are correct, and bad settings fail before it starts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig
from labcode.network.manual_layers import local_average
from labcode.network.row_sums import pixel_copies, pixel_windows, window_pixels
from labcode.seeds import stream
from labcode.training import CheckpointError, ErrorCurve, Recipe, count_errors, predict, train

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


def with_other_defaults(act):
    """Call ``act`` while PyTorch makes tensors by default in double precision and on a device without values."""
    cached = local_average, pixel_copies, pixel_windows, window_pixels
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        for function in cached:
            function.cache_clear()
        return act()
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
        for function in cached:
            function.cache_clear()


@pytest.mark.parametrize("engine", ["hand", "autograd"])
def test_the_default_dtype_and_device_do_not_matter(engine):
    def trained():
        net = ConvNet(DROPPING, stream(0, "initial weights"))
        mnist = load("tenth", seed=0).first(50, 20)
        history = train(net, mnist, Recipe(learning_rate=0.01, epochs=1), 0, progress=False, engine=engine)
        return net, history.validation

    (net, errors), (other, other_errors) = trained(), with_other_defaults(trained)
    assert errors == other_errors
    assert all(map(torch.equal, net.parameters(), other.parameters()))


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
    expected = gradient_descent(mnist, [0.01] * -(-200 // batch_size), batch_size, epochs=1)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-3, atol=1e-5)


def gradient_descent(mnist, rates, batch_size, epochs):
    """Train by torch.func, without an optimizer; ``rates`` has one learning rate per step."""
    net = ConvNet(SMALL, stream(0, "initial weights"))
    weights = {name: p.detach().clone() for name, p in net.named_parameters()}

    def loss(weights, pixels, labels):
        return F.nll_loss(torch.func.functional_call(net, weights, (pixels,)), labels)

    orders, rates = stream(0, "order of images"), iter(rates)
    for _ in range(epochs):
        for places in torch.randperm(200, generator=orders).split(batch_size):
            gradient = torch.func.grad(loss)(weights, mnist.train.pixels[places], mnist.train.labels[places])
            rate = next(rates)
            weights = {name: w - rate * gradient[name] for name, w in weights.items()}
    assert next(rates, None) is None
    return weights


@pytest.mark.parametrize("engine", ["hand", "autograd"])
def test_cosine_decay_falls_from_the_learning_rate_to_zero_at_every_step(mnist, engine):
    net = ConvNet(SMALL, stream(0, "initial weights"))
    recipe = Recipe(learning_rate=0.02, batch_size=32, epochs=2, decay="cosine")
    train(net, mnist, recipe, 0, progress=False, engine=engine)
    steps = 2 * 7  # 200 images make 7 minibatches of 32, the last one smaller
    expected = gradient_descent(mnist, 0.01 * (1 + np.cos(np.pi * np.arange(steps) / steps)), 32, epochs=2)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-3, atol=1e-5)


def test_choice_best_ends_with_the_weights_of_the_best_epoch(mnist):
    last_net, last = run(mnist, recipe=Recipe(learning_rate=0.1, epochs=8))
    best_net, best = run(mnist, recipe=Recipe(learning_rate=0.1, epochs=8, choice="best"))
    assert best.validation == last.validation
    lowest = min(last.validation.errors)
    assert last.validation.errors[-1] > lowest  # otherwise the test shows nothing
    assert count_errors(best_net, mnist.validation) == lowest
    assert count_errors(last_net, mnist.validation) == last.validation.errors[-1]


def test_of_equally_good_epochs_the_later_is_chosen(mnist):
    one_image = replace(mnist, validation=mnist.validation[:1])
    recipes = [Recipe(learning_rate=0.01, epochs=2, choice=choice) for choice in ("last", "best")]
    (last, history), (best, _) = (run(one_image, recipe=recipe) for recipe in recipes)
    assert len(set(history.validation.errors)) == 1
    assert torch.equal(last.hidden.weight, best.hidden.weight)


def test_measured_every_sets_how_often_errors_are_measured(mnist):
    _, every = run(mnist, recipe=Recipe(learning_rate=0.01, epochs=6))
    _, third = run(mnist, recipe=Recipe(learning_rate=0.01, epochs=6, measured_every=3))
    for part in ("online", "train", "validation"):
        assert getattr(third, part).errors == getattr(every, part).errors[2::3]
    assert third.gradients == every.gradients[2::3] == (600, 1_200)
    assert len(third.seconds) == 2


def test_training_time_is_counted_apart_from_total_time(mnist):
    _, history = run(mnist)
    assert 0 < history.seconds[0] < history.seconds[1] < history.total_seconds + 0.1


def test_training_lowers_the_error(mnist):
    _, history = run(mnist, recipe=Recipe(learning_rate=0.01, epochs=6))
    assert history.train.percent[-1] < 0.5 * history.train.percent[0]


def test_curves_count_misclassified_images(mnist):
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


def test_a_loss_that_is_not_finite_ends_the_training_as_diverged(mnist):
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
        ({"epochs": 10, "measured_every": 3}, "measured_every is 3; 10 epochs must be a multiple of it"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; accepted are 'sgd', 'cg'"),
        ({"decay": "linear"}, "decay is 'linear'; accepted are 'none', 'cosine'"),
        ({"choice": "first"}, "choice is 'first'; accepted are 'last', 'best'"),
        ({"optimizer": "cg", "decay": "cosine"}, "conjugate gradient has no learning rate that could decay"),
    ],
)
def test_bad_recipes_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe(**settings)


def test_a_batch_larger_than_the_data_is_refused_before_training(mnist):
    with pytest.raises(ValueError, match="batch_size is 201; with 200 training images it must be at most 200"):
        run(mnist, recipe=Recipe(batch_size=201))


def test_percent_is_of_the_classified_images():
    assert ErrorCurve((3,), 60).percent.tolist() == [5.0]


# Networks with a replaced part


def with_softplus(net):
    net.stages[0].activation = F.softplus
    return net


def with_max_pooling(net):
    net.stages[1].pooling = torch.nn.MaxPool2d(2)
    return net


def with_its_own_dropout(net):
    net.stages[1].normalization = torch.nn.Dropout(0.5)
    return net


def with_a_hook(net):
    net.hidden.register_forward_hook(lambda module, inputs, output: -output)
    return net


def subclass(net):
    class Negative(ConvNet):
        def forward(self, images, masks=None):
            return -super().forward(images, masks)

    net.__class__ = Negative
    return net


ALTERATIONS = [with_softplus, with_max_pooling, with_its_own_dropout, with_a_hook, subclass]


def own_predictions(net, images):
    """Return the network's own digits, image by image."""
    net.eval()
    with torch.no_grad():
        return torch.cat([net(image).argmax(dim=1) for image in images.pixels.split(1)])


@pytest.mark.parametrize("alter", ALTERATIONS)
def test_a_replaced_part_is_used_in_measuring(mnist, alter):
    plain, altered = (ConvNet(SMALL, stream(0, "initial weights")) for _ in range(2))
    before = predict(alter(altered), mnist.validation)
    assert torch.equal(before, own_predictions(altered, mnist.validation))
    assert not torch.equal(before, predict(plain, mnist.validation))
    assert count_errors(altered, mnist.validation) == int((before != mnist.validation.labels).sum())


@pytest.mark.parametrize("alter", ALTERATIONS)
def test_a_replaced_part_is_used_in_training_by_autograd_alone(mnist, alter):
    net = alter(ConvNet(SMALL, stream(0, "initial weights")))
    with pytest.raises(ValueError, match=r"in place of .* does not know this network.*engine=\"autograd\""):
        train(net, mnist, Recipe(learning_rate=0.01, epochs=1), 0, progress=False)
    torch.manual_seed(0)  # for the network's own dropout
    history = train(net, mnist, Recipe(learning_rate=0.01, epochs=1), 0, progress=False, engine="autograd")
    assert net.training
    wrong = own_predictions(net, mnist.validation) != mnist.validation.labels
    assert history.validation.errors[-1] == int(wrong.sum())


def test_counting_errors_restores_the_modes_of_all_parts(mnist):
    net = with_its_own_dropout(ConvNet(SMALL, stream(0, "initial weights")))
    net.stages[0].eval()
    modes = [module.training for module in net.modules()]
    assert len(set(modes)) == 2
    count_errors(net, mnist.validation)
    assert [module.training for module in net.modules()] == modes


def test_any_module_with_ten_outputs_is_measured(mnist):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 10))
    assert torch.equal(predict(net, mnist.validation), own_predictions(net, mnist.validation))


def test_a_frozen_parameter_does_not_move_or_the_engine_is_refused(mnist):
    net = ConvNet(SMALL, stream(0, "initial weights"))
    net.hidden.weight.requires_grad_(False)
    before = net.hidden.weight.clone()
    with pytest.raises(ValueError, match=r"hidden\.weight must not move .* the hand-written pass moves every"):
        train(net, mnist, Recipe(epochs=1), 0, progress=False)
    train(net, mnist, Recipe(epochs=1), 0, progress=False, engine="autograd")
    assert torch.equal(net.hidden.weight, before)


def test_an_altered_network_does_not_resume_from_the_checkpoint_of_the_plain_one(mnist, tmp_path):
    settings = {"seed": 0, "progress": False, "engine": "autograd", "checkpoint": tmp_path / "c.safetensors"}
    train(ConvNet(SMALL, stream(0, "initial weights")), mnist, Recipe(epochs=1), **settings)
    with pytest.raises(CheckpointError, match="is of another training"):
        train(with_softplus(ConvNet(SMALL, stream(0, "initial weights"))), mnist, Recipe(epochs=1), **settings)
