"""Draws of the recorded seeds: how many there are, what they say, and what the page's script is given."""

import json
import re
from itertools import combinations
from math import comb

import numpy as np
import pytest

from labcode.pages.fooled import DRAWS, SeedDraws, draws, fooled, in_reach, seeds_of, shares
from labcode.study import CLAIMS
from labcode.study.ledger import decide
from labcode.study.outcomes import Outcome


@pytest.fixture(scope="module")
def decided():
    return [claim.decide() for claim in CLAIMS.values()]


@pytest.mark.parametrize(("seeds", "count"), [(8, 1), (8, 3), (8, 8), (16, 2), (64, 1)])
def test_few_draws_are_all_there_are(seeds, count):
    assert draws(seeds, count).tolist() == [list(each) for each in combinations(range(seeds), count)]


@pytest.mark.parametrize(("seeds", "count"), [(16, 8), (64, 3), (64, 63)])
def test_many_draws_are_without_replacement_and_fair(seeds, count):
    found = draws(seeds, count)
    assert found.shape == (min(DRAWS, comb(seeds, count)), count)
    assert all(len(set(places)) == count for places in found.tolist())
    often = np.bincount(found.ravel(), minlength=seeds) / len(found)
    assert np.abs(often - count / seeds).max() < 0.08


def test_one_seed_says_what_its_number_says(decided):
    """Against a count by hand: C13 has two contrasts, both directional, that must hold."""
    (decision,) = [each for each in decided if each.claim.id == "C13"]
    worst = np.min([verdict.values for verdict in decision.findings[0].verdicts.values()], axis=0)
    margin = decision.deciding.margin
    found = shares(decision, 1)
    assert found[Outcome.REPRODUCED] == np.mean(worst >= margin)
    assert found[Outcome.RIGHT_BUT_SMALL] == np.mean((worst > 0) & (worst < margin))
    assert found.get(Outcome.REVERSED, 0) == np.mean(worst <= -margin)
    assert Outcome.OPEN not in found


def test_all_seeds_say_what_the_decision_says(decided):
    for decision in decided:
        if len({len(finding.seeds) for finding in decision.findings}) == 1:
            assert shares(decision, seeds_of(decision)) == {decision.outcome: 1}
            assert fooled(decision, seeds_of(decision)) == 0


def test_one_seed_never_says_that_a_claim_is_open_or_that_no_difference_matters(decided):
    for decision in (*decided, decide(CLAIMS["C13"])):  # in study 1 no part lacks a difference that matters
        assert Outcome.OPEN not in shares(decision, 1)
        parts = [finding.outcome for finding in decision.findings]
        assert in_reach(decision) == (Outcome.OPEN not in parts and Outcome.NO_DIFFERENCE not in parts)
        if decision.outcome in (Outcome.OPEN, Outcome.NO_DIFFERENCE):
            assert not in_reach(decision)
            assert fooled(decision, 1) == pytest.approx(1)


def test_shares_add_up_and_the_open_are_not_fooled(decided):
    for decision in decided:
        for count in (1, 2, 3):
            found = shares(decision, count)
            assert sum(found.values()) == pytest.approx(1)
            undecided = 0 if decision.outcome == Outcome.OPEN else found.get(Outcome.OPEN, 0)
            assert fooled(decision, count) == pytest.approx(1 - found.get(decision.outcome, 0) - undecided)


def test_the_page_says_what_the_script_will_say(decided):
    page = SeedDraws(decided)._repr_html_()
    data = json.loads(re.search(r'class="seeds-data">(.*?)</script>', page).group(1))
    assert [claim["id"] for claim in data["claims"]] == list(CLAIMS)
    assert [each["words"] for each in data["outcomes"]] == [outcome.words for outcome in Outcome]
    assert sorted(each["rank"] for each in data["outcomes"]) == list(range(len(Outcome)))
    assert len(data["quantiles"]) == 1 + max(claim["seeds"] for claim in data["claims"])
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', page)
    for decision, row in zip(decided, rows, strict=True):
        assert f">{decision.outcome.words}</span>" in row
        assert f"<td>{int(100 * shares(decision, 1).get(decision.outcome, 0) + 0.5)}%</td>" in row
