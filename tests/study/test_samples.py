"""Numbers over seeds agree with the records and with SciPy."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from labcode.study import RECORDS, MissingRecordError, results
from labcode.study.lab.optimizers import OPTIMIZERS
from labcode.study.lab.stages import STAGES
from labcode.study.measures import gap
from labcode.study.samples import Curves, Runs, Sample


@pytest.fixture(scope="module")
def stages():
    return results(STAGES)


def counts(name, part="validation"):
    setting, seed = name.split("_seed=")
    lines = gzip.decompress((RECORDS / f"{setting}.jsonl.gz").read_bytes()).splitlines()
    return np.array(json.loads(lines[int(seed)])["measured"][part]["errors"])


def test_curves_are_those_of_the_records(stages):
    assert list(stages) == ["1", "2", "3"]
    for part in ("train", "validation"):
        found = getattr(stages["3"], part).values
        assert found.shape == (8, 20)
        np.testing.assert_allclose(found[5], counts("stages=3_seed=5", part) / 18)


def test_a_difference_is_paired_by_seed(stages):
    gain = stages["1"].validation.best - stages["2"].validation.best
    pairs = [(counts(f"stages=1_seed={s}").min(), counts(f"baseline_seed={s}").min()) for s in range(8)]
    by_seed = np.array([(a - b) / 18 for a, b in pairs])
    np.testing.assert_allclose(gain.values, by_seed)
    expected = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    plain = Sample(gain.values)
    assert (plain.mean, plain.low, plain.high) == pytest.approx((by_seed.mean(), expected.low, expected.high))
    wider = np.sqrt(1 + 8 * 0.3 / 0.7)  # all seeds share 6 000 images: Nadeau and Bengio (2003)
    assert (gain.mean, gain.high - gain.low) == pytest.approx((plain.mean, wider * (plain.high - plain.low)))
    assert (gain.lowest, gain.highest) == pytest.approx((by_seed.min(), by_seed.max()))
    assert (gain.seeds, gain.positive) == (8, (by_seed > 0).sum())
    assert str(plain) == f"{by_seed.mean():+.2f} ({expected.low:+.2f} to {expected.high:+.2f})"


def test_where_each_seed_has_its_own_images_the_interval_is_plain(stages):
    runs = [replace(r, experiment=replace(r.experiment, scale="own", seed=1000)) for r in stages["1"].records]
    own = Runs(tuple(runs)).validation
    assert (own - own).best.overlap == own.of(len).overlap == (-own.final * 2).overlap == 0
    assert (stages["1"].validation - own).best.overlap == pytest.approx(0.3 / 0.7)


def test_measures_of_curves_and_of_records(stages):
    curves = stages["1"].validation
    percent = curves.values
    np.testing.assert_allclose(curves.early.values, percent[:, :5].mean(axis=1))
    np.testing.assert_allclose(curves.best.values, percent.min(axis=1))
    np.testing.assert_allclose(curves.final.values, percent[:, -1])
    np.testing.assert_allclose(curves.settled.values, percent[:, -3:].mean(axis=1))
    np.testing.assert_allclose(curves.variation.values, abs(np.diff(percent[:, -11:])).mean(axis=1))
    np.testing.assert_allclose(
        stages["1"].of(gap).values, (curves.settled - stages["1"].train.settled).values, atol=1e-12
    )


def test_epochs_are_counted_from_one():
    curves = Curves(np.array([[4.0, 2.0, 1.0], [6.0, 4.0, 3.0]]))
    assert curves.epochs(1, 2).tolist() == [5, 3]
    assert curves.epochs(2).tolist() == [3, 2]
    assert (curves.after(1), curves.after(3), curves.after(-1)) == (5, 2, 2)


def test_other_settings_and_seeds():
    at_100 = results(OPTIMIZERS, range(2), batch_size=100)
    assert [r.experiment.name for r in at_100["CG"].records] == [
        f"batch_size=100_optimizer=cg_seed={seed}" for seed in range(2)
    ]
    np.testing.assert_array_equal(at_100["SGD"].gradients.values[0], 42 * np.arange(1, 21))


def test_arithmetic_with_numbers_and_samples():
    a, b = Sample(np.array([1.0, 3.0])), Sample(np.array([2.0, 4.0]))
    assert (a + b).values.tolist() == [3, 7]
    assert (a * 2 / b - 1).values.tolist() == [0, 0.5]
    assert (-a).values.tolist() == [-1, -3]


def test_other_seeds_cannot_be_paired():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\) do not match"):
        Sample(np.zeros(3)) - Sample(np.zeros(2))


def test_runs_that_are_missing_are_named(tmp_path):
    with pytest.raises(MissingRecordError, match=r"no record stages=1_seed=0 in"):
        results(STAGES, folder=tmp_path)
