"""A decision is shown with every contrast and every check."""

import pytest

from labcode.pages.decisions import show_decision
from labcode.study import CLAIMS
from labcode.study.rates import by_rate


@pytest.mark.parametrize("name", ["C01", "C08", "C11"])
def test_every_contrast_and_every_check_has_its_row(name):
    decision = CLAIMS[name].decide()
    shown = show_decision(decision).data
    assert CLAIMS[name].sentence in shown
    for finding in decision.findings:
        assert finding.part.says in shown
        for contrast, verdict in finding.verdicts.items():
            (row,) = [line for line in shown.splitlines() if contrast in line and finding.part.says in line]
            assert verdict.interval in row
            assert verdict.outcome.words in row
    for words, check in decision.checks.items():
        (row,) = [line for line in shown.splitlines() if line.split("|")[1:2] and line.split("|")[1].strip() == words]
        assert check.outcome.words in row


def test_what_is_shown_beside_a_trend_is_named_so():
    steps = [line for line in show_decision(CLAIMS["C01"].decide()).data.splitlines() if "shown beside: steps" in line]
    assert [line.split("|")[2].strip() for line in steps] == ["32 below 16", "64 below 32", "128 below 64"]


@pytest.mark.parametrize("name", ["C05", "C13", "C17"])
def test_learning_rates_are_a_sentence(name):
    decision = CLAIMS[name].decide()
    assert by_rate(decision).sentence in show_decision(decision).data
