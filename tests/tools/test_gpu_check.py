"""tools/gpu_check.py: every step of it, at toy size on the CPU; what makes it fail."""

import json
import zipfile

import gpu_check
import pytest

from labcode.study.records import read_all


def check(folder, *options):
    return gpu_check.main(["--toy", "--out", str(folder), *options])


def test_every_step_is_done_and_written_and_a_second_call_repeats_none(tmp_path):
    assert check(tmp_path) == 0
    found = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert set(found) == {"machine", "equality", "neighbours", "bench", "kernels", "searches", "study"}
    assert not any("error" in step for step in found.values())
    peers = found["bench"]["baseline, peers"]
    assert all(isinstance(us, float) for name, us in peers.items() if name != "JAX, vmap")
    assert found["study"]["settings"] == 19
    assert found["study"]["settings timed"] == 2
    packed = sorted(tmp_path.glob("*.zip"))
    assert [path.stem.removeprefix("study-") for path in packed] == sorted(found["study"]["setting seconds"])
    for path in packed:
        with zipfile.ZipFile(path) as file:
            file.extractall(tmp_path / "records")
    assert len(read_all(tmp_path / "records")) == 2 * 3
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
