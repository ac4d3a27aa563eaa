"""Memory is measured in a process of its own."""

import json
import os
import sys

import pytest

from labcode.bench import memory

SMALL = {"width": 1, "hidden": 4, "batch_size": 200, "epochs": 4, "measured_every": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_takes_its_images_and_the_framework():
    images = 16_000 * 32 * 32 * 4 / 2**20  # training, validation, test: single precision
    assert images < memory.peak_megabytes(SMALL) < 3_000


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(ValueError, match="Unknown setting 'depth'"):
        memory.peak_megabytes({"depth": 2})


def test_an_error_in_the_new_process_is_raised_here():
    with pytest.raises(ValueError, match="invalid literal"):
        memory.in_new_process(int, "no number")


def test_a_new_process_that_dies_is_reported():
    with pytest.raises(RuntimeError, match="terminated abruptly"):
        memory.in_new_process(os._exit, 9)


def test_what_is_measured_is_printed_as_json(monkeypatch, capsys):
    monkeypatch.setattr(memory, "peak_megabytes", lambda settings: 100.0 + len(settings))
    memory.main()
    measured = json.loads(capsys.readouterr().out)
    assert measured["baseline"] == 100
    assert list(measured) == ["baseline", "baseline, all images", "final model"]
