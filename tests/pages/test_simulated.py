"""Tables and the figure of simulated studies show what was simulated."""

import pytest

from labcode.pages.simulated import EFFECTS, SIZES, averages, outcomes_table, show_power, wrong_table
from labcode.study.outcomes import Outcome
from labcode.study.simulation import Simulated

BY_CLAIM = [
    [Simulated("C01", 8, 0, {Outcome.OPEN: 1.0}, 0.1), Simulated("C01", 8, 1, {Outcome.REPRODUCED: 1.0}, 0.0)],
    [
        Simulated("C02", 8, 0, {Outcome.OPEN: 0.5, Outcome.REVERSED: 0.5}, 0.5),
        Simulated("C02", 8, 1, {Outcome.OPEN: 1.0}, 0.2),
    ],
]


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.data.splitlines()]


def test_a_claim_is_wrong_as_often_as_it_was_and_one_of_several_more_often():
    header, _, *found = rows(wrong_table(BY_CLAIM))
    assert header[1:] == ["0", "1"]
    assert found == [["C01", "10.0%", "0.0%"], ["C02", "50.0%", "20.0%"], ["at least one of 2", "55%", "20%"]]


def test_outcomes_are_averaged_over_the_claims_and_add_up():
    found = averages(BY_CLAIM)
    assert found[0][Outcome.OPEN] == 0.75
    assert all(sum(shares.values()) == pytest.approx(1) for shares in found.values())
    header, _, *lines = rows(outcomes_table({8: BY_CLAIM}))
    assert header[2:] == ["reproduced", "reversed", "open"]  # those that came, in the order of all tables
    assert lines == [["8", "0", "0%", "25%", "75%"], ["8", "1", "50%", "0%", "50%"]]


def test_the_figure_of_power_returns_what_it_draws(monkeypatch):
    monkeypatch.setattr("labcode.pages.simulated.show", lambda *_, **words: words)
    found = show_power("fig-power")
    assert list(found) == list(SIZES)
    assert all(len(shares) == len(EFFECTS) for shares in found.values())
    assert found[64][-1] > 0.99  # three margins, the largest effect
