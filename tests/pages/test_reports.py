"""What a page shows of the records is what the records say."""

import csv
import io
import json
import re
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from scipy import stats

from labcode.pages import figures, reports
from labcode.study import ABLATIONS, CLAIMS, RECORDS, Ablation, Record, ledger
from labcode.study.ablation import FINAL_RUNS, HIDDEN_UNITS, LEARNING_RATES
from labcode.study.measures import final, of
from labcode.study.records import save
from labcode.study.statistics import VERDICTS
from labcode.training import ErrorCurve, History

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


def test_the_table_holds_means_and_intervals(by_seed):
    lines = reports.error_table(GRID).data.splitlines()
    assert len(lines) == 2 + len(GRID.levels)
    for line, label in zip(lines[2:], GRID.levels, strict=True):
        shown = [float(number) for number in re.findall(r"-?\d+\.\d+", line)]
        best = percent(by_seed, label, "validation").min(axis=1)
        expected = stats.ttest_1samp(best, 0).confidence_interval(0.95)
        assert shown[0] == float(label)
        assert shown[-3:] == pytest.approx([np.mean(best), expected.low, expected.high], abs=0.006)


def test_means_by_rate_are_those_of_the_repetitions():
    means = reports.means_by_rate(HIDDEN_UNITS, of("validation", final), (1 / 3, 1, 3))
    assert list(means) == ["0.001", "0.003", "0.009"]
    for rate, prefix in (("0.001", "learning_rate=0.001_"), ("0.003", ""), ("0.009", "learning_rate=0.009_")):
        files = [RECORDS / f"width=128_{prefix}seed={seed}.json" for seed in range(3)]
        ends = [json.loads(file.read_text())["measured"]["validation"]["errors"][-1] / 18 for file in files]
        assert means[rate]["128"] == pytest.approx(np.mean(ends))


def test_each_level_has_its_lowest_rate_in_bold():
    table = reports.rate_table("width", {"0.1": {"a": 3.0, "b": 1.0}, "0.2": {"a": 2.0, "b": 4.0}}).data
    assert re.findall(r"\*\*(\S+)\*\*", table) == ["1.00", "2.00"]


def test_the_curves_are_the_records(by_seed):
    training, validation = reports.learning_curves(by_seed, ("train", "validation"), "rate").axes
    for ax, part in ((training, "train"), (validation, "validation")):
        for line, label in zip(ax.get_lines(), GRID.levels, strict=True):
            np.testing.assert_allclose(line.get_ydata(), percent(by_seed, label, part).mean(axis=0))
            assert line.get_xdata().tolist() == list(range(1, 21))
    assert validation.get_legend().get_title().get_text() == "rate"
    assert training.get_ylim() == validation.get_ylim()


def test_the_scale_spends_no_room_on_errors_that_nobody_makes(by_seed):
    both = reports.learning_curves(by_seed, ("train", "validation"), "rate").axes
    (alone,) = reports.learning_curves(by_seed, ["validation"], "rate").axes
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


def test_curves_against_a_cost_stand_where_it_was_spent(by_seed):
    (ax,) = reports.learning_curves(by_seed, ["train"], "rate", cost="gradients").axes
    assert ax.get_lines()[0].get_xdata().tolist() == [4_200 * epoch for epoch in range(1, 21)]
    assert ax.get_xscale() == "log"


def test_curves_measured_seldom_stand_at_their_epochs(by_seed):
    records = [
        {"x": replace(r["0.003"], experiment=r["0.003"].experiment.vary(batch_size=100, epochs=200, measured_every=10))}
        for r in by_seed
    ]
    (ax,) = reports.learning_curves(records, ["train"], "rate").axes
    assert ax.get_lines()[0].get_xdata().tolist() == list(range(10, 201, 10))


def test_the_numbers_to_download_are_the_records(by_seed):
    rows = list(csv.DictReader(io.StringIO(reports.curves_csv(GRID))))
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
    """A run that has diverged in its third epoch."""
    whole = by_seed[0]["0.01"]
    history = whole.history
    cut = {part: replace(getattr(history, part), errors=getattr(history, part).errors[:2]) for part in reports.PARTS}
    cut |= {"gradients": history.gradients[:2], "seconds": history.seconds[:2], "diverged": True}
    return replace(whole, history=replace(history, **cut))


def test_a_run_that_diverged_is_drawn_against_epochs_alone(diverged):
    reports.learning_curves([{"0.01": diverged}], ["train"], "learning rate")
    with pytest.raises(ValueError, match=r"learning_rate=0\.01_seed=100 has diverged and spent no minibatch gradients"):
        reports.learning_curves([{"0.01": diverged}], ["train"], "learning rate", cost="gradients")


def test_a_run_that_diverged_is_downloaded_as_the_figure_shows_it(diverged, monkeypatch):
    history = diverged.history
    monkeypatch.setattr(Ablation, "records", lambda self, folder: [dict.fromkeys(self.levels, diverged)])
    rows = list(csv.reader(io.StringIO(reports.curves_csv(GRID))))
    assert len(rows) == 1 + len(GRID.levels) * 20
    assert rows[2][3:5] == [str(history.gradients[1]), str(history.seconds[1])]
    assert all(row[3:] == ["", "", "90.0", "90.0"] for row in rows[3:21])


def test_an_ablation_is_shown_with_tier_seeds_and_command(shown, by_seed):
    reports.show_ablation(GRID)
    ((_, text),) = shown
    assert text["caption"].startswith("**Recorded**: 3 seeds, 20 epochs")
    assert "`python -m labcode run learning_rates`" in text["caption"]
    assert '<a href="../curves/learning_rates.csv" download>' in text["caption"]
    assert "one line a level: learning rate 0.0003, 0.001, 0.003, 0.01. " in text["alt"]
    mean = percent(by_seed, "0.001", "validation").mean(axis=0)
    assert f"0.001: training from {percent(by_seed, '0.001', 'train').mean(axis=0)[0]:.2f}%" in text["alt"]
    assert f"validation from {mean[0]:.2f}% to {mean[-1]:.2f}%; 0.003" in text["alt"]
    assert text["name"] == "fig-learning-rates"


def test_the_parts_of_a_figure_can_stand_apart(shown):
    reports.show_ablation(GRID, "train")
    reports.show_ablation(GRID, "validation")
    reports.show_ablation(GRID, "train", cost="seconds")
    assert [text["name"] for _, text in shown] == [
        "fig-learning-rates-train",
        "fig-learning-rates-validation",
        "fig-learning-rates-train-seconds",
    ]
    assert "validation" not in shown[0][1]["alt"]


def lines_of(count):
    return {str(line): ([1, 2], np.full((1, 2), 1.0 + line)) for line in range(count)}


def test_every_line_is_drawn_or_none():
    most = len(figures.PALETTE)
    assert max(len(ablation.levels) for ablation in ABLATIONS.values()) <= most
    (ax,) = figures.panels(1)[1]
    reports.draw_errors(ax, lines_of(most))
    assert [line.get_label() for line in ax.get_lines()] == list(lines_of(most))
    with pytest.raises(ValueError, match=f"There are {most + 1} lines; {most} at most can be told apart"):
        reports.draw_errors(ax, lines_of(most + 1))


def test_rules_are_shown_as_they_decide():
    text = reports.show_rules("C08", "C09").data
    for claim in (CLAIMS["C08"], CLAIMS["C09"]):
        assert claim.sentence in text
        assert all(part.rule in text for part in claim.parts)


def test_a_claim_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="Unknown claim 'C99'; accepted are C01, "):
        reports.show_rules("C01", "C99")


def test_what_made_the_records(by_seed):
    sentence = reports.made_by(GRID).data
    hours = sum(r.history.total_seconds for records in by_seed for r in records.values()) / 3600
    assert "12 runs" in sentence
    assert "`hand`" in sentence
    assert f"{hours:.1f} hours" in sentence


def test_an_ablation_without_records_says_how_to_make_them():
    unrun = Ablation("unrun", "0", (), "width", {"3": {"width": 3}}, seeds=range(2))
    with pytest.raises(RuntimeError, match="no record width=3_seed=0"):
        reports.error_table(unrun)


# Claims at a glance


def recorded(experiment, test):
    """The record of a run that misses ``test`` of the 10 000 test images, and 20 of all training images."""
    epochs = experiment.recipe.epochs
    history = History(
        online=ErrorCurve((900,) * epochs, 42_000),
        train=ErrorCurve((1,) * epochs, 1_800),
        validation=ErrorCurve((100,) * epochs, 18_000),
        diverged=False,
        gradients=tuple(range(1, epochs + 1)),
        seconds=(1.0,) * epochs,
        total_seconds=1.0,
    )
    return Record(experiment, history, ErrorCurve((test,), 10_000), {"engine": "none"}, ErrorCurve((20,), 42_000))


@pytest.fixture
def final_runs(tmp_path):
    """A folder with final models that miss 40, 46, 52 and so on of the test images."""
    for seed in FINAL_RUNS.seeds:
        save(recorded(FINAL_RUNS.experiment("final", seed), test=40 + 6 * seed), tmp_path)
    return tmp_path


@pytest.fixture
def decided(monkeypatch):
    """A claim in each state, whatever the records are."""
    states = {
        "C01": ("reproduced", True),
        "C02": ("not distinguishable", False),
        "C03": ("contradicted", None),
        "C04": ("partly", True),
    }

    def entry_of(claim, folder):
        row = ledger.Entry(claim.id, "claim", claim.section, claim.sentence, "pending", "mnist/data")
        if claim.id not in states:
            return row
        verdict, robust = states[claim.id]
        return replace(row, verdict=verdict, robust=robust, effect=1.5, low=1.0, high=2.0, unit="epochs", seeds=8)

    monkeypatch.setattr(reports, "entry_of", entry_of)


def test_a_card_says_what_became_of_its_claim(decided):
    text = reports.claim_cards("C01", "C02", "C03", "C04", "C05").data
    for name in ("C01", "C02", "C03", "C04", "C05"):
        assert CLAIMS[name].sentence in text
        assert f"[{name} in the ledger](/appendix/ledger)" in text
    assert text.count("**+1.50 (+1.00 to +2.00) epochs**") == 4
    assert [line for line in text.splitlines() if line.startswith("8 seeds")] == [
        "8 seeds, robust",
        "8 seeds, not robust",
        "8 seeds, not checked in full yet",
        "8 seeds, robust",
    ]
    assert text.count("Not all of its runs are recorded yet") == 1
    assert re.findall(r"\[([a-z ]+)\]\{\.verdict \.verdict-([a-z-]+)\}", text) == [
        ("reproduced", "reproduced"),
        ("not distinguishable", "not-distinguishable"),
        ("contradicted", "contradicted"),
        ("partly", "partly"),
        ("pending", "pending"),
    ]


def test_all_claims_have_a_card_that_leads_to_their_page():
    text = reports.claim_cards().data
    claims = [row for row in ledger.entries() if row.kind == "claim"]
    assert re.findall(r"\{grid-item-card\} (C\d\d) \[(.+)\]\{", text) == [(row.id, row.verdict) for row in claims]
    assert re.findall(r"\[How (C\d\d) is decided\]\(/(.+)\)", text) == [(row.id, row.page) for row in claims]


def test_a_card_reads_the_records_of_its_own_claim_alone(tmp_path):
    """Else every chapter would be stale whenever any run is recorded."""
    for experiment in HIDDEN_UNITS.experiments():
        source = RECORDS / f"{experiment.name}.json"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "stages=1_seed=0.json").write_text("nonsense")
    assert ledger.entry_of(CLAIMS["C01"]).effect_with_interval in reports.claim_cards("C01", folder=tmp_path).data
    with pytest.raises(RuntimeError, match="is damaged"):
        reports.claim_cards("C03", folder=tmp_path)


def test_every_verdict_has_its_sign_in_the_style_sheet():
    css = (RECORDS.parent / "_assets" / "book.css").read_text(encoding="utf-8")
    signs = re.findall(r"\.verdict(-[a-z-]+)?::before \{\n  content: \"(.)\";\n  content: \"\2\" / \"\";", css)
    assert len({sign for _, sign in signs}) == len(signs) == len(VERDICTS) + 1
    assert {name[1:].replace("-", " ") for name, _ in signs if name} == set(VERDICTS)


def test_no_claim_of_that_name_has_a_card():
    with pytest.raises(ValueError, match="Unknown claim 'Q1'; accepted are C01, "):
        reports.claim_cards("Q1")


def test_the_headline_before_the_final_model_is_recorded(tmp_path):
    text = reports.headline(tmp_path).data
    assert "[99.54%]{.headline-number}" in text
    assert "will stand here" in text
    assert text.count("headline-number") == 1
    assert "17 claims of the lab: [17 pending]{.verdict .verdict-pending}" in text


def test_the_headline_once_it_is(final_runs):
    text = reports.headline(final_runs).data
    accuracy = [99.60 - 0.06 * seed for seed in FINAL_RUNS.seeds]
    expected = stats.ttest_1samp(accuracy, 0).confidence_interval(0.95)
    ours = f"[{np.mean(accuracy):.2f}%]{{.headline-number}} in this book, the mean over {len(accuracy)} seeds"
    assert ours in text.split("\n\n")[1]
    assert f"(95% interval {expected.low:.2f}% to {expected.high:.2f}%)" in text
    verdict = ledger.entry_of(CLAIMS["C17"], final_runs).verdict
    assert f"[{verdict}]{{.verdict" in text.split(":::{div} totals")[0]
    assert "will stand here" not in text
    assert "[16 pending]" in text


# The reproducibility report


@pytest.fixture(scope="module")
def report():
    """The page as its reader sees it: prose and what its cells show."""
    notebook = nbformat.read(RECORDS.parent / "appendix" / "report.ipynb", as_version=4)
    shown = [output["data"]["text/markdown"] for cell in notebook.cells for output in cell.get("outputs", [])]
    return notebook, "\n".join(shown)


def test_every_item_of_the_checklist_is_answered_with_a_link(report):
    notebook, shown = report
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown") + "\n" + shown
    items = re.findall(r"^- \*\*([^*]+)\.\*\* (.*(?:\n  .*)*)", text, flags=re.MULTILINE)
    items = [item for item in items if item[0] not in CLAIMS]
    assert len(items) == 3 + 2 + 5 + 5 + 6  # models, theory, data, code, results: version 2.0
    assert [name for name, answer in items if not re.search(r"\]\(/|\{(doc|ref)\}`", answer)] == []


def test_every_claim_has_its_result_in_the_report(report):
    _, shown = report
    for claim in CLAIMS.values():
        assert f"- **{claim.id}** (lab section {claim.section}). {claim.sentence}" in shown
        (result,) = (line for line in shown.splitlines() if line.startswith(f"| [{claim.id}](/"))
        assert re.search(rf"\*\*({'|'.join(VERDICTS)})\*\*|pending: \d+ of \d+ runs recorded", result)
