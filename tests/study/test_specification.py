"""Specification curves: every other choice that could have been made, and the one that was."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.study import CLAIMS
from labcode.study.outcomes import Outcome
from labcode.study.specification import specifications
from labcode.study.statistics import Verdict
from labcode.study.studies import STUDY_2


@pytest.mark.parametrize("name", CLAIMS)
def test_what_is_stated_is_on_the_curve_once(name):
    decision = CLAIMS[name].decide()
    stated = [each for each in specifications(decision) if each.stated]
    deciding = [finding for finding in decision.findings if finding.part.contrasts]
    assert [each.part for each in stated] == [finding.part.says for finding in deciding]
    for found, finding in zip(stated, deciding, strict=True):
        assert found.outcomes[1] == finding.outcome
        assert found.weakest.effect == min(verdict.effect for verdict in finding.verdicts.values())


def test_all_combinations_are_tried():
    found = specifications(CLAIMS["C01"].decide())
    choices = [{getattr(each, name) for each in found} for name in ("measure", "rate", "form")]
    assert [len(each) for each in choices] == [3, 3, 3]
    assert len({(each.measure, each.rate, each.form) for each in found}) == len(found) == 27


def test_the_margin_moves_the_outcome_and_not_the_effect():
    """An effect of 0.3 points is small for a margin of 0.4 and not for one of 0.1."""
    found = next(each for each in specifications(CLAIMS["C01"].decide()) if each.stated)
    found = replace(found, verdicts={"only": Verdict(np.array([0.29, 0.3, 0.31]))})
    assert list(found.outcomes.values()) == [Outcome.REPRODUCED, Outcome.REPRODUCED, Outcome.RIGHT_BUT_SMALL]


def test_images_never_seen_are_tried_where_a_study_has_them(decide_on, tmp_path):
    decision = decide_on("C13", lambda e: dict.fromkeys(("train", "validation"), 9 - e.network.filter), STUDY_2)
    found = specifications(decision, tmp_path)
    assert len({each.measure for each in found}) == 4
    (stated,) = [each for each in found if each.stated]
    assert "never saw" in stated.measure
    assert not any("never saw" in each.measure for each in specifications(CLAIMS["C13"].decide()))
