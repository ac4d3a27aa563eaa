"""Outcomes on the site: all claims in the landing page's picture, and on each chapter the cards of those it decides."""

import pytest
from chromium import screen, visit

from labcode.pages.outcomes import SIGNS, numbers
from labcode.study.ledger import rows
from labcode.study.outcomes import Outcome

# The outcome in each badge, and the sign before it.
BADGES = """
return [...document.querySelectorAll('.verdict')].map(
  e => [e.textContent, getComputedStyle(e, '::before').content.split('/')[0].trim().replaceAll('"', '')]);
"""
# The picture's marks, each with its color and that of its group's badge; then what the picture and its text leave free.
PICTURE = """
const box = document.querySelector('.forest').getBoundingClientRect();
const outside = [...document.querySelectorAll('.forest *')].filter(e => {
  const { left, right, width } = e.getBoundingClientRect();
  return width && (left < box.left - 1 || right > box.right + 1);
});
return {
  marks: [...document.querySelectorAll('.forest-mark')].map(mark => [
    getComputedStyle(mark.querySelector('circle')).stroke,
    getComputedStyle(mark.closest('ul').previousElementSibling.querySelector('.verdict')).color,
    mark.querySelector('circle + text').textContent,
  ]),
  outside: outside.map(e => e.outerHTML),
  rows: [...document.querySelectorAll('.forest li')].map(e => e.getBoundingClientRect().height),
};
"""


@pytest.fixture(scope="module")
def claims():
    return [row for row in rows() if row["kind"] == "claim"]


def pictured(soup):
    """The claims of the picture: the group and the whole text of each row, by id."""
    return {
        row.b.get_text(): (group.find_previous(class_="verdict").get_text().split(maxsplit=1)[1], row)
        for group in soup.select(".forest ul")
        for row in group.select("li")
    }


def cards(soup):
    """The outcome on each card of a page, by the claim's id."""
    return {
        card.select_one(".sd-card-title").get_text().split()[0]: card.select_one(".verdict").get_text()
        for card in soup.select("article .claim-card")
    }


def test_landing_page_opens_with_every_claim_its_outcome_and_its_numbers(soups, claims):
    found = pictured(soups["index.html"])
    assert sorted(found) == [claim["id"] for claim in claims]
    for claim in claims:
        outcome, row = found[claim["id"]]
        assert outcome == claim["outcome"]
        assert row.a["href"] == f"{claim['page']}.html"
        assert numbers(claim) == " ".join(row.select_one(".forest-effect").get_text().split())
        assert claim["says"] in " ".join(row.get_text().split())


def test_counts_in_the_picture_are_those_of_its_rows(soups):
    for badge in soups["index.html"].select(".forest-group .verdict"):
        count, outcome = badge.get_text().split(maxsplit=1)
        assert int(count) == sum(group == outcome for group, _ in pictured(soups["index.html"]).values())


def test_landing_page_leads_with_the_claims_then_with_what_a_reader_can_do(soups):
    article = soups["index.html"].select_one("article")
    doors = article.select(".door")
    assert article.select_one(".forest").find_next(class_="door") is doors[0]
    assert article.find(class_="headline").find_previous(class_="door") is doors[-1]


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_have_the_color_and_the_sign_of_their_outcome_and_fit_the_screen(browser, address, width, theme):
    screen(browser, width)
    visit(browser, address + "index.html")
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    found = browser.execute_script(PICTURE)
    assert len(found["marks"]) > 10
    for mark, badge, sign in found["marks"]:
        assert mark == badge
        assert sign in SIGNS.values()
    assert found["outside"] == []
    assert max(found["rows"]) < 150


def test_chapter_shows_the_claims_that_it_decides(soups, claims):
    for claim in claims:
        if claim["page"] != "appendix/ledger":
            assert cards(soups[f"{claim['page']}.html"]).get(claim["id"]) == claim["outcome"], claim["page"]


def test_each_outcome_has_a_sign_of_its_own_besides_its_color(browser, address):
    visit(browser, address + "index.html")
    signs = {outcome.words: sign for outcome, sign in SIGNS.items()}
    for text, sign in browser.execute_script(BADGES):
        assert sign == signs[text.split(maxsplit=1)[1] if text[0].isdigit() else text]
    assert len(set(signs.values())) == len(Outcome)
