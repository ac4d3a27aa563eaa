"""Specification curves are drawn where their numbers are, and counted in a table."""

from itertools import pairwise

import numpy as np
import pytest

from labcode.pages.specifications import draw_specifications, show_specifications, specifications_table
from labcode.study import CLAIMS
from labcode.study.outcomes import Outcome, directional
from labcode.study.specification import Specification, specifications
from labcode.study.statistics import decide


def specification(effect, measure="last epoch", rate="stated", form="as stated", stated=False):
    verdict = decide(effect + np.array([-0.1, 0.0, 0.1]), directional)
    return Specification("wider is better", measure, rate, form, stated, {"a below b": verdict})


FOUND = [
    specification(0.5, measure="best epoch"),
    specification(-0.3, rate="a third"),
    specification(0.2, stated=True),
]


def test_a_curve_rises_and_its_dots_say_which_choices_each_column_has():
    curve, dots = draw_specifications({"wider is better": FOUND}).axes
    effects = [line for line in curve.get_lines() if len(line.get_xdata()) == 1]
    assert [line.get_ydata()[0] for line in effects] == pytest.approx([-0.3, 0.2, 0.5])
    assert [line.get_marker() for line in effects] == ["o", "D", "o"]
    low, high = [line for line in curve.get_lines() if len(line.get_xdata()) == 2][1].get_ydata()
    assert (low, high) == pytest.approx((FOUND[1].weakest.low, FOUND[1].weakest.high))
    rows = dict(zip([label.get_text() for label in dots.get_yticklabels()], dots.get_yticks(), strict=True))
    assert list(rows) == ["best epoch", "last epoch", "stated", "a third"]  # the form does not vary
    marked = {(int(line.get_xdata()[0]), line.get_ydata()[0]) for line in dots.get_lines()}
    by_column = [{label for label, row in rows.items() if (column, row) in marked} for column in range(3)]
    assert by_column == [{"last epoch", "a third"}, {"last epoch", "stated"}, {"best epoch", "stated"}]
    assert curve.get_xlim() == dots.get_xlim()


def test_labels_of_several_lines_do_not_overlap():
    long = specification(0.1, measure="mean absolute change of the validation error between epochs, as a logarithm,")
    _, dots = draw_specifications({"wider is better": [*FOUND, long]}).axes
    lines = [label.get_text().count("\n") + 1 for label in dots.get_yticklabels()]
    assert max(lines) > 1
    between = np.diff(dots.get_yticks())
    assert (between >= [(a + b) / 2 for a, b in pairwise(lines)]).all()


def test_the_table_counts_what_the_specifications_say():
    decision = CLAIMS["C08"].decide()
    lines = specifications_table([decision]).data.splitlines()[2:]
    found = specifications(decision)
    for line, finding in zip(lines, decision.findings, strict=True):
        of_part = [each for each in found if each.part == finding.part.says]
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert cells[1:4] == [finding.part.says, finding.outcome.words, str(len(of_part))]
        same = [sum(each.outcomes[factor] == finding.outcome for each in of_part) for factor in (0.5, 1, 2)]
        assert cells[5:] == [str(count) for count in same]
    assert all(isinstance(each.outcomes[1.0], Outcome) for each in found)


def test_a_claim_that_can_be_asked_in_one_way_has_no_curve():
    with pytest.raises(ValueError, match="C17 can be asked in one way alone"):
        show_specifications(CLAIMS["C17"].decide())
