"""tools/extensions/downloads.py: a build writes scripts, curves, the student edition and teachers' sheets."""

import re
from types import SimpleNamespace

import downloads
import pytest
from chapters.key import answer_key
from chapters.student import student_edition
from slides import decks
from sphinx.errors import ExtensionError

from labcode.pages import curves, curves_csv
from labcode.study import RECORDS
from labcode.study.lab.learning_rate import LEARNING_RATES
from labcode.study.records import read, read_all, save


def building(site, *pages):
    """What a build of the site tells its extensions."""
    return SimpleNamespace(
        builder=SimpleNamespace(name="html"), outdir=site, env=SimpleNamespace(found_docs=set(pages))
    )


@pytest.fixture
def records(tmp_path):
    """A folder that holds all runs of the learning rates, and no others."""
    folder = tmp_path / "records"
    for experiment in LEARNING_RATES.experiments():
        save(read(experiment), folder)
    return folder


def test_curves_are_written_for_ablations_whose_runs_are_all_recorded(tmp_path, records):
    downloads.write_curves(tmp_path, records)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.csv")}
    assert written == {"learning_rates.csv": curves_csv(LEARNING_RATES)}


def test_the_curves_of_each_study_are_written_under_a_name_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "ABLATIONS", {"learning_rates": LEARNING_RATES})
    monkeypatch.setattr(downloads, "curves_csv", lambda ablation, _: f"{ablation.seeds}")
    downloads.write_curves(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.csv")} == {
        "learning_rates.csv": "range(100, 103)",
        "learning_rates-own-16.csv": "range(1000, 1016)",
    }


def test_every_archive_that_a_figure_names_is_beside_the_curves(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(curves, "show", lambda figure, **text: shown.update(text))
    curves.show_ablation(LEARNING_RATES)
    names = re.findall('<a href="../records/(.+?)" download>', shown["caption"])
    assert len(names) == len(LEARNING_RATES.levels)
    downloads.write_archives(tmp_path)
    assert all((tmp_path / name).read_bytes() == (RECORDS / name).read_bytes() for name in names)
    assert len(list(tmp_path.iterdir())) == len({record.experiment.setting for record in read_all()})


def test_a_damaged_record_stops_the_build(tmp_path, records, monkeypatch):
    next(records.glob("*.jsonl.gz")).write_text("nonsense")
    monkeypatch.setattr(downloads.write_curves, "__defaults__", (records,))
    with pytest.raises(ExtensionError, match="is damaged"):
        downloads.write_downloads(building(tmp_path / "site"), None)


def test_a_build_gets_scripts_and_the_student_edition_unless_it_failed(tmp_path, records, monkeypatch):
    monkeypatch.setattr(downloads.write_curves, "__defaults__", (records,))
    site = tmp_path / "site"
    downloads.write_downloads(building(site, "mnist/data"), ValueError("the build failed"))
    assert not site.exists()
    downloads.write_downloads(building(site, "mnist/data"), None)
    assert (site / "student-edition.zip").read_bytes() == student_edition()
    assert (site / "teaching/answer-key.html").read_text(encoding="utf-8") == answer_key()
    for name, text in decks().items():
        assert (site / "teaching" / name).read_text(encoding="utf-8") == text
    script = (site / "_sources/mnist/data.py").read_text(encoding="utf-8")
    compile(script, "data.py", "exec")
    assert "from labcode" in script
