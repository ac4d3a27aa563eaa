"""The installable package: what the wheel holds, and that it trains in a folder that knows nothing of the project."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 8 * 2**20  # bytes
SOMEBODY_ELSES_NOTEBOOK = """
import sys
from pathlib import Path

import labcode
from labcode.network import ConvNet, ConvNetConfig
from labcode.data import load
from labcode.seeds import stream
from labcode.training import Recipe, train

assert Path(labcode.__file__).is_relative_to(sys.argv[1]), labcode.__file__
images = load("tenth", seed=0)
assert (len(images.train), len(images.validation)) == (4200, 1800)
net = ConvNet(ConvNetConfig(width=2, hidden=8), stream(0, "initial weights"))
history = train(net, images.first(200, 100), Recipe(epochs=1), seed=0, progress=False)
print(len(history.validation.errors), history.diverged)
"""


def pip(*arguments, folder):
    command = [sys.executable, "-m", "pip", *arguments, "--no-deps", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing of it stays in the project."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "labcode", source / "labcode", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", str(source), "--no-build-isolation", "--wheel-dir", str(built), folder=built)
    (found,) = built.glob("labcode-*.whl")
    return found


def test_wheel_is_small_and_holds_every_file_of_the_package(wheel):
    assert wheel.stat().st_size < LARGEST
    here = [path for path in (ROOT / "labcode").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    expected = {path.relative_to(ROOT).as_posix() for path in here}
    assert {
        "labcode/data/tenth.npz",
        "labcode/pages/stepper.js",
        "labcode/pages/stepper.css",
        "labcode/py.typed",
    } <= expected
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected


def test_wheel_trains_far_from_the_project(wheel, tmp_path):
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip("install", str(wheel), "--target", str(installed), folder=elsewhere)
    # What it needs comes from this environment; labcode itself from the wheel alone.
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{SOMEBODY_ELSES_NOTEBOOK}"
    command = [sys.executable, "-c", code, str(installed)]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 False\n"
