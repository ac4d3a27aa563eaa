"""CONTRIBUTING.md, followed word for word on a copy of the project whose runs take a second."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from labcode.study.outcomes import LISTED

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = dict(
    re.findall(
        r"^## (.*?)\n(.*?)(?=^## |\Z)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
)
BLOCK = re.compile(r"^ *(`{3,})shell\n(.*?)^ *\1$\n?", re.DOTALL | re.MULTILINE)
# The baseline made tiny, so that training takes a second: instructions are tried here, nothing is measured.
TINY = {
    "labcode/network/config.py": ("width: int = 64", "width: int = 1"),
    "labcode/training/recipe.py": (
        "batch_size: int = 1\n    epochs: int = 20",
        "batch_size: int = 100\n    epochs: int = 1",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__", "*.ipynb", "records", "_assets")
    for name in ("labcode", "tools", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for name, (before, after) in TINY.items():
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after))
    return folder


def execute(command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def follow(section, folder):
    """Execute the section's commands one after the other; return what the last of them prints."""
    commands = [dedent(command) for _, command in BLOCK.findall(SECTIONS[section])]
    assert commands
    return [execute(command, folder) for command in commands][-1]


@pytest.mark.parametrize("section", ["Add a chapter", "Add an ablation", "Add a claim"])
def test_instructions_are_short(section):
    words = [line for line in BLOCK.sub("", SECTIONS[section]).splitlines() if line.strip()]
    assert 0 < len(words) < 10


def test_a_chapter_is_added(copy):
    follow("Add a chapter", copy)
    snapshot = json.loads((copy / "book/mnist/inverted.ipynb").read_text())
    printed = [output["text"] for cell in snapshot["cells"] for output in cell.get("outputs", [])]
    assert printed == [["The brightest pixel lies above the mean: True\n"]]
    order = yaml.safe_load((copy / "book/_toc.yml").read_text())
    part_two = [chapter["file"] for chapter in order["parts"][1]["chapters"]]
    assert part_two[part_two.index("mnist/training") + 1] == "mnist/inverted"
    execute("python tools/chapters --check mnist/inverted", copy)


def test_an_ablation_and_then_a_claim_are_added(copy):
    told = follow("Add an ablation", copy)
    assert "3 runs: 0 were there, 3 trained" in told
    told = follow("Add a claim", copy)
    assert re.search(r"^X01 +2\.2 +pending", told, re.MULTILINE)
    # With all its runs the claim has an outcome, whichever it is on runs as small as these.
    execute("python -m labcode run hidden_nodes", copy)
    told = execute("python -m labcode claims", copy)
    assert re.search(rf"^X01 +2\.2 +({'|'.join(outcome.words for outcome in LISTED)}) .* 8 ", told, re.MULTILINE)
