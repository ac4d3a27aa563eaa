"""tools/curves.py puts into the site what the records of whole ablations say, and nothing of others."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import curves  # noqa: E402  (found by the line above)

from labcode.pages import curves_csv  # noqa: E402
from labcode.study import RECORDS  # noqa: E402
from labcode.study.ablation import LEARNING_RATES  # noqa: E402


def building(site):
    """What a build of the site tells its extensions."""
    return SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=site)


@pytest.fixture
def records(tmp_path):
    """A folder that holds all runs of the learning rates, and no others."""
    folder = tmp_path / "records"
    folder.mkdir()
    for experiment in LEARNING_RATES.experiments():
        (folder / f"{experiment.name}.json").write_bytes((RECORDS / f"{experiment.name}.json").read_bytes())
    return folder


def test_ablations_whose_runs_are_all_recorded_are_written(tmp_path, records):
    curves.write(tmp_path, records)
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "curves").iterdir()}
    assert written == {"learning_rates.csv": curves_csv(LEARNING_RATES)}


def test_a_damaged_record_stops_the_build(tmp_path, records, monkeypatch):
    next(records.iterdir()).write_text("nonsense")
    monkeypatch.setattr(curves.write, "__defaults__", (records,))
    with pytest.raises(ExtensionError, match="is damaged"):
        curves.write_after_build(building(tmp_path), None)


def test_a_build_that_failed_gets_nothing(tmp_path):
    curves.write_after_build(building(tmp_path), ValueError())
    assert not (tmp_path / "curves").exists()
