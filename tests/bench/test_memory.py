"""Memory: measured in a process of its own, which knows nothing of what this one holds."""

import sys

import pytest

from labcode.bench import memory
from labcode.bench.memory import peak_megabytes

SMALL = {"width": 1, "hidden": 4, "batch_size": 200, "epochs": 4, "measured_every": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_a_run_takes_what_its_images_take_and_the_framework():
    images = 16_000 * 32 * 32 * 4 / 2**20  # training, validation, test: single precision
    assert images < peak_megabytes(SMALL) < 3_000


def test_a_wrong_setting_is_refused_by_name():
    with pytest.raises(ValueError, match="Unknown setting 'depth'"):
        peak_megabytes({"depth": 2})


def test_a_process_that_fails_is_a_sentence(monkeypatch):
    monkeypatch.setattr(memory, "MEASURE", "raise OSError('no images')")
    with pytest.raises(RuntimeError, match="that was to be measured failed: OSError: no images"):
        peak_megabytes(SMALL)


def test_a_process_that_is_killed_without_a_word_is_a_sentence_too(monkeypatch):
    monkeypatch.setattr(memory, "MEASURE", "import os; os._exit(9)")
    with pytest.raises(RuntimeError, match="it ended with code 9 and said nothing"):
        peak_megabytes(SMALL)
