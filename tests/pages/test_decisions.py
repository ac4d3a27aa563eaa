"""A decision is shown with every contrast, its rates, its replication and every check."""

import pytest

from labcode.pages import decisions
from labcode.pages.decisions import draw_effects, show_decision
from labcode.pages.outcomes import effect, of_100
from labcode.pages.sentences import minus
from labcode.study import CLAIMS
from labcode.study.rates import by_rate
from labcode.study.replication import replication


@pytest.mark.parametrize("name", ["C01", "C08", "C11"])
def test_every_contrast_and_every_check_has_its_row(name):
    decision = CLAIMS[name].decide()
    shown = show_decision(decision).data
    assert CLAIMS[name].sentence in shown
    for finding in decision.findings:
        for says, verdicts in [
            (finding.part.says, finding.verdicts),
            *((f"shown beside: {form}", named) for form, named in finding.beside.items()),
        ]:
            for contrast, verdict in verdicts.items():
                (row,) = [line for line in shown.splitlines() if contrast in line and says in line]
                assert effect(verdict) in row
                assert verdict.outcome.words in row
    for words, check in decision.checks.items():
        (row,) = [line for line in shown.splitlines() if line.split("|")[1:2] and line.split("|")[1].strip() == words]
        assert check.outcome.words in row
    assert minus(by_rate(decision).sentence) in shown
    assert f"would say the same in {of_100(replication(decision))} cases" in shown


def test_effects_stand_where_they_are_over_the_band_of_the_margin():
    figure = draw_effects({"a": (0.3, 0.1, 0.5), "b": (-1, -2, 0)}, 0.2, "epochs")
    (axes,) = figure.axes
    _, *drawn = axes.get_lines()
    assert [line.get_xdata().tolist() for line in drawn[::2]] == [[0.1, 0.5], [-2, 0]]
    assert [line.get_xdata().tolist() for line in drawn[1::2]] == [[0.3], [-1]]
    assert axes.patches[0].get_extents().transformed(axes.transData.inverted()).intervalx.tolist() == pytest.approx(
        [-0.2, 0.2]
    )
    assert [label.get_text() for label in axes.texts] == ["a", "b"]


def test_a_part_with_several_contrasts_is_named_once():
    figure = draw_effects({"low: a": (0, 0, 0), "low: b": (0, 0, 0), "narrow: a": (0, 0, 0)}, 0.2, "points")
    assert [label.get_text() for label in figure.axes[0].texts] == ["low: a", "b", "narrow: a"]


def test_the_effects_of_several_claims_have_one_unit_and_labels_of_their_own(monkeypatch):
    shown = {}
    monkeypatch.setattr(decisions, "show", lambda figure, **text: shown.update(text, figure=figure))
    decisions.show_effects(CLAIMS["C05"].decide(), CLAIMS["C08"].decide(), name="fig-effects")
    labels = [text.get_text().replace("\n", " ") for text in shown["figure"].axes[0].texts]
    assert labels == [
        "training error rises with the batch size: batch size 1 to 100",
        "validation error rises with the batch size: batch size 1 to 100",
        "CG reaches a lower validation error: CG below SGD",
    ]  # "less stable" is in percent
    assert "Effects in other units are in the tables of the page." in shown["caption"]
    decisions.show_effects(CLAIMS["C05"].decide(), name="fig-effects")
    assert "other units" not in shown["caption"]
    decisions.show_effects(CLAIMS["C05"].decide(), CLAIMS["C08"].decide(), name="fig-effects")
    for decision in (CLAIMS["C05"].decide(), CLAIMS["C08"].decide()):
        assert decision.findings[0].verdicts.popitem()[1].interval in shown["alt"]
