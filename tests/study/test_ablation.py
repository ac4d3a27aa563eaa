"""Ablations: what varies and what does not, that runs of a seed are paired, and that shared runs are trained once."""

import numpy as np
import pytest
import torch

from labcode.network import ConvNet
from labcode.seeds import stream
from labcode.study import ABLATIONS, Experiment
from labcode.study.ablation import FURTHER_SEEDS, LATER_SEEDS, SEEDS
from labcode.study.lab import THE_LABS
from labcode.study.lab.batch_size import BATCH_SIZE, EQUAL_UPDATES, SCALED_RATES, UPDATES
from labcode.study.lab.dropout import DROPOUT
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.learning_rate import LEARNING_RATES
from labcode.study.lab.stages import STAGES, STAGES_PADDED
from labcode.study.lab.validation import EVERY_SETTING, MAIN_SETTINGS, SGD_SETTINGS
from labcode.study.measures import settled_validation


def test_the_labs_eight_ablations_have_the_levels_of_its_report():
    levels = {ablation.section: list(ablation.levels) for ablation in THE_LABS}
    assert levels == {
        "2.4.1": ["16", "32", "64", "128"],
        "2.4.2": ["1", "2", "3"],
        "2.4.3": ["1", "10", "30", "100"],
        "2.4.4": ["SGD", "CG"],
        "2.4.5": ["tanh", "relu", "sigmoid"],
        "2.4.6": ["2/2", "3/3", "3/2"],
        "2.4.7": ["3", "5", "7"],
        "2.4.8": ["none", "stage 1", "stage 2", "classifier", "all three"],
    }
    assert [figure for ablation in THE_LABS for figure in ablation.figures] == list(range(1, 10))


def test_the_number_of_seeds_is_the_one_that_was_fixed():
    deciding = (*THE_LABS, EQUAL_UPDATES, SCALED_RATES, EVERY_SETTING)
    assert {ablation.seeds for ablation in deciding} == {SEEDS} == {range(8)}
    assert set(LATER_SEEDS) < set(SEEDS)
    assert len(FURTHER_SEEDS) == 8
    assert not set(FURTHER_SEEDS) & set(SEEDS)


@pytest.mark.parametrize("ablation", THE_LABS, ids=lambda a: a.name)
def test_only_the_factor_varies_and_the_baseline_is_among_the_levels(ablation):
    experiments = ablation.experiments([5])
    assert Experiment(5) in experiments
    varied = {setting for level in ablation.levels.values() for setting in level}
    assert len(varied) == (2 if ablation.name == "pooling" else 1)
    baseline = {setting: getattr(Experiment(5).network, setting, None) for setting in varied}
    baseline |= {s: getattr(Experiment(5).recipe, s) for s in varied if hasattr(Experiment(5).recipe, s)}
    assert {experiment.vary(**baseline) for experiment in experiments} == {Experiment(5)}


def test_every_level_and_seed_is_a_run_of_its_own():
    for ablation in ABLATIONS.values():
        assert len(set(ablation.experiments())) == len(ablation.seeds) * len(ablation.levels)


def test_shared_runs_are_trained_once():
    wanted = [e for ablation in THE_LABS for e in ablation.experiments(SEEDS)]
    assert wanted.count(Experiment(0)) == len(THE_LABS)
    assert len(set(wanted)) == len(set(EVERY_SETTING.experiments(SEEDS))) == 8 * 20


def test_ablations_use_the_tenth_and_20_epochs():
    for experiment in EVERY_SETTING.experiments():
        assert experiment.scale == "tenth"
        assert experiment.recipe.epochs == 20
    assert Experiment(0).recipe.batch_size == 1


def test_common_settings_reach_every_level():
    padded = HIDDEN_UNITS.experiments([0], {"padding": 2})
    assert {e.network.padding for e in padded} == {2}
    assert [e.network.width for e in padded] == [16, 32, 64, 128]


def test_learning_rates_are_multiplied_not_replaced():
    rate = Experiment(0).recipe.learning_rate
    tripled = SCALED_RATES.experiment("10, scaled", 0, {"learning_rate_times": 3})
    assert tripled.recipe.learning_rate == pytest.approx(30 * rate, rel=1e-2)
    assert SCALED_RATES.experiment("100", 0).recipe.learning_rate == rate
    third = HIDDEN_UNITS.experiment("64", 0, {"learning_rate_times": 1 / 3}).recipe.learning_rate
    assert third == pytest.approx(rate / 3, rel=2e-3)
    assert len(str(third)) <= len("0.000333")


def test_conjugate_gradient_is_not_run_again_at_another_learning_rate():
    optimizers = ABLATIONS["optimizers"]
    assert optimizers.experiment("CG", 0, {"learning_rate_times": 3}) == optimizers.experiment("CG", 0)
    assert optimizers.experiment("SGD", 0, {"line_searches": 1}) == optimizers.experiment("SGD", 0)


def test_batch_sizes_are_compared_at_equal_updates():
    for label, level in EQUAL_UPDATES.levels.items():
        recipe = EQUAL_UPDATES.experiment(label, 0).recipe
        steps_an_epoch = -(-4_200 // recipe.batch_size)
        longer = label.endswith("longer") or label == "10"
        assert (recipe.epochs * steps_an_epoch == UPDATES) == longer
        assert recipe.epochs // recipe.measured_every == 20
        assert level is BATCH_SIZE.levels.get(label, level)


def test_dropout_levels_name_where_values_are_dropped():
    assert [DROPOUT.experiment(label, 0).network.dropout for label in DROPOUT.levels] == [
        (),
        (0.5, 0, 0),
        (0, 0.5, 0),
        (0, 0, 0.5),
        (0.5, 0.5, 0.5),
    ]


def test_runs_of_a_seed_share_the_initialization_stream():
    """The first filters of the first layer start from the same numbers at every width; nothing else can match."""
    narrow, wide = (ConvNet(HIDDEN_UNITS.experiment(w, 3).network, stream(3, "initial weights")) for w in ("16", "32"))
    first, second = (net.stages[0].convolution.weight for net in (narrow, wide))
    assert torch.equal(first, second[:16])


def test_the_learning_rate_is_the_one_that_the_grid_chose():
    by_seed = LEARNING_RATES.records()
    means = {
        label: np.mean([settled_validation(records[label]) for records in by_seed]) for label in LEARNING_RATES.levels
    }
    chosen = min(means, key=means.get)
    assert float(chosen) == Experiment(0).recipe.learning_rate
    assert chosen not in (*list(means)[:1], *list(means)[-1:])  # the lowest is inside the grid, not at an end
    assert not set(LEARNING_RATES.seeds) & {*SEEDS, *FURTHER_SEEDS}


def test_padding_is_common_to_all_levels_and_can_be_taken_away():
    assert {run.network.padding for run in STAGES_PADDED.experiments([0])} == {2}
    assert STAGES_PADDED.experiments([0], {"padding": 0}) == STAGES.experiments([0])


def test_validation_chooses_among_19_settings_in_study_1_and_22_in_study_2():
    assert len(set(SGD_SETTINGS.experiments([0]))) == len(SGD_SETTINGS.levels) == 19
    assert len(set(MAIN_SETTINGS.experiments([0]))) == len(MAIN_SETTINGS.levels) == 22
    assert set(STAGES_PADDED.experiments([0])) < set(MAIN_SETTINGS.experiments([0]))
