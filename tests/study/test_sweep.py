"""A sweep: what is missing is trained once, kept as soon as it is finished, carried on where it was killed."""

import os
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from labcode.data import download as fetch
from labcode.study import RecordError, sweep
from labcode.study.records import path_of, read, save
from labcode.study.sweep import missing, run_missing
from labcode.training import CheckpointError, ErrorCurve


def test_divergence_survives_the_file(tiny, record, tmp_path):
    short = ErrorCurve((), 1_800)
    history = replace(record.history, diverged=True, online=short, train=short, validation=short)
    save(replace(record, history=history), tmp_path)
    assert read(tiny, tmp_path).history.diverged


def test_only_what_is_missing_is_wanted_once_and_longest_first(tiny, stored):
    longer, longest = tiny.vary(epochs=2), tiny.vary(epochs=3)
    assert missing([tiny, longer, longest, longer], stored.parent) == [longest, longer]


def test_an_unsound_record_is_not_replaced_unasked(tiny, stored, edit_archive):
    edit_archive(stored, lambda lines: [lines[0].replace('"total": ', '"total": 1')])
    with pytest.raises(RecordError, match="was altered"):
        missing([tiny], stored.parent)


def test_the_number_of_workers_does_not_change_a_record(tiny, record, tmp_path):
    experiments = [tiny, tiny.vary(activation="relu")]
    found = {}
    for workers in (1, 2):
        for made in run_missing(experiments, tmp_path / str(workers), workers):
            found.setdefault(made.experiment, []).append((made.history.online, made.history.validation, made.test))
    assert all(one == two for one, two in found.values())
    assert found[tiny][0] == (record.history.online, record.history.validation, record.test)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX forks")
def test_a_killed_sweep_started_again_trains_only_what_is_missing(tiny, tmp_path):
    """Kill -9 after the first record; the second start keeps it, byte for byte, and adds the others."""
    wanted = [tiny.vary(epochs=epochs) for epochs in (1, 2, 3)]

    def archives():
        return {path: path.read_bytes() for path in tmp_path.glob("*.jsonl.gz")}

    first = get_context("fork").Process(target=lambda: list(run_missing(wanted, tmp_path, 1)))
    first.start()
    while first.is_alive() and not archives():
        time.sleep(0.01)
    first.kill()
    first.join()
    kept = archives()
    assert 1 <= len(kept) <= 3
    assert len(list(run_missing(wanted, tmp_path, 1))) == 3 - len(kept)
    assert kept.items() <= archives().items()
    assert len(archives()) == 3


@pytest.mark.parametrize("scale", ["own", "full"])
def test_without_the_full_set_nothing_is_trained_but_a_sentence_given(tiny, scale, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "cache_root", lambda: tmp_path / "empty")
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(fetch.MnistUnavailableError, match="python -m labcode fetch"):
        list(run_missing([tiny, replace(tiny, seed=2_000, scale=scale)], tmp_path, workers=1))


def test_a_folder_that_is_there_and_takes_no_file_is_found_out_before_any_training(tiny, monkeypatch):
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(OSError, match="/proc/self"):  # not even the superuser makes a file there
        list(run_missing([tiny], Path("/proc/self"), workers=1))


def test_a_checkpoint_that_cannot_be_written_is_a_sentence(tiny, tmp_path):
    (tmp_path / sweep.UNFINISHED).write_text("in the way")
    with pytest.raises(
        CheckpointError, match=rf"The checkpoint {tiny.name}.* cannot be written to {tmp_path}.*: File exi"
    ):
        list(run_missing([tiny], tmp_path, workers=1))


@pytest.mark.parametrize("in_the_way", [Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["folder", "link"])
def test_what_has_a_records_name_and_is_none_is_refused_before_any_training(tiny, tmp_path, monkeypatch, in_the_way):
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    in_the_way(path_of(tiny, tmp_path))
    with pytest.raises(RecordError, match=f"^The archive {tiny.setting}.jsonl.gz (cannot be read|is a link)"):
        list(run_missing([tiny], tmp_path, workers=1))
