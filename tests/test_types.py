"""The types of labcode, checked by mypy with the settings in pyproject.toml."""

import tomllib
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_types_agree():
    report, trouble, code = api.run([])
    assert code == 0, report + trouble


def test_no_module_of_labcode_is_excluded():
    written_by_students, untyped = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    assert written_by_students == {"module": "labcode.network.mistakes", "disallow_untyped_defs": False}
    assert set(untyped) == {"module", "ignore_missing_imports"}
    assert not any(name.startswith("labcode") for name in untyped["module"])


def test_a_wrong_type_is_found(tmp_path):
    """The first test could not fail if labcode's types came out as Any."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from labcode.study.statistics import decide\n"
        "from labcode.study.experiment import Experiment\n"
        "Experiment(seed='3')\n"
        "decide([1.0, 2.0]).effect.upper()\n"
    )
    report, _, code = api.run(["--config-file", str(ROOT / "pyproject.toml"), str(wrong)])
    assert code == 1
    assert "wrong.py:3: error" in report
    assert "wrong.py:4: error" in report
    assert "Found 2 errors" in report
