"""Claim cards: all claims on the landing page, and on each chapter those that it decides."""

import pytest
from chromium import visit

from labcode.study import CLAIMS
from labcode.study.outcomes import LISTED

# The word of each verdict on the page, and the sign before it.
SIGNS = """
return [...document.querySelectorAll('.claim-card .verdict')].map(
  e => [e.textContent, getComputedStyle(e, '::before').content.split('/')[0].trim()]);
"""


@pytest.fixture(scope="module")
def claims():
    return list(CLAIMS.values())


def cards(soup):
    """The verdict on each card of a page, by the claim's id."""
    return {
        card.select_one(".sd-card-title").get_text().split()[0]: card.select_one(".verdict").get_text()
        for card in soup.select("article .claim-card")
    }


def test_landing_page_shows_every_claim_and_the_totals(soups, claims):
    found = cards(soups["index.html"])
    assert list(found) == [claim.id for claim in claims]
    assert set(found.values()) <= {outcome.words for outcome in LISTED}
    totals = [badge.get_text().split(maxsplit=1) for badge in soups["index.html"].select(".totals .verdict")]
    assert {verdict: int(count) for count, verdict in totals} == {
        verdict: list(found.values()).count(verdict) for verdict in found.values()
    }


def test_landing_page_explains_its_words_before_it_uses_them(soups):
    text = " ".join(soups["index.html"].select_one("article").get_text(" ").split())
    for word, explained in (("verdict", "A verdict says whether"), ("robust", "it is robust if")):
        assert text.index(explained) <= text.lower().index(word) <= text.index(explained) + len(explained), word


def test_landing_page_leads_with_what_a_reader_can_do(soups):
    article = soups["index.html"].select_one("article")
    doors = article.select(".door")
    assert [door.select_one(".sd-card-title").get_text(strip=True) for door in doors] == [
        "Prove it",
        "Train it",
        "Draw a digit",
        "See the claims",
    ]
    assert article.find(class_="headline").find_previous(class_="door") is doors[-1]


def test_chapter_shows_the_claims_that_it_decides(soups, claims):
    everywhere = cards(soups["index.html"])
    for claim in claims:
        if claim.page != "appendix/ledger":
            assert cards(soups[f"{claim.page}.html"]).get(claim.id) == everywhere[claim.id], claim.page


def test_each_verdict_has_a_sign_of_its_own_besides_its_color(browser, address):
    visit(browser, address + "index.html")
    signs = {verdict: sign for verdict, sign in browser.execute_script(SIGNS)}
    assert all(len(sign.strip('"')) == 1 for sign in signs.values())
    assert len(set(signs.values())) == len(signs)
