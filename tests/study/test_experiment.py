"""An experiment: named by what differs from the baseline, bad ones refused."""

import numpy as np
import pytest

from labcode.study import Experiment


def test_names_say_what_differs_from_the_baseline(tiny):
    assert Experiment(seed=2).name == "baseline_seed=2"
    assert tiny.name == "width=1_hidden=4_batch_size=100_epochs=1_seed=0"
    assert Experiment(1).vary(dropout=(0.5, 0, 0.5)).name == "dropout=0.5,0.0,0.5_seed=1"
    assert Experiment(0, scale="full").name == "scale=full_seed=0"
    assert Experiment(1000, scale="own").vary(width=128).name == "scale=own_width=128_seed=1000"
    assert Experiment(1000, scale="own").setting == "scale=own"
    assert Experiment(3).setting == "baseline"


def test_bad_experiments_are_refused():
    with pytest.raises(ValueError, match="Unknown setting 'depth'; accepted are scale, width, stages"):
        Experiment(0).vary(depth=3)
    with pytest.raises(ValueError, match="scale is 'half'; accepted are 'tenth', 'own', 'full'"):
        Experiment(0, scale="half")
    for seed in (0, 999):
        with pytest.raises(
            ValueError, match=f"seed at scale 'own' is {seed}; it must be a whole number of at least 1000"
        ):
            Experiment(seed, scale="own")
    with pytest.raises(ValueError, match="seed is '1'; it must be a whole number"):
        Experiment("1")


def test_equal_experiments_have_one_name():
    for one, other in (
        ({"dropout": (0.5, 0, 0.5)}, {"dropout": (0.5, 0.0, 0.5)}),
        ({"exponent": 4}, {"exponent": 4.0}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
    ):
        assert Experiment(0).vary(**one) == Experiment(0).vary(**other)
        assert Experiment(0).vary(**one).name == Experiment(0).vary(**other).name


def test_settings_of_network_and_recipe_vary_together():
    varied = Experiment(0).vary(width=8, stages=3, learning_rate=0.5)
    assert (varied.network.width, varied.network.stages, varied.recipe.learning_rate) == (8, 3, 0.5)


def test_a_dropout_for_another_number_of_stages_is_refused_as_a_whole():
    assert Experiment(0).vary(stages=1, dropout=(0.5, 0.5)).network.dropout == (0.5, 0.5)
    with pytest.raises(ValueError, match="with 2 stages it takes 3 probabilities"):
        Experiment(0).vary(dropout=(0.5, 0.5))


def test_what_the_optimizer_does_not_look_at_makes_no_other_experiment():
    assert Experiment(0).vary(optimizer="cg", learning_rate=0.5) == Experiment(0).vary(optimizer="cg")
    assert Experiment(0).vary(line_searches=5) == Experiment(0)


def test_work_is_counted_in_multiply_adds():
    one = Experiment(0).vary(epochs=1)
    assert one.multiply_adds == 3 * one.network.multiply_adds * 4_200
    assert Experiment(0, scale="full").vary(epochs=1).multiply_adds == 10 * one.multiply_adds
    assert Experiment(1000, scale="own").vary(epochs=1).multiply_adds == one.multiply_adds
    assert one.vary(optimizer="cg").multiply_adds == 20 * one.multiply_adds


def test_the_scale_varies_like_a_setting():
    assert Experiment(0).vary(scale="full", width=8).name == "scale=full_width=8_seed=0"
    assert Experiment(0, scale="full").vary(width=8).scale == "full"


def test_seeds_that_choose_are_apart():
    choosing = [seed for seed in (0, 99, 100, 102, 199, 200, 999, 1000, 1063) if Experiment(seed).chooses]
    assert choosing == [100, 102, 199]
    assert not Experiment(1000, scale="own").chooses


@pytest.mark.parametrize("seed", [True, 0.0, None, "0", np.bool_(False)])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed is .*; it must be a whole number"):
        Experiment(seed=seed)


def test_numpys_whole_number_is_a_seed():
    assert Experiment(seed=np.int64(3)) == Experiment(seed=3)
    assert type(Experiment(seed=np.int64(3)).seed) is int
    assert Experiment(seed=np.int64(3)).vary(width=np.int64(8)).name == "width=8_seed=3"
