"""Conjugate gradient in lockstep against the same runs alone."""

import math
from dataclasses import replace

import pytest
import torch

from labcode.data import Images, load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import Recipe, train
from labcode.training.fleet import train_fleet
from labcode.training.fleet_conjugate_gradient import FleetSearches
from labcode.training.fleet_network import Fleet

DROPOUT = [(), (0.5, 0.5, 0.5), (0.25, 0, 0)]


@pytest.fixture(scope="module")
def images():
    return [load("tenth", seed, dtype=torch.float64) for seed in range(3)]


def networks(**shape) -> list[ConvNet]:
    """Networks that differ in their seed and in their dropout."""
    shape = {"width": 4, "hidden": 16} | shape
    return [
        ConvNet(ConvNetConfig(**shape, dropout=dropout), stream(seed, "initial weights"), torch.float64)
        for seed, dropout in enumerate(DROPOUT)
    ]


def trained(nets, images, recipe, together):
    """Train the networks; return their histories without the seconds."""
    if together:
        histories = train_fleet(nets, images, [recipe] * 3, range(3), progress=False)
    else:
        each = zip(nets, images, range(3), strict=True)
        histories = [train(net, own, recipe, seed, progress=False) for net, own, seed in each]
    return [replace(history, seconds=(), total_seconds=0) for history in histories]


@pytest.mark.parametrize(
    ("batch", "searches", "count"), [(1, 1, 8), (1, 2, 4), (1, 5, 1), (3, 1, 11), (3, 2, 8), (3, 5, 3)]
)
def test_two_epochs_move_the_weights_as_each_run_alone_does(images, batch, searches, count):
    """Few images, since every search multiplies rounding: autograd departs from the hand-written pass as fast."""
    nets, alone, few = networks(), networks(), [own.first(count, 20) for own in images]
    recipe = Recipe(optimizer="cg", batch_size=batch, line_searches=searches, epochs=2)
    found, expected = trained(nets, few, recipe, together=True), trained(alone, few, recipe, together=False)
    assert found == expected  # also the number of gradients
    for mine, theirs in zip(nets, alone, strict=True):
        for (name, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10, msg=name)


def test_runs_that_end_their_epoch_early_wait_without_moving(images):
    nets = networks()
    fleet = Fleet(nets)
    searches = FleetSearches(fleet, batch_size=1, line_searches=2)
    evaluate, seen = searches._evaluate, []

    def watch(room):
        found = evaluate(room)
        seen.append(searches.points.clone())
        return found

    searches._evaluate = watch
    batches = [[(own.train[i : i + 1], None) for i in range(3)] for own in images]
    _, gradients = searches.train_epoch(batches, images=3)
    assert len(seen) == max(gradients) > min(gradients)
    for run, count in enumerate(gradients):
        ended = seen[count - 1][run]  # where the last search ended, which found a better point
        assert all(torch.equal(later[run], ended) for later in seen[count:])


def test_a_run_that_diverged_stays_where_it_is(images):
    fleet = Fleet(networks())
    fleet.alive[1] = False
    searches = FleetSearches(fleet, batch_size=1, line_searches=1)
    start, moved = searches.points.clone(), []
    evaluate = searches._evaluate

    def watch(room):
        found = evaluate(room)
        moved.append([not torch.equal(now, before) for now, before in zip(searches.points, start, strict=True)])
        return found

    searches._evaluate = watch
    _, gradients = searches.train_epoch([[(own.train[:1], None)] for own in images], images=1)
    assert [any(run) for run in zip(*moved, strict=True)] == [True, False, True]
    assert gradients[1] == 0 < min(gradients[0], gradients[2])


def test_every_row_begins_where_a_processor_can_load_several_numbers_at_once():
    """64 bytes are 16 numbers of float32; the number of weights of these networks is no multiple of 16."""
    fleet = Fleet([ConvNet(ConvNetConfig(width=4, hidden=16), stream(seed, "initial weights")) for seed in range(3)])
    searches = FleetSearches(fleet, batch_size=1, line_searches=1)
    assert sum(weight[0].numel() for weight in fleet.weights) % 16
    for rows in (searches.points, searches.origins, *searches.vectors.unbind(1)):
        assert {(row.data_ptr() - rows.data_ptr()) % 64 for row in rows} == {0}
    assert searches.points.shape[1] - sum(weight[0].numel() for weight in fleet.weights) < 16


def test_a_search_that_finds_no_better_point_moves_nothing(images):
    nets = networks()
    before = [[p.detach().clone() for p in net.parameters()] for net in nets]
    fleet = Fleet(nets)
    searches = FleetSearches(fleet, batch_size=1, line_searches=2)
    evaluate, calls = searches._evaluate, 0

    def spoil(room):
        nonlocal calls
        calls += 1
        found = evaluate(room)
        return found if calls % 21 == 1 else found.fill_(math.nan)

    searches._evaluate = spoil
    _, gradients = searches.train_epoch([[(own.train[i : i + 1], None) for i in range(2)] for own in images], images=2)
    assert gradients == [2 * (1 + 20)] * 3
    fleet.load_into(nets)
    for net, old in zip(nets, before, strict=True):
        assert all(map(torch.equal, net.parameters(), old))


def test_a_run_that_diverges_is_frozen_and_its_neighbours_do_not_notice(images):
    """A pixel that is not a number gives a loss that is none, whatever the weights."""
    few = [own.first(20, 10) for own in images]
    poisoned = few[1].train.pixels.clone()
    poisoned[7, 0, 16, 16] = math.nan
    spoiled = [few[0], replace(few[1], train=Images(poisoned, few[1].train.labels)), few[2]]
    nets, alone, calm = networks(), networks(), networks()
    recipe = Recipe(optimizer="cg", line_searches=1, epochs=2)
    found = trained(nets, spoiled, recipe, together=True)
    assert [history.diverged for history in found] == [False, True, False]
    expected = trained(calm, few, recipe, together=True)
    assert found[::2] == expected[::2]
    assert all(map(torch.equal, nets[2].parameters(), calm[2].parameters()))
    assert found[1] == trained(alone, spoiled, recipe, together=False)[1]
    for mine, theirs in zip(nets[1].parameters(), alone[1].parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-8)
