"""What other studies say of a claim is listed, and the exploration's curves are shown where the page has others."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.pages import exploration, other_studies, with_ten_times_the_images
from labcode.study import CLAIMS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.outcomes import Outcome
from labcode.study.statistics import decide
from labcode.study.studies import STUDY_2


@pytest.fixture
def shown(monkeypatch):
    names = []
    monkeypatch.setattr(other_studies, "show_ablation", lambda ablation, note: names.append((ablation.name, note)))
    return names


def by_study_2(claim, sign):
    """The claim, decided by study 2 on the values of study 1 with their signs kept or changed."""
    explored = claim.decide()
    findings = [
        replace(each, verdicts={name: decide(sign * verdict.values) for name, verdict in each.verdicts.items()})
        for each in explored.findings
    ]
    return replace(explored, findings=tuple(findings), study=STUDY_2)


def test_where_the_exploration_decides_its_curves_are_not_shown_twice(shown, monkeypatch):
    monkeypatch.setattr(other_studies, "decide", lambda claim: claim.decide())
    c01, c02 = exploration(HIDDEN_UNITS, "C01", "C02").data.splitlines()
    assert c01.startswith("- **C01**: reproduced, +1.28 (+0.96 to +1.60) points, 8 seeds.")
    assert c02.endswith("until the runs of study 2 are recorded.")
    assert shown == []


@pytest.mark.parametrize(("sign", "agree"), [(1, "Study 2 says the same: reproduced"), (-1, "otherwise: reversed")])
def test_where_study_2_decides_the_exploration_is_set_beside_it(sign, agree, shown, monkeypatch):
    monkeypatch.setattr(other_studies, "decide", lambda claim: by_study_2(claim, sign))
    assert exploration(HIDDEN_UNITS, "C01") is None  # a cell shows one thing
    ((name, note),) = shown
    assert name == "hidden_units"
    assert agree in note


@pytest.mark.parametrize(
    ("claim", "values", "says"),
    [
        ("C02", [1.0, 1.1], "Study 2 decides it: reproduced"),
        ("C01", [1.0, -1.0], "Study 2 leaves it open: open"),
        ("C11", [-1.0, -1.1], "Study 2 says otherwise: reversed"),
        ("C16", [-1.0, -1.1], "Study 2 says the same of the whole, though not of each part: partly"),
    ],
)
def test_an_outcome_that_was_open_is_not_contradicted(claim, values, says):
    explored = CLAIMS[claim].decide()
    findings = [
        replace(each, verdicts=dict.fromkeys(each.verdicts, decide(values))) if each.part.contrasts else each
        for each in explored.findings
    ]
    decided = replace(explored, findings=tuple(findings), study=STUDY_2)
    compared = other_studies._compared(explored, decided)
    assert f"Study 2 {compared}: {decided.outcome}" == says


def test_the_runs_with_all_the_data_are_told_as_they_are(monkeypatch):
    decision = CLAIMS["C01"].decide()
    monkeypatch.setattr(other_studies, "with_all_data", lambda claim: decision if claim.id == "C01" else None)
    found, missing, unplanned = with_ten_times_the_images("C01", "C02", "C07").data.splitlines()
    assert found == f"- **C01**: {Outcome.REPRODUCED}, +1.28 (+0.96 to +1.60) points, 8 seeds."
    assert missing == "- **C02**: registered, and not all recorded yet."
    assert unplanned == "- **C07**: no such runs are planned."


def test_an_ablation_has_the_seeds_and_the_images_of_the_study_that_decides():
    runs = by_study_2(CLAIMS["C01"], 1).runs_of(HIDDEN_UNITS)
    assert runs.seeds == range(1000, 1016)
    assert {run.scale for run in runs.experiments()} == {"own"}
    assert CLAIMS["C01"].decide().runs_of(HIDDEN_UNITS).experiments() == HIDDEN_UNITS.experiments()
    assert np.all([run.images == 4_200 for run in runs.experiments()])
