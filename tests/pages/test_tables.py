"""A table shows what the records say."""

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from labcode.pages import tables
from labcode.study import RECORDS, Ablation
from labcode.study.lab.batch_size import BATCH_SIZE
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.learning_rate import LEARNING_RATES
from labcode.study.lab.stages import STAGES
from labcode.study.measures import final_validation
from labcode.training import ErrorCurve

GRID = LEARNING_RATES  # complete since before the study


@pytest.fixture(scope="module")
def by_seed():
    return GRID.records()


def percent(by_seed, label, part):
    return np.array([np.array(getattr(r[label].history, part).errors) / 18 for r in by_seed])


def test_the_table_holds_means_and_intervals(by_seed):
    lines = tables.error_table(GRID).data.splitlines()
    assert len(lines) == 2 + len(GRID.levels)
    for line, label in zip(lines[2:], GRID.levels, strict=True):
        shown = [float(number) for number in re.findall(r"-?\d+\.\d+", line)]
        best = percent(by_seed, label, "validation").min(axis=1)
        half = stats.t.ppf(0.975, 2) * best.std(ddof=1) * np.sqrt(1 / 3 + 0.3 / 0.7)  # 3 seeds of the same images
        assert shown[0] == float(label)
        assert shown[-3:] == pytest.approx([np.mean(best), best.mean() - half, best.mean() + half], abs=0.006)


def test_in_study_2_the_table_has_the_error_on_unseen_images_too(by_seed, monkeypatch):
    tested = [{k: replace(r, unseen=ErrorCurve((540,), 54_000)) for k, r in records.items()} for records in by_seed]
    own = replace(GRID, common={"scale": "own"})
    monkeypatch.setattr(Ablation, "records", lambda *_: [{k: own_run(r) for k, r in each.items()} for each in tested])
    header, _, *rows = tables.error_table(own).data.splitlines()
    assert "54 000 unseen images" in header
    assert all("| 1.00 (1.00, 1.00)" in row for row in rows)


def own_run(record):
    return replace(record, experiment=replace(record.experiment, scale="own", seed=1000))


def test_a_table_of_levels_has_the_columns_that_change():
    header, _, *rows = tables.levels_table(STAGES).data.splitlines()
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [*tables.LEVEL][:-1]  # not the updates
    assert "| 1 608 714 " in rows[0]
    header, _, *rows = tables.levels_table(BATCH_SIZE).data.splitlines()
    assert [cell.strip() for cell in header.split("|")[1:-1]] == ["batch size", "updates per epoch"]
    assert [row.split("|")[2].strip() for row in rows] == ["4 200", "420", "140", "42"]


def test_means_by_rate_are_those_of_the_records():
    means = tables.means_by_rate(HIDDEN_UNITS, final_validation, (1 / 3, 1, 3))
    assert list(means) == ["0.001", "0.003", "0.009"]
    for rate, rest in (("0.001", "_learning_rate=0.001"), ("0.003", ""), ("0.009", "_learning_rate=0.009")):
        lines = gzip.decompress((RECORDS / f"width=128{rest}.jsonl.gz").read_bytes()).splitlines()[:3]
        ends = [json.loads(line)["measured"]["validation"]["errors"][-1] / 18 for line in lines]
        assert means[rate]["128"] == pytest.approx(np.mean(ends))


def test_the_lowest_error_of_each_level_is_bold():
    table = tables.rate_table("width", {"0.1": {"a": 3.0, "b": 1.0}, "0.2": {"a": 2.0, "b": 4.0}}).data
    assert re.findall(r"\*\*(\S+)\*\*", table) == ["1.00", "2.00"]


def test_a_sentence_says_what_made_the_records(by_seed):
    sentence = tables.made_by(GRID).text
    hours = sum(r.history.total_seconds for records in by_seed for r in records.values()) / 3600
    assert "12 runs" in sentence
    assert "`hand`" in sentence
    assert f"{hours:.1f} hours" in sentence


def test_an_ablation_without_records_says_how_to_make_them():
    unrun = Ablation("unrun", "0", (), "width", {"3": {"width": 3}}, seeds=range(2))
    with pytest.raises(RuntimeError, match="no record width=3_seed=0"):
        tables.error_table(unrun)
