"""The installable package: what the wheel holds, and that it trains in a folder that knows nothing of the project."""

import os
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

installed, *absent = sys.argv[1:]
sys.path.insert(0, installed)
sys.modules |= dict.fromkeys(absent)  # importing them raises ImportError

import labcode
from sympy import cos, sin, symbols
from labcode.data import load
from labcode.derivation import Partial, Step, derive, judge
from labcode.network import ConvNet, ConvNetConfig, weights
from labcode.seeds import stream
from labcode.training import Recipe, train

assert Path(labcode.__file__).is_relative_to(installed), labcode.__file__
x = symbols("x", real=True)
print(derive("double", sin(2 * x), Step(2 * sin(x) * cos(x), "addition theorem")))
judge(2 * sin(x) * cos(x), Partial(sin(x) ** 2, x))
images = load("tenth", seed=0)
assert (len(images.train), len(images.validation)) == (4200, 1800)
net = ConvNet(ConvNetConfig(width=2, hidden=8), stream(0, "initial weights"))
history = train(net, images.first(200, 100), Recipe(epochs=1), seed=0, progress=False)
print(len(history.validation.errors), history.diverged, weights.load().net.config.width)
"""
BROUGHT_BY_THE_BOOK = ("IPython", "matplotlib", "PIL", "tabulate", "torchvision", "jsonschema", "distributed")


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
        f"labcode/{name}" for name in ("data/tenth.npz", "pages/stepper.js", "pages/stepper.css", "py.typed")
    } < expected
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    pip("install", str(wheel), "--target", str(folder), folder=folder)
    return folder


def python(*arguments, folder, **environment):
    """Run Python where nothing but the wheel and what it depends on can be found."""
    command = [sys.executable, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_wheel_derives_judges_and_trains_without_what_only_the_book_needs(installed, tmp_path):
    done = python("-c", SOMEBODY_ELSES_NOTEBOOK, str(installed), *BROUGHT_BY_THE_BOOK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, *_, judged, trained = done.stdout.splitlines()
    assert first.startswith("double: 1 step, each proved")
    assert judged == "Right: 2*sin(x)*cos(x), proved."
    assert trained == "1 False 128"


@pytest.mark.parametrize("command", ["claims", "verify", "run hidden_units", "compare ."])
def test_a_command_that_needs_the_book_says_so_outside_of_it(installed, tmp_path, command):
    before = sorted(installed.rglob("*"))
    done = python(
        "-m", "labcode", *command.split(), folder=tmp_path, PYTHONPATH=str(installed), PYTHONDONTWRITEBYTECODE="1"
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith(".")
    assert sorted(installed.rglob("*")) == before
