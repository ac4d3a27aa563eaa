"""The page that draws seeds: outcomes as in labcode, a form for the keyboard, and a table without scripts."""

import json

import numpy as np
import pytest
from chromium import screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labcode.pages.fooled import SeedDraws, shares
from labcode.study import outcomes
from labcode.study.ledger import decisions
from labcode.study.outcomes import Outcome
from labcode.study.statistics import interval

PAGE = "mnist/how_many_seeds.html"
DECIDE = """
const { claims, quantiles } = JSON.parse(document.querySelector('.seeds-data').textContent);
return arguments[1].map(places => seedDraws.decide(claims[arguments[0]], places, quantiles).outcome);
"""
RULES = "return arguments[1].map(found => seedDraws.rules[arguments[0]](...found));"
SHARES = """
const { claims, quantiles } = JSON.parse(document.querySelector('.seeds-data').textContent);
return claims.map(claim => seedDraws.shares(claim, arguments[0], quantiles));
"""
TABLE = """
return [...document.querySelectorAll('.seeds-table tbody tr')].map(row => [...row.cells].map(cell => cell.innerText));
"""


def rounds(decision, places):
    """Whether a mean of several seeds is a margin up to rounding: Python and the browser may round it differently."""
    found = [
        verdict for finding in decision.findings for verdict in finding.verdicts.values() if len(verdict.values) > 1
    ]
    return len(places) > 1 and any(abs(abs(each.values[places].mean()) - each.margin) < 1e-9 for each in found)


@pytest.fixture(scope="module")
def decided():
    return [decision for decision in decisions() if decision.findings]


@pytest.fixture
def page(browser, address):
    visit(browser, address + PAGE)
    return browser


def find(page, name):
    return page.find_element(By.CSS_SELECTOR, f".seeds-{name}")


def test_every_draw_has_the_outcome_of_labcode(page, decided):
    rng = np.random.default_rng(0)
    for number, (decision, claim) in enumerate(zip(decided, SeedDraws(decided).data["claims"], strict=True)):
        seeds = claim["seeds"]
        drawn = [sorted(rng.choice(seeds, rng.integers(1, seeds + 1), replace=False).tolist()) for _ in range(100)]
        drawn = [places for places in drawn if not rounds(decision, places)]
        assert len(drawn) > 50
        expected = [int(decision.redraw(lambda n, p=places: np.array(p if n > 1 else [0]))) for places in drawn]
        assert page.execute_script(DECIDE, number, drawn) == expected, decision.claim.id


@pytest.mark.parametrize("rule", ["directional", "slight", "comparable", "reached", "exists"])
def test_every_rule_is_that_of_labcode(page, rule):
    """Intervals on both sides of 0 and of the margins, and single seeds: the records need not have every case."""
    rng = np.random.default_rng(1)
    found = [
        (*map(float, interval(rng.normal(mean, 0.2, n))), 0.2) for mean in np.linspace(-0.6, 0.6, 25) for n in (1, 3, 9)
    ]
    found += [(0.0, 0.0, 0.0, 0.2), (0.2, 0.2, 0.2, 0.2), (-0.2, -0.2, -0.2, 0.2), (1.0, 1.0, 1.0, 1.0)]
    expected = [int(getattr(outcomes, rule)(*each)) for each in found]
    assert page.execute_script(RULES, rule, found) == expected
    assert len(set(expected)) > 1


def test_shares_of_single_seeds_are_exact_and_others_near(page, decided):
    for count, apart in ((1, 1e-9), (3, 0.08)):
        for decision, found in zip(decided, page.execute_script(SHARES, count), strict=True):
            expected = shares(decision, count)
            for outcome, share in enumerate(found):
                assert share == pytest.approx(expected.get(Outcome(outcome), 0), abs=apart), decision.claim.id


def test_the_table_is_the_same_with_and_without_scripts(browser, address):
    visit(browser, address + PAGE)
    WebDriverWait(browser, 5).until(lambda _: find(browser, "status").get_attribute("textContent"))
    scripted = browser.execute_script(TABLE)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address + PAGE)
    rows = browser.find_elements(By.CSS_SELECTOR, ".seeds-table tbody tr")
    static = [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows]
    assert static == scripted
    assert find(browser, "unable").is_displayed()
    assert not find(browser, "work").is_displayed()


def test_the_slider_moves_by_keyboard_and_announces_itself_when_it_rests(page):
    slider, status = find(page, "count"), find(page, "status")
    assert slider.accessible_name.startswith("seeds drawn")
    slider.send_keys(Keys.HOME)
    WebDriverWait(page, 5).until(lambda _: "of 1 seed:" in status.get_attribute("textContent"))
    assert "One seed, as the lab seems to have had" in find(page, "outcome").text
    said = status.get_attribute("textContent")
    slider.send_keys(Keys.ARROW_RIGHT * 2)
    assert status.get_attribute("textContent") == said  # silent while it moves
    WebDriverWait(page, 5).until(lambda _: "of 3 seeds:" in status.get_attribute("textContent"))
    assert slider.get_attribute("aria-valuetext").startswith("3 of ")
    assert "3 seeds say" in find(page, "caption").text
    # At the end all seeds are drawn: the one draw says what all say.
    slider.send_keys(Keys.END)
    WebDriverWait(page, 5).until(lambda _: "Of 1 draw of" in status.get_attribute("textContent"))
    this, everything = (badge.text for badge in page.find_elements(By.CSS_SELECTOR, ".seeds-outcome .verdict"))
    assert this == everything


def test_another_draw_and_another_claim_are_shown(page, decided):
    before = page.execute_script("return document.querySelector('.seeds-contrasts').innerHTML")
    find(page, "again").send_keys(Keys.ENTER)
    assert page.execute_script("return document.querySelector('.seeds-contrasts').innerHTML") != before
    find(page, "claim").send_keys("C01")
    assert find(page, "says").text == decided[0].claim.sentence
    assert len(page.find_elements(By.CSS_SELECTOR, ".seeds-contrasts li")) == len(decided[0].findings[0].verdicts)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_form_fits_its_screen(page, width):
    screen(page, width)
    wide = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


def test_the_data_are_those_of_the_records(soups, decided):
    data = json.loads(soups[PAGE].select_one(".seeds-data").string)
    for claim, decision in zip(data["claims"], decided, strict=True):
        for part, finding in zip(claim["parts"], decision.findings, strict=True):
            for contrast, verdict in zip(part, finding.verdicts.values(), strict=True):
                assert contrast["values"] == pytest.approx(verdict.values[: claim["seeds"]].tolist(), rel=0, abs=0)
