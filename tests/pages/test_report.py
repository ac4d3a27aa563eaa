"""The tables of the whole study say what is decided, and what is missing."""

import pytest

from labcode.pages.measured import Bench, measurement
from labcode.pages.outcomes import badge, numbers, of_100, whose
from labcode.pages.report import (
    claims_table,
    measures_list,
    results_table,
    runs_sentence,
    runs_table,
    totals_sentence,
)
from labcode.study import CLAIMS
from labcode.study.lab import ABLATIONS, experiments
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.ledger import rows
from labcode.study.records import read, read_all, save


@pytest.fixture(scope="module")
def widths_only(tmp_path_factory):
    """A folder with the runs of one ablation as stated, without those of its checks."""
    folder = tmp_path_factory.mktemp("records")
    for experiment in HIDDEN_UNITS.experiments():
        save(read(experiment), folder)
    return folder


def row(table, start):
    (line,) = (line for line in table.data.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_claim_without_its_runs_says_how_many_are_recorded(widths_only):
    assert row(results_table(widths_only), "[C07]")[2] == "pending: 8 of 16 runs recorded"  # the baseline's


def test_totals_and_claims_agree(widths_only):
    outcomes = [row(claims_table(widths_only), f"[{claim}]")[1][1:].partition("]")[0] for claim in CLAIMS]
    for outcome in set(outcomes):
        assert f"**{outcomes.count(outcome)}** {outcome}" in totals_sentence(widths_only).text


def test_totals_say_which_claims_rest_on_the_exploration(widths_only):
    assert totals_sentence(widths_only).text.endswith(
        " For C01, C02 the exploration stands in, whose runs are older than today's rules."
    )
    explored = [found["id"] for found in rows() if found["study"] == "study 1"]
    assert (", ".join(explored) in totals_sentence().text) if explored else "exploration" not in totals_sentence().text


def test_the_ledger_and_the_report_have_the_numbers_of_the_json():
    shown = claims_table()
    for found in (each for each in rows() if each["kind"] == "claim"):
        cells = row(shown, f"[{found['id']}]")
        assert cells[1:5] == [
            badge(found["outcome"]),
            numbers(found),
            whose(found),
            found["rates"]["label"],
        ]
        assert cells[-1] == of_100(found["replication"])


def test_every_claim_reads_a_measure_that_is_listed():
    listed = measures_list().data
    assert all(claim in listed for claim in CLAIMS)


def test_runs_are_counted_for_every_ablation(widths_only):
    table = runs_table(read_all(widths_only))
    assert row(table, "`hidden_units`")[1:3] == ["56", "32"]
    planned = {name for name, ablation in ABLATIONS.items() if [*ablation.experiments(), *experiments([name])]}
    assert {name for name in ABLATIONS if f"| `{name}`" in table.data} == planned
    assert set(ABLATIONS) - planned == {"dropout_longer", "final_grid", "final_model"}  # only study 2 has runs of them


def test_the_runs_of_the_second_study_are_those_that_were_registered(widths_only):
    """22 main settings of 64 seeds; of 16: rates, dropout at 60 epochs, 5 batch sizes; 32 of CG and C17; the grid."""
    second = 22 * 64 + 2 * 22 * 16 + (5 + 2 + 3) * 16 + 32 + 32 + 9
    said = runs_sentence(read_all(widths_only)).text
    assert "of which 32 are recorded; " in said
    assert f" registered {second // 1000} {second % 1000:03d}, of which 0 are," in said
    assert f" {22 * 8} with ten times the images, of which 0 are." in said


def test_the_parts_of_a_step_add_up_to_it():
    bench = Bench("bench")
    parts = [part["part"] for part in measurement("bench")["profile"]["final"]]
    assert bench.share("final", *parts) == pytest.approx(1)
    assert 0 < bench.products("final") < 1
    assert len(bench.table("final").data.splitlines()) == 2 + 3 * (6 + 1)  # six engines and the floor, three sizes
    assert len(bench.comparison().data.splitlines()) == 2 + 6
    assert len(bench.profile("final").data.splitlines()) == 2 + len(parts)
