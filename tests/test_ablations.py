"""The ablations: what varies, what does not, and that runs of a seed are paired."""

import torch

from labcode.ablations import ABLATIONS, HIDDEN_UNITS, SEEDS
from labcode.convnet import ConvNet
from labcode.data import split_indices
from labcode.runs import Experiment
from labcode.seeds import stream


def test_the_labs_hidden_units():
    assert (HIDDEN_UNITS.section, HIDDEN_UNITS.figures, HIDDEN_UNITS.levels) == ("2.4.1", (1,), (16, 32, 64, 128))


def test_only_the_setting_varies():
    for ablation in ABLATIONS.values():
        for level in ablation.levels:
            experiment = ablation.experiment(level, seed=5)
            baseline_again = experiment.vary(ablation.setting, getattr(Experiment(5).network, ablation.setting))
            assert baseline_again == Experiment(5)


def test_every_level_and_seed_has_its_own_record():
    for ablation in ABLATIONS.values():
        names = [experiment.name for experiment in ablation.experiments()]
        assert len(set(names)) == len(names) == len(SEEDS) * len(ablation.levels)


def test_the_labs_scale():
    experiment = HIDDEN_UNITS.experiment(64, seed=0)
    assert [len(part) for part in split_indices(6_000, 0)] == [4_200, 1_800]
    assert (experiment.scale, experiment.recipe.batch_size) == ("tenth", 1)
    assert experiment.recipe.epochs >= 15


def test_runs_of_a_seed_share_the_initialization_stream():
    """Of two widths, the first layer's first filters start from the same numbers, but for nothing else to match."""
    narrow, wide = (ConvNet(HIDDEN_UNITS.experiment(w, 3).network, stream(3, "initial weights")) for w in (16, 32))
    first, second = (net.stages[0].convolution.weight for net in (narrow, wide))
    assert torch.equal(first, second[:16])
