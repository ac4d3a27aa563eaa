"""Learning curves show what the records say."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from labcode.pages import curves, figures
from labcode.study import ABLATIONS, Ablation
from labcode.study.lab.learning_rate import LEARNING_RATES

GRID = LEARNING_RATES  # complete since before the study


@pytest.fixture(scope="module")
def by_seed():
    return GRID.records()


@pytest.fixture
def shown(monkeypatch):
    collected = []
    monkeypatch.setattr(
        figures, "display", lambda data, **options: collected.append((data, options["metadata"]["labcode"]))
    )
    return collected


def percent(by_seed, label, part):
    return np.array([np.array(getattr(r[label].history, part).errors) / 18 for r in by_seed])


def test_the_curves_are_the_records(by_seed):
    training, validation = curves.learning_curves(by_seed, ("train", "validation"), "rate").axes
    for ax, part in ((training, "train"), (validation, "validation")):
        for line, label in zip(ax.get_lines(), GRID.levels, strict=True):
            np.testing.assert_allclose(line.get_ydata(), percent(by_seed, label, part).mean(axis=0))
            assert line.get_xdata().tolist() == list(range(1, 21))
    assert validation.get_legend().get_title().get_text() == "rate"
    assert training.get_ylim() == validation.get_ylim()


def test_the_scale_covers_the_errors_that_occur_and_little_more(by_seed):
    both = curves.learning_curves(by_seed, ("train", "validation"), "rate").axes
    (alone,) = curves.learning_curves(by_seed, ["validation"], "rate").axes
    highest, lowest = (
        extreme(getattr(r.history, part).percent for by_level in by_seed for r in by_level.values() for part in parts)
        for extreme, parts in (
            (lambda curves: max(map(max, curves)), ("train", "validation")),
            (lambda curves: min(map(min, curves)), ("validation",)),
        )
    )
    for ax in both:
        assert ax.get_ylim() == pytest.approx((0, 1.2 * highest))
    assert lowest / 1.3 < alone.get_ylim()[0] < lowest
    for ax in (*both, alone):
        assert len(ax.get_yticks()) >= 4
        assert ax.get_ylim()[0] <= min(ax.get_yticks()) < max(ax.get_yticks()) <= ax.get_ylim()[1]
        assert all(tick == round(tick) for tick in ax.get_xticks())


def test_curves_against_gradients_are_drawn_at_the_number_of_gradients(by_seed):
    (ax,) = curves.learning_curves(by_seed, ["train"], "rate", cost="gradients").axes
    assert ax.get_lines()[0].get_xdata().tolist() == [4_200 * epoch for epoch in range(1, 21)]
    assert ax.get_xscale() == "log"


def test_curves_measured_every_tenth_epoch_are_drawn_at_those_epochs(by_seed):
    records = [
        {"x": replace(r["0.003"], experiment=r["0.003"].experiment.vary(batch_size=100, epochs=200, measured_every=10))}
        for r in by_seed
    ]
    (ax,) = curves.learning_curves(records, ["train"], "rate").axes
    assert ax.get_lines()[0].get_xdata().tolist() == list(range(10, 201, 10))


def test_the_csv_holds_the_numbers_of_the_records(by_seed):
    rows = list(csv.DictReader(io.StringIO(curves.curves_csv(GRID))))
    assert len(rows) == len(GRID.levels) * len(GRID.seeds) * 20
    read = {(row["learning rate"], int(row["seed"]), int(row["epoch"])): row for row in rows}
    for records in by_seed:
        for label, record in records.items():
            for epoch in range(1, 21):
                row, history = read[label, record.experiment.seed, epoch], record.history
                assert int(row["minibatch gradients"]) == history.gradients[epoch - 1]
                assert float(row["processor seconds"]) == history.seconds[epoch - 1]
                for part, column in (("train", "training error (%)"), ("validation", "validation error (%)")):
                    counted = getattr(history, part)
                    assert float(row[column]) * counted.images / 100 == pytest.approx(
                        counted.errors[epoch - 1], abs=0.01
                    )


@pytest.fixture
def diverged(by_seed):
    """A run that diverged in its third epoch."""
    whole = by_seed[0]["0.01"]
    history = whole.history
    cut = {part: replace(getattr(history, part), errors=getattr(history, part).errors[:2]) for part in curves.PARTS}
    cut |= {"gradients": history.gradients[:2], "seconds": history.seconds[:2], "diverged": True}
    return replace(whole, history=replace(history, **cut))


def test_a_diverged_run_is_drawn_against_epochs_only(diverged):
    curves.learning_curves([{"0.01": diverged}], ["train"], "learning rate")
    with pytest.raises(ValueError, match=r"learning_rate=0\.01_seed=100 diverged, with no minibatch gradients"):
        curves.learning_curves([{"0.01": diverged}], ["train"], "learning rate", cost="gradients")


def test_a_diverged_run_has_the_same_errors_in_the_csv_as_in_the_figure(diverged, monkeypatch):
    history = diverged.history
    monkeypatch.setattr(Ablation, "records", lambda self, folder: [dict.fromkeys(self.levels, diverged)])
    rows = list(csv.reader(io.StringIO(curves.curves_csv(GRID))))
    assert len(rows) == 1 + len(GRID.levels) * 20
    assert rows[2][3:5] == [str(history.gradients[1]), str(history.seconds[1])]
    assert all(row[3:] == ["", "", "90.0", "90.0"] for row in rows[3:21])


def test_a_caption_names_tier_seeds_and_command(shown, by_seed):
    curves.show_ablation(GRID)
    ((_, text),) = shown
    assert text["caption"].startswith("**Recorded**: 3 seeds, 20 epochs")
    assert "`python -m labcode run learning_rates`" in text["caption"]
    assert '<a href="../curves/learning_rates.csv" download>' in text["caption"]
    assert "one line per level: learning rate 0.0003, 0.001, 0.003, 0.01. " in text["alt"]
    mean = percent(by_seed, "0.001", "validation").mean(axis=0)
    assert f"0.001: training from {percent(by_seed, '0.001', 'train').mean(axis=0)[0]:.2f}%" in text["alt"]
    assert f"validation from {mean[0]:.2f}% to {mean[-1]:.2f}%; 0.003" in text["alt"]
    assert text["name"] == "fig-learning-rates"


def test_each_part_and_each_cost_is_a_figure_of_its_own(shown):
    curves.show_ablation(GRID, "train")
    curves.show_ablation(GRID, "validation")
    curves.show_ablation(GRID, "train", cost="seconds")
    assert [text["name"] for _, text in shown] == [
        "fig-learning-rates-train",
        "fig-learning-rates-validation",
        "fig-learning-rates-train-seconds",
    ]
    assert "validation" not in shown[0][1]["alt"]


def test_a_caption_of_study_2_names_its_seeds_and_its_command(shown, by_seed, monkeypatch):
    monkeypatch.setattr(Ablation, "records", lambda _: by_seed)
    curves.show_ablation(replace(GRID, seeds=range(1000, 1003), common={"scale": "own"}), "train")
    ((_, text),) = shown
    assert "`python -m labcode run learning_rates --scale own --seeds 1000:1003`" in text["caption"]
    assert 'href="../curves/learning_rates-own-3.csv"' in text["caption"]
    assert 'href="../records/scale=own.jsonl.gz"' in text["caption"]
    assert text["name"] == "fig-learning-rates-train-own"


def lines_of(count):
    return {str(line): ([1, 2], np.full((1, 2), 1.0 + line)) for line in range(count)}


def test_more_lines_than_colors_are_refused():
    most = len(figures.PALETTE)
    in_tables = ("in_the_page", "final_grid")  # whose levels no figure draws together
    drawn = [ablation for ablation in ABLATIONS.values() if ablation.name not in in_tables]
    assert max(len(ablation.levels) for ablation in drawn) <= most
    (ax,) = figures.panels(1)[1]
    curves.draw_errors(ax, lines_of(most))
    assert [line.get_label() for line in ax.get_lines()] == list(lines_of(most))
    with pytest.raises(ValueError, match=f"{most + 1} lines cannot be told apart; at most {most} can"):
        curves.draw_errors(ax, lines_of(most + 1))
