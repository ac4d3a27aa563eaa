"""The lock files: the pinned versions, each with its SHA-256, in the file that TORCH_INDEX needs it in."""

import re

import pytest
from lock import ENTRY, ROOT, split

FILES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "torch.lock")}
LOCKED = {entry["name"]: entry["version"] for text in FILES.values() for entry in ENTRY.finditer(text)}


def pins(name):
    """The pins of a file of requirements and of those that it includes, as the lock writes their names."""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([\w.-]+)==(\S+)", line):
            yield re.sub(r"[-_.]+", "-", pin[1]).lower(), pin[2]
        elif included := re.match(r"-[rc] (\S+)", line):
            yield from pins(included[1])


def test_every_pin_is_locked_and_nothing_else():
    pinned = dict(pins("requirements.txt"))
    ours = {name: version for name, version in LOCKED.items() if name in pinned}
    assert ours == pinned
    # PyTorch pins its own CUDA libraries, and some packages are for other systems or Pythons only.
    rest = {name for name in LOCKED if name not in pinned and not re.match("(nvidia|cuda)-", name)}
    text = "".join(FILES.values())
    assert [name for name in rest if not re.search(rf"^{name}==\S+ ;", text, re.MULTILINE)] == []


def test_torch_s_own_files_are_apart():
    assert split("".join(FILES.values())) == FILES
    assert {"torch", "torchvision"} <= {entry["name"] for entry in ENTRY.finditer(FILES["torch.lock"])}
    assert "nvidia" not in FILES["requirements.lock"]


@pytest.mark.parametrize("name", FILES)
def test_every_entry_has_its_sha256(name):
    lines = FILES[name].splitlines()
    entries = [line for line in lines if "==" in line and not line.startswith("#")]
    assert len(entries) == len(ENTRY.findall(FILES[name]))
    others = [line for line in lines if line not in entries and not line.startswith("#")]
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in others)
