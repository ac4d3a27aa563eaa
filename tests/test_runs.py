"""Records: named by what differs, whole or not at all, refused by name when unsound, trained once."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from labcode import runs
from labcode.convnet import ConvNetConfig
from labcode.runs import Experiment, RecordError, missing, read, run, run_missing, save
from labcode.training import ErrorCurve

TINY = Experiment(seed=0).vary("width", 1).vary("hidden", 4).vary("epochs", 1).vary("batch_size", 100)


@pytest.fixture(scope="module")
def record():
    return run(TINY, progress=False)


@pytest.fixture
def stored(record, tmp_path):
    return save(record, tmp_path)


def test_names_say_what_differs_from_the_baseline():
    assert Experiment(seed=2).name == "baseline_seed=2"
    assert TINY.name == "width=1_hidden=4_batch_size=100_epochs=1_seed=0"
    assert Experiment(1).vary("dropout", (0.5, 0, 0.5)).name == "dropout=0.5,0,0.5_seed=1"
    assert Experiment(0, scale="full").name == "scale=full_seed=0"


def test_bad_experiments_are_refused():
    with pytest.raises(ValueError, match="Unknown setting 'depth'; accepted are width, stages"):
        Experiment(0).vary("depth", 3)
    with pytest.raises(ValueError, match="Unknown data scale 'half'"):
        Experiment(0, scale="half")
    with pytest.raises(ValueError, match="seed is '1'; it must be a whole number"):
        Experiment("1")


def test_a_record_reads_back_as_it_was_written(record, stored):
    assert stored.name == f"{TINY.name}.json"
    again = read(TINY, stored.parent)
    assert again == replace(record, history=replace(record.history, seconds=round(record.history.seconds, 1)))
    assert stored.stat().st_size < 2_500


def test_a_record_says_what_made_it(record):
    assert set(record.provenance) >= {"engine", "labcode", "torch", "numpy", "python", "processor", "finished"}
    assert all(record.provenance.values())


def test_a_missing_record_is_named_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(RecordError, match=r"no record width=1_.*seed=0.json in .*`python -m labcode run`"):
        read(TINY, tmp_path)


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def resign(content):
    content["sha256"] = runs._digest(content["experiment"], content["measured"])


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["measured"]["validation"]["errors"].__setitem__(0, 7),
        lambda c: c["measured"]["test"]["errors"].__setitem__(0, 46),
        lambda c: c["experiment"]["network"].__setitem__("width", 2),
        lambda c: c["measured"].__setitem__("diverged", True),
        lambda c: c.__setitem__("sha256", "0" * 64),
    ],
)
def test_one_altered_number_is_noticed(stored, edit):
    change(stored, edit)
    with pytest.raises(RecordError, match=f"{TINY.name}.json was altered"):
        read(TINY, stored.parent)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["measured"].pop("validation"),
        lambda c: c["measured"]["train"].__setitem__("errors", [5000]),
        lambda c: c["measured"]["train"].__setitem__("errors", [0.5]),
        lambda c: c["experiment"]["network"].__setitem__("depth", 2),
        lambda c: c["experiment"]["network"].__setitem__("activation", "softplus"),
        lambda c: c["experiment"].pop("seed"),
    ],
)
def test_a_record_of_another_shape_is_refused_by_name(stored, edit):
    change(stored, lambda content: (edit(content), resign(content)))
    with pytest.raises(RecordError, match=f"{TINY.name}.json is damaged"):
        read(TINY, stored.parent)


def test_a_file_that_is_no_json_is_refused_by_name(stored):
    stored.write_text(stored.read_text()[:100])
    with pytest.raises(RecordError, match=f"{TINY.name}.json is damaged"):
        read(TINY, stored.parent)


def test_a_record_of_another_experiment_is_refused(record, stored):
    other = TINY.vary("epochs", 2)
    stored.rename(stored.with_name(f"{other.name}.json"))
    with pytest.raises(RecordError, match="is of another experiment"):
        read(other, stored.parent)


def test_a_setting_added_later_does_not_orphan_old_records(stored):
    """As if ``normalize`` were newer than the record: its default is what the record was made with."""

    def forget(content):
        del content["experiment"]["network"]["normalize"]
        resign(content)

    change(stored, forget)
    assert read(TINY, stored.parent).experiment == TINY


def test_dropout_survives_the_file(record, tmp_path):
    experiment = replace(TINY, network=ConvNetConfig(dropout=(0.5, 0, 0)))
    save(replace(record, experiment=experiment), tmp_path)
    assert read(experiment, tmp_path).experiment == experiment


def test_divergence_is_a_kind_of_record(record, tmp_path):
    short = ErrorCurve((), 1_800)
    history = replace(record.history, diverged=True, online=short, train=short, validation=short)
    save(replace(record, history=history), tmp_path)
    assert read(TINY, tmp_path).history.diverged


def test_only_what_is_missing_is_wanted_once_and_longest_first(stored):
    longer, longest = TINY.vary("epochs", 2), TINY.vary("epochs", 3)
    assert missing([TINY, longer, longest, longer], stored.parent) == [longest, longer]


def test_an_unsound_record_is_not_replaced_unasked(stored):
    change(stored, lambda content: content.__setitem__("sha256", ""))
    with pytest.raises(RecordError, match="was altered"):
        missing([TINY], stored.parent)


def test_the_number_of_workers_does_not_change_a_record(record, tmp_path):
    experiments = [TINY, TINY.vary("activation", "relu")]
    found = {}
    for workers in (1, 2):
        for made in run_missing(experiments, tmp_path / str(workers), workers):
            found.setdefault(made.experiment, []).append((made.history.online, made.history.validation, made.test))
    assert all(one == two for one, two in found.values())
    assert found[TINY][0] == (record.history.online, record.history.validation, record.test)


def test_a_killed_command_started_again_trains_only_what_is_missing(tmp_path):
    """Kill -9 after the first record; the second start keeps it, byte for byte, and adds the others."""
    code = (
        "from pathlib import Path\n"
        "from labcode.runs import Experiment, run_missing\n"
        "tiny = Experiment(0).vary('width', 1).vary('hidden', 4).vary('batch_size', 50)\n"
        "wanted = [tiny.vary('epochs', epochs) for epochs in (1, 2, 3)]\n"
        f"print(sum(1 for _ in run_missing(wanted, Path({str(tmp_path)!r}), 1)))\n"
    )
    command = [sys.executable, "-c", code]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert 1 <= len(kept) <= 3
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(again.stdout) == 3 - len(kept)
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert len(list(tmp_path.glob("*.json"))) == 3
