"""What a page shows of the records is what the records say."""

import re

import numpy as np
import pytest
from scipy import stats

from labcode import figures, reports
from labcode.ablations import HIDDEN_UNITS


@pytest.fixture(scope="module")
def by_seed():
    return HIDDEN_UNITS.records()


def test_the_table_holds_means_and_intervals(by_seed):
    lines = reports.error_table(HIDDEN_UNITS).data.splitlines()
    assert len(lines) == 2 + len(HIDDEN_UNITS.levels)
    for line, level in zip(lines[2:], HIDDEN_UNITS.levels, strict=True):
        shown = [float(number) for number in re.findall(r"-?\d+\.\d+", line)]
        best = [100 * min(records[level].history.validation.errors) / 1_800 for records in by_seed]
        expected = stats.ttest_1samp(best, 0).confidence_interval(0.95)
        assert shown[-3:] == pytest.approx([np.mean(best), expected.low, expected.high], abs=0.006)


def test_the_curves_are_the_records(by_seed):
    curves = {"128": tuple(np.array([r[128].history.train.percent for r in by_seed]) for _ in range(2))}
    training, validation = reports.learning_curves(curves, "width").axes
    (line,) = training.get_lines()
    expected = np.mean([np.array(r[128].history.train.errors) / 18 for r in by_seed], axis=0)
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert validation.get_legend().get_title().get_text() == "width"
    assert training.get_ylim() == validation.get_ylim()


def test_an_ablation_is_shown_with_tier_seeds_and_command(monkeypatch, by_seed):
    shown = []
    monkeypatch.setattr(
        figures, "display", lambda data, **options: shown.append((data, options["metadata"]["labcode"]))
    )
    reports.show_ablation(HIDDEN_UNITS)
    ((_, text),) = shown
    assert text["caption"].startswith(f"**Recorded**: {len(by_seed)} seeds, 15 epochs")
    assert "`python -m labcode run hidden_units`" in text["caption"]
    final = np.mean([records[16].history.validation.percent[-1] for records in by_seed])
    assert f"to {final:.2f}%; width 32" in text["alt"]
