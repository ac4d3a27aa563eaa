"""A run: what it measures, at either scale, and what it must not look at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from labcode.data import load, own_places
from labcode.network import weights
from labcode.study import run as runs
from labcode.study import sweep
from labcode.study.records import read
from labcode.study.run import run
from labcode.study.sweep import run_missing
from labcode.training import ErrorCurve, count_errors


@pytest.fixture(scope="module")
def tenth():
    return load("tenth", seed=0)


def test_a_run_tests_the_network_that_it_ends_with(tiny, tenth):
    done = run(tiny, progress=False)
    assert done.record.test == ErrorCurve((count_errors(done.trained.net, tenth.test),), 10_000)
    assert (done.trained.mean, done.trained.deviation) == (tenth.mean, tenth.deviation)
    assert done.record.fitted is done.record.missed is done.record.unseen is None


def test_a_run_on_a_tenth_of_its_own_is_tested_on_all_other_training_images(tiny, full_set):
    """By PyTorch's own network, on pixels that are normalized here."""
    own = replace(tiny, seed=2_003, scale="own")
    done = run(own, progress=False)
    trained, record = done.trained, done.record
    training, test = full_set

    def seen_as(raw):
        padded = F.pad(torch.from_numpy(raw.pixels).double(), [2] * 4)[:, None]
        with torch.no_grad():
            return trained.net(((padded - trained.mean) / trained.deviation).float()).argmax(dim=1).numpy()

    others = training[np.setdiff1d(np.arange(60_000), own_places(2_003))]
    assert record.unseen.images == 54_000
    assert record.unseen.errors == pytest.approx(((seen_as(others) != others.labels).sum(),), abs=3)  # rounding
    digits = seen_as(test)
    assert set(record.missed) == {(int(place), int(digits[place])) for place in np.flatnonzero(digits != test.labels)}
    assert record.test == ErrorCurve((len(record.missed),), 10_000)
    assert record.history.validation.images == 1_800
    assert record.fitted is None


def test_a_run_that_chooses_never_sees_the_test_images(tiny):
    assert run(replace(tiny, seed=100), progress=False).record.test is None


def test_a_diverging_run_is_a_record_that_says_so(tiny, tenth):
    record = run(tiny.vary(activation="relu", learning_rate=1e30, batch_size=1), progress=False).record
    assert record.history.diverged
    assert record.history.validation.errors == ()


def test_a_run_at_full_scale_tells_what_it_missed_and_keeps_its_network(tiny, tenth, tmp_path, monkeypatch):
    """The full set is not on every machine: a tenth of it stands in, which the run cannot know."""
    full = replace(tiny, scale="full")
    monkeypatch.setattr(runs, "load", lambda scale, seed: load("tenth", seed))
    monkeypatch.setattr(sweep, "require", lambda root: None)
    runs._load.cache_clear()
    (record,) = run_missing([full], tmp_path, workers=1)
    runs._load.cache_clear()
    assert read(full, tmp_path) == record
    trained = weights.load(tmp_path / sweep.WEIGHTS / f"{full.name}.safetensors")
    with torch.no_grad():
        predicted = trained.net(tenth.test.pixels).argmax(dim=1)
        fitted = trained.net(tenth.train.pixels).argmax(dim=1)
    wrong = predicted != tenth.test.labels
    assert record.missed == tuple((int(p), int(predicted[p])) for p in torch.nonzero(wrong).flatten())
    assert record.test == ErrorCurve((int(wrong.sum()),), 10_000)
    assert record.fitted == ErrorCurve((int((fitted != tenth.train.labels).sum()),), 4_200)
    assert (trained.mean, trained.deviation) == (tenth.mean, tenth.deviation)
