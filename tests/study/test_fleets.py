"""Runs in lockstep, as `python -m labcode run --device` trains them: grouped by shape, recorded one by one."""

import multiprocessing
import random
import time
from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode import __main__ as cli
from labcode.data import load, load_unseen
from labcode.network import weights
from labcode.study import Ablation, Experiment, commands, records, sweep
from labcode.study import run as runs
from labcode.study.records import read, read_all
from labcode.study.run import groups
from labcode.study.sweep import run_missing
from labcode.training import count_errors, fleet

SMALL = Experiment(0).vary(width=2, hidden=8, batch_size=10, epochs=2, learning_rate=0.02)


@pytest.fixture(scope="module", autouse=True)
def few_images():
    """A tenth of the tenth, at both scales: a run takes a moment."""

    @cache
    def few(scale, seed):
        mnist = load("tenth", seed)
        return replace(mnist.first(400, 200), test=mnist.test[:200])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "load", few)
        patch.setattr(sweep, "require", lambda root: None)
        runs._load.cache_clear()
        yield
    runs._load.cache_clear()


def measured(record):
    """All that a record says but what it cost and what made it."""
    history = replace(record.history, seconds=(), total_seconds=0)
    return replace(record, history=history, provenance={})


def agree(record, other):
    """Whether two records of one run agree up to rounding, which may turn a digit that the network hardly sees."""
    assert record.experiment == other.experiment
    assert record.history.gradients == other.history.gradients
    for name in ("online", "train", "validation"):
        ours, theirs = (getattr(each.history, name) for each in (record, other))
        assert ours.images == theirs.images
        assert ours.errors == pytest.approx(theirs.errors, abs=2)
    for name in ("test", "fitted", "unseen"):
        ours, theirs = getattr(record, name), getattr(other, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or (ours.errors == pytest.approx(theirs.errors, abs=2) and ours.images == theirs.images)
    assert len(set(record.missed or ()) ^ set(other.missed or ())) <= 4
    return True


@pytest.fixture(scope="module")
def wanted():
    """Two shapes; in one of them the runs differ in seed, learning rate and dropout."""
    alike = [SMALL, replace(SMALL, seed=1), SMALL.vary(learning_rate=0.1), SMALL.vary(dropout=(0.5, 0.5, 0.25))]
    return [*alike, SMALL.vary(width=3)]


def test_fleets_record_what_each_run_records_alone(wanted, tmp_path):
    alone = {r.experiment: r for r in run_missing(wanted, tmp_path / "alone", workers=1)}
    fleets = {r.experiment: r for r in run_missing(wanted, tmp_path / "fleets", workers=1, device="cpu")}
    assert fleets.keys() == alone.keys() == set(wanted)
    assert all(agree(fleets[e], alone[e]) for e in wanted)
    assert all(read(e, tmp_path / "fleets") == fleets[e] for e in wanted)
    four, one = fleets[SMALL].provenance, fleets[wanted[-1]].provenance
    assert (four["engine"], four["device"], four["runs"], one["runs"]) == ("fleet", "cpu", "4", "1")
    assert not any((tmp_path / "fleets" / sweep.UNFINISHED).glob("*"))


def test_the_seconds_of_a_fleet_are_shared_out(wanted, tmp_path, monkeypatch):
    ticks = iter(range(1_000))
    monkeypatch.setattr(fleet, "_clock", lambda device: float(next(ticks)))
    for record in run_missing(wanted[:4], tmp_path, workers=1, device="cpu"):
        # A second per epoch to train, and one to measure, of four runs together.
        assert (record.history.seconds, record.history.total_seconds) == ((0.25, 0.5), 1.0)


def test_runs_of_one_shape_form_fleets_that_the_memory_holds(monkeypatch):
    seeds = [replace(SMALL, seed=seed) for seed in range(5)]
    other = SMALL.vary(activation="relu")
    assert groups([*seeds, other], "cpu") == [tuple(seeds), (other,)]
    monkeypatch.setattr(runs, "largest_fleet", lambda *_: 2)
    found = groups([*seeds, other], "cpu")
    assert [len(group) for group in found] == [2, 2, 1, 1]
    assert sorted(e.seed for group in found[:3] for e in group) == [0, 1, 2, 3, 4]


def test_runs_that_choose_settings_form_fleets_of_their_own_and_see_no_test_images(tmp_path):
    seeds = [replace(SMALL, seed=seed) for seed in (99, 100)]
    assert groups(seeds, "cpu") == [(seeds[0],), (seeds[1],)]
    tested, chosen = run_missing(seeds, tmp_path, workers=1, device="cpu")
    assert (tested.test is None, chosen.test is None) == (False, True)


def test_a_fleet_at_full_scale_tells_what_each_run_missed_and_keeps_its_network(tmp_path):
    full = [replace(SMALL, seed=seed, scale="full") for seed in range(2)]
    alone = {r.experiment: r for r in run_missing(full, tmp_path / "alone", workers=1)}
    for record in run_missing(full, tmp_path, workers=1, device="cpu"):
        assert agree(record, alone[record.experiment])
        assert len(record.missed) == record.test.errors[0]
        trained = weights.load(tmp_path / sweep.WEIGHTS / f"{record.experiment.name}.safetensors")
        mnist = runs.load("full", record.experiment.seed)
        assert count_errors(trained.net, mnist.train) == pytest.approx(record.fitted.errors[0], abs=2)


def test_a_fleet_on_tenths_of_their_own_counts_what_each_run_counts_alone(full_set, tmp_path, monkeypatch):
    asked = []

    def some(seeds, *given):
        asked.append(list(seeds))
        return [
            replace(each, places=each.places[:600], labels=each.labels[:600]) for each in load_unseen(seeds, *given)
        ]

    monkeypatch.setattr(runs, "load_unseen", some)
    own = [replace(SMALL, seed=seed, scale="own").vary(width=4) for seed in (2_000, 2_001, 2_015)]
    alone = {r.experiment: r for r in run_missing(own, tmp_path / "alone", workers=1)}
    fleet = list(run_missing(own, tmp_path / "fleet", workers=1, device="cpu"))
    assert [record.provenance["runs"] for record in fleet] == ["3"] * 3
    assert asked == [[2_000], [2_001], [2_015], [2_000, 2_001, 2_015]]
    for record in fleet:
        assert agree(record, alone[record.experiment])
        assert record.unseen.images == 600
        assert read(record.experiment, tmp_path / "fleet") == record
    assert len({record.unseen.errors for record in fleet}) > 1
    assert not (tmp_path / "fleet" / sweep.WEIGHTS).exists()


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("tpu", "device is 'tpu'; accepted are 'cpu', 'cuda'."),
        pytest.param(
            "cuda",
            "device is 'cuda', and this machine has no GPU that PyTorch can use",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
    ],
)
def test_what_cannot_be_trained_so_is_refused_before_anything_starts(device, sentence, tmp_path):
    folder = tmp_path / "records"
    with pytest.raises(ValueError, match=sentence):
        list(run_missing([SMALL], folder, workers=1, device=device))
    assert not folder.exists()


def test_the_command_trains_the_seeds_asked_for_in_fleets(tmp_path, monkeypatch, capsys):
    settings = {"hidden": 4, "epochs": 3, "batch_size": 10}
    tiny = Ablation("tiny", "2.4.1", (1,), "width", {"1": settings | {"width": 1}, "2": settings | {"width": 2}})
    monkeypatch.setattr(commands, "ABLATIONS", {"tiny": tiny})
    monkeypatch.setattr(commands, "experiments", lambda names: pytest.fail("other runs than those asked for"))
    assert cli.main(["run", "tiny", "--device", "cpu", "--seeds", "7:10", "--records", str(tmp_path)]) == 0
    assert "6 runs: 0 were there, 6 trained" in capsys.readouterr().out
    found = read_all(tmp_path)
    assert sorted(record.experiment.seed for record in found) == [7, 7, 8, 8, 9, 9]
    assert {record.provenance["engine"] for record in found} == {"fleet"}
    monkeypatch.setattr(commands, "RECORDS", tmp_path)
    assert cli.main(["verify", "--sample", "6", "--device", "cpu"]) == 0
    assert "DIFFERS" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seeds", "sentence"),
    [
        ("a:3", "the first of --seeds is 'a'; it must be a whole number of at least 0."),
        ("3:3", "the end of --seeds is 3; it must be a whole number of at least 4 and of at most 100003."),
        ("3:", "the end of --seeds is ''; it must be a whole number of at least 4 and of at most 100003."),
        ("0:9999999", "the end of --seeds is 9999999; it must be a whole number of at least 1 and of at most 100000."),
        ("many", "--seeds is 'many'; it must be a whole number of at least 1."),
    ],
)
def test_wrong_seeds_are_one_sentence(seeds, sentence, tmp_path, capsys):
    assert cli.main(["run", "--seeds", seeds, "--records", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{sentence}\n"


# Killed


@pytest.fixture(scope="module")
def killable(tmp_path_factory):
    """A sweep of two fleets that saves a checkpoint every epoch: what starts it, its records and its seconds."""
    wanted = [replace(SMALL, seed=seed).vary(width=w, epochs=4, choice="best") for seed in range(2) for w in (1, 2)]
    wanted += [wanted[0].vary(dropout=(0.5, 0.25, 0.5))]

    def sweep_into(folder):
        for _ in run_missing(wanted, folder, workers=1, device="cpu"):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet, "SECONDS_PER_CHECKPOINT", 0)
        began = time.monotonic()
        sweep_into(folder := tmp_path_factory.mktemp("whole"))
        seconds = time.monotonic() - began
        yield sweep_into, [measured(read(e, folder)) for e in wanted], seconds


@settings(max_examples=2)
@given(draw=st.integers(0, 2**32))
def test_a_killed_sweep_loses_nothing_recorded_and_resumes_to_the_same_records(draw, killable, tmp_path_factory):
    """`make search` kills it at many more moments."""
    sweep_into, expected, seconds = killable
    folder, moments = tmp_path_factory.mktemp("killed"), random.Random(draw)
    kept: dict = {}
    for _ in range(2):
        process = multiprocessing.get_context("fork").Process(target=sweep_into, args=(folder,))
        process.start()
        process.join(seconds * moments.random())
        process.kill()
        process.join()
        assert kept.items() <= (kept := {each.experiment: each for each in read_all(folder)}).items()
    sweep_into(folder)
    assert kept.items() <= {each.experiment: each for each in read_all(folder)}.items()
    assert [measured(read(record.experiment, folder)) for record in expected] == expected
    assert not any((folder / sweep.UNFINISHED).glob("*"))


def test_a_sweep_killed_between_two_records_of_a_fleet_resumes_that_fleet(killable, tmp_path, monkeypatch):
    """So that the others are recorded as if nothing had happened, bit for bit."""
    sweep_into, expected, _ = killable

    def save(record, folder):
        if read_all(folder):
            raise KeyboardInterrupt
        return records.save(record, folder)

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "save", save)
        with pytest.raises(KeyboardInterrupt):
            sweep_into(tmp_path)
    (kept,) = read_all(tmp_path)
    sweep_into(tmp_path)
    assert read(kept.experiment, tmp_path) == kept
    found = [read(record.experiment, tmp_path) for record in expected]
    assert [measured(record) for record in found] == expected
    assert [record.provenance["runs"] for record in found] == ["3", "2", "3", "2", "3"]
