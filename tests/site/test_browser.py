"""The built pages in a browser that can reach only the site itself."""

import json
import re

import pytest
from chromium import UNFOLD, outside, screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PHONE, TABLET, DESK = 360, 768, 1920
SHEET = 660  # A4 within the margins of tools/print_edition.py
# What sticks out of the page to the right and is in no box that scrolls.
STICKING_OUT = """
const scrolling = new Map([[document.body, false], [null, false]]);
const scrolls = e => {
  if (!scrolling.has(e)) {
    scrolling.set(e, ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  }
  return scrolling.get(e);
};
return [...document.querySelectorAll('article, article *, footer, footer *')]
  .filter(e => e.getBoundingClientRect().right > arguments[0] + 1 && !scrolls(e.parentElement))
  .map(e => e.tagName + '.' + e.getAttribute('class') + ': ' + e.textContent.trim().slice(0, 40));
"""


def test_network_is_refused_and_a_request_is_seen(browser, address):
    """Otherwise the next tests could not fail."""
    browser.get(address)
    browser.get_log("performance")
    browser.execute_async_script("fetch('https://example.org/a.js').catch(() => 0).then(() => arguments[0]())")
    log = json.dumps(browser.get_log("performance"))
    assert "https://example.org/a.js" in log
    assert "ERR_NAME_NOT_RESOLVED" in log


def test_pages_load_from_files_too(browser, site, pages):
    for page in pages:
        complaints, requests = visit(browser, (site / page).as_uri())
        assert not complaints, page
        assert not outside(requests, site.as_uri()), page


def test_errors_on_the_console_are_seen(browser, address):
    visit(browser, address)
    browser.execute_script("setTimeout(() => { throw Error('wrong on purpose'); })")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert "wrong on purpose" in json.dumps(browser.get_log("browser"))


# Formulas within lines that have a scroll bar although they are not wider than the line, or that a line break separates
# from what touches them.
FORMULAS_IN_LINES = """
const inLines = [...document.querySelectorAll('article span.math')].filter(e => e.getClientRects().length);
const box = (text, start, end) => {
  const range = document.createRange();
  range.setStart(text, start);
  range.setEnd(text, end);
  return range.getBoundingClientRect();
};
const faults = formula => {
  const found = [], frame = formula.getBoundingClientRect(), {previousSibling: before, nextSibling: after} = formula;
  const line = formula.closest('p, li, td, dd, dt, th, h1, h2, h3, figcaption') || formula.parentElement;
  const bar = formula.offsetHeight > formula.clientHeight || formula.offsetWidth > formula.clientWidth;
  if (bar && frame.width < 0.8 * line.clientWidth) found.push('has a bar');
  if (after?.nodeType === 3 && /^\\S/.test(after.data) && box(after, 0, 1).left < frame.right - 2) {
    found.push('is apart from ' + after.data.slice(0, 5));
  }
  const end = before?.data?.length;
  if (before?.nodeType === 3 && /\\S$/.test(before.data) && box(before, end - 1, end).right > 2 + frame.left) {
    found.push('is apart from ' + before.data.slice(-5));
  }
  return found.map(fault => formula.textContent.slice(0, 20) + ' ' + fault);
};
return [inLines.length, inLines.flatMap(faults)];
"""


# What is cut off at the sheet's edge, and controls that a sheet cannot have.
ON_PAPER = """
const scrolls = e => getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 2;
return [...document.querySelectorAll('article *')].filter(e => e.clientWidth > 1 && scrolls(e)
    && !e.closest('mjx-assistive-mml')).map(e => 'cut off: ' + e.tagName + '.' + e.className)
  .concat([...document.querySelectorAll('article button')].filter(e => e.checkVisibility() && !e.querySelector('img'))
    .map(e => 'button: ' + e.className))
  .concat([...document.querySelectorAll('details:not([open]), .toggle-hidden')].map(e => 'folded: ' + e.id));
"""


def test_no_page_is_wider_than_its_screen_or_its_sheet(browser, address, pages):
    """Wide formulas, tables and code scroll in their own boxes; the page does not. On paper nothing scrolls."""
    formulas = 0
    for page in pages:
        visit(browser, address + page)
        browser.execute_script(UNFOLD)
        for width in (PHONE, TABLET, DESK):
            screen(browser, width)
            count, faults = browser.execute_script(FORMULAS_IN_LINES)
            assert faults == [], f"{page}, {width}"
            formulas += count
            for theme in ("light", "dark"):
                browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
                found = browser.execute_script("return document.documentElement.scrollWidth")
                assert found <= width, f"{page}, {width}, {theme}"
                assert browser.execute_script(STICKING_OUT, width) == [], f"{page}, {width}, {theme}"
        screen(browser, SHEET)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        browser.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert browser.execute_script(ON_PAPER) == [], page
        assert browser.execute_script("return document.documentElement.scrollWidth") <= SHEET, page
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert formulas > 1000


def test_faults_of_formulas_in_lines_are_found(browser, address):
    visit(browser, address + "backprop/softmax.html")
    spoil = "document.head.insertAdjacentHTML('beforeend', '<style>article ' + arguments[0] + '</style>')"
    screen(browser, TABLET)
    assert browser.execute_script("return innerWidth - document.documentElement.clientWidth") > 5  # bars take room
    assert browser.execute_script(FORMULAS_IN_LINES)[1] == []
    browser.execute_script(spoil, ".joined { white-space: normal !important; word-spacing: 2px }")
    apart = {fault for width in range(560, 760, 8) for fault in at_width(browser, width)}
    assert any("is apart from" in fault for fault in apart)
    browser.execute_script(spoil, "mjx-assistive-mml { width: auto !important }")
    assert any("has a bar" in fault for fault in browser.execute_script(FORMULAS_IN_LINES)[1])


def at_width(browser, width):
    screen(browser, width)
    return browser.execute_script(FORMULAS_IN_LINES)[1]


def test_a_formula_wider_than_its_line_scrolls(browser, address):
    screen(browser, PHONE)
    visit(browser, address + "backprop/softmax.html")
    left, right, most = browser.execute_script(
        """const formula = document.querySelector('article p .joined > span.math');
        formula.querySelector('svg').style.width = '900px';
        formula.scrollLeft = 1e6;
        const {left, right} = formula.getBoundingClientRect();
        return [left, right, formula.scrollLeft];"""
    )
    assert left >= 0
    assert right <= PHONE
    assert most > 400
    assert browser.execute_script(STICKING_OUT, PHONE) == []


def test_figures_can_be_read_on_a_phone(browser, address, pages):
    """A figure is as wide as its labels need, and scrolls in its own box, by keyboard as well.

    The picture that a page opens with has labels that are legible at 0.62 of its size, and never scrolls.
    """
    shown = """
      return [...document.querySelectorAll("article figure:has(> img)")].map(figure => {
        const image = figure.querySelector('img'), caption = figure.querySelector('figcaption');
        figure.scrollLeft = figure.scrollWidth;
        const opening = figure.id.startsWith('fig-answer'), width = image.getAttribute('width');
        return [image.clientWidth >= (opening ? 0.62 * width : Math.min(width, 570)),
                figure.scrollWidth > figure.clientWidth, figure.tabIndex >= 0,
                caption.getBoundingClientRect().left >= 0];
      });"""
    screen(browser, PHONE)
    wide = 0
    for page in pages:
        visit(browser, address + page)
        for legible, scrolls, reached, caption_stays in browser.execute_script(shown):
            assert legible, page
            assert caption_stays, page
            assert scrolls == reached, page
            wide += scrolls
    assert wide


def test_what_sticks_out_is_found(browser, address):
    screen(browser, PHONE)
    visit(browser, address + "index.html")
    browser.execute_script("document.querySelector('article p').style.width = '400px'")
    assert browser.execute_script(STICKING_OUT, PHONE) != []


def test_dark_page_is_dark_and_its_figures_with_it(browser, address, pages):
    browser.get(address)
    browser.execute_script("localStorage.mode = localStorage.theme = 'dark'")
    figures = 0
    for page in pages:
        visit(browser, address + page)
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in ground[4:-1].split(",")[:3]) < 64, page
        for figure in browser.find_elements(By.CSS_SELECTOR, "article figure > img"):
            assert figure.value_of_css_property("background-color") == "rgba(0, 0, 0, 0)"
            assert figure.value_of_css_property("filter") == "invert(1) hue-rotate(180deg)"
            figures += 1
    assert figures, "the book shows no figure at all"


def search(browser, start, words):
    """The pages that the site's search shows to a reader."""
    complaints, _ = visit(browser, f"{start}search.html?q={words}")
    assert not complaints
    done = "return /finished|did not match/.test(document.querySelector('#search-results').textContent)"
    WebDriverWait(browser, 20).until(lambda browser: browser.execute_script(done))
    results = browser.find_elements(By.CSS_SELECTOR, "#search-results ul.search a")
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not complaints
    return {result.get_attribute("href").split("?")[0].split("#")[0].removeprefix(start) for result in results}


@pytest.fixture(params=["http", "file"])
def start(request, site, address):
    return address if request.param == "http" else site.as_uri() + "/"


def test_search_finds_a_page_by_a_word_of_its_title(browser, start):
    visit(browser, start + "index.html")
    link = browser.find_element(By.CSS_SELECTOR, "nav.bd-links li.toctree-l1:not(.current) a")
    title, page = link.get_attribute("textContent"), link.get_attribute("href")
    word = max((part for part in title.split() if part.isalpha()), key=len)
    assert page.removeprefix(start) in search(browser, start, word)
    assert search(browser, start, "xylophone") == set()


def test_search_finds_every_claim(browser, start, soups, chapters):
    """By its id, such as C01, on every page that names it."""
    named = {}
    for page in chapters:
        for text in soups[page].select("article :is(p, li, td, figcaption, h1, h2, h3)"):
            for claim in re.findall(r"\bC\d\d\b", text.get_text(" ")):
                named.setdefault(claim, set()).add(page)
    assert named
    for claim, pages in named.items():
        assert pages <= search(browser, start, claim), claim


FORMULAS_TOO_WIDE = """
return [...document.querySelectorAll('article div.math')].filter(box => {
  const formula = box.querySelector('mjx-container svg').getBoundingClientRect();
  const number = box.querySelector('.eqno')?.getBoundingClientRect();
  const meets = number && formula.right > number.left && formula.left < number.right
    && formula.bottom > number.top && formula.top < number.bottom;
  return meets || formula.right > box.getBoundingClientRect().right + 1;
}).map(box => box.id);
"""


def test_no_formula_of_part_one_runs_out_of_its_column(browser, address, pages):
    """On a phone: readers should see a whole step without scrolling."""
    screen(browser, 390)
    for page in (page for page in pages if page.startswith("backprop/")):
        visit(browser, address + page)
        browser.execute_script(UNFOLD)
        assert browser.execute_script(FORMULAS_TOO_WIDE) == [], page
    widen = "document.querySelector('article div.math mjx-container svg').style.width = '700px'"
    browser.execute_script(widen)
    assert len(browser.execute_script(FORMULAS_TOO_WIDE)) == 1  # the test can fail
