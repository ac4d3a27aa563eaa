"""The processor's name and vector instructions, compared with what the system and PyTorch report."""

import platform
from pathlib import Path

import pytest
import torch

from labcode.machine import processor, processor_name, vectors

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC: 9R14\nprocessor\t: 1\nmodel name\t: another\n"


@pytest.fixture(autouse=True)
def uncached():
    processor_name.cache_clear()
    yield
    processor_name.cache_clear()


def test_on_linux_the_first_model_name_is_returned(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: {"/proc/cpuinfo": CPUINFO}[str(path)])
    assert processor_name() == "AMD EPYC: 9R14"


@pytest.mark.parametrize(("known", "name"), [("GenuineIntel", "GenuineIntel"), ("", "arm64")])
@pytest.mark.parametrize("cpuinfo", ["processor\t: 0\n", None])
def test_without_a_model_name_python_gives_the_name(monkeypatch, cpuinfo, known, name):
    def read_text(path, encoding):
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: known)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert processor_name() == name


def test_the_vector_instructions_follow_the_name():
    assert vectors() == torch.backends.cpu.get_cpu_capability()
    assert processor() == f"{processor_name()}, {vectors()}"
