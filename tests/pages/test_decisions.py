"""A decision is shown with every contrast and every check."""

from types import SimpleNamespace

import pytest

from labcode.pages.decisions import _robustness, show_decision
from labcode.study import CLAIMS


@pytest.mark.parametrize("name", ["C01", "C08", "C11"])
def test_every_contrast_and_every_check_has_its_row(name):
    decision = CLAIMS[name].decide()
    shown = show_decision(decision).data
    assert CLAIMS[name].sentence in shown
    for outcome in decision.outcomes:
        assert outcome.part.says in shown
        for contrast, verdict in outcome.verdicts.items():
            (row,) = [line for line in shown.splitlines() if contrast in line and outcome.part.says in line]
            assert verdict.interval in row
            assert verdict.verdict in row
    for words, check in decision.checks.items():
        (row,) = [line for line in shown.splitlines() if line.split("|")[1:2] and line.split("|")[1].strip() == words]
        assert check.verdict in row


@pytest.mark.parametrize(
    ("robust", "checks", "sentence"),
    [
        (True, ["reproduced"], "Robust: every check gives the same verdict."),
        (False, ["not distinguishable", "reproduced"], "Not robust: not every check can decide."),
        (False, ["not distinguishable", "contradicted"], "Not robust: the verdict changes with a check."),
        (None, ["reproduced", "pending"], "Robustness is open: not every check is decided yet."),
    ],
)
def test_robustness_is_a_sentence(robust, checks, sentence):
    found = {str(place): SimpleNamespace(verdict=verdict) for place, verdict in enumerate(checks)}
    assert _robustness(SimpleNamespace(verdict="reproduced", robust=robust, checks=found)) == sentence
