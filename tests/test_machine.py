"""What is said of the processor, against what the system and PyTorch say themselves."""

import platform
from pathlib import Path

import pytest
import torch

from labcode.machine import processor, processor_name, vectors

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC: 9R14\nprocessor\t: 1\nmodel name\t: another\n"


@pytest.fixture(autouse=True)
def asked_anew():
    processor_name.cache_clear()
    yield
    processor_name.cache_clear()


def test_the_name_is_the_first_that_linux_tells(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: {"/proc/cpuinfo": CPUINFO}[str(path)])
    assert processor_name() == "AMD EPYC: 9R14"


@pytest.mark.parametrize(("known", "name"), [("GenuineIntel", "GenuineIntel"), ("", "arm64")])
@pytest.mark.parametrize("cpuinfo", ["processor\t: 0\n", None])
def test_where_linux_does_not_tell_python_is_asked(monkeypatch, cpuinfo, known, name):
    def read_text(path):
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: known)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert processor_name() == name


def test_the_vectors_stand_beside_the_name():
    assert vectors() == torch.backends.cpu.get_cpu_capability()
    assert processor() == f"{processor_name()}, {vectors()}"
