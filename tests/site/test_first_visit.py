"""Each page as the first one that a browser opens: what it loads, how much that is, and whether its parts move.

Sizes are those of gzip, which web servers use if nothing better. Nothing is timed here: `make paint` does that.
"""

import functools
import gzip
from dataclasses import dataclass

import pytest
from chromium import outside, restore, screen, visit

KB = 1000
# MathJax is loaded once, with the first page that has a formula, and then comes from the browser's cache.
MATHJAX = "_static/tex-svg-full.js"
COMPRESSED = (".png", ".jpg", ".woff2")


@functools.cache
def weight(path):
    data = path.read_bytes()
    return len(data) if path.suffix in COMPRESSED else len(gzip.compress(data, mtime=0))


@dataclass
class FirstVisit:
    """What a browser without cache and storage shows and loads when it opens a page."""

    complaints: list[str]
    requests: list[str]
    formulas: dict[str, list[str]]  # see FORMULAS
    shift: float  # cumulative layout shift


# Formulas that MathJax did not typeset, and the messages of those that it could not read.
FORMULAS = """
const all = [...document.querySelectorAll('article .math')];
return {
  untouched: all.filter(e => !e.querySelector('mjx-container')).map(e => e.textContent.trim()),
  wrong: [...document.querySelectorAll('[data-mjx-error], [data-mml-node="merror"]')]
    .map(e => e.getAttribute('data-mjx-error') || e.textContent),
};
"""
SHIFTS = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""


@pytest.fixture(scope="module", params=[360, 1280])
def visits(request, started, address, pages):
    """Each page's first visit, on a phone and on a desk: all tests look at the same ones."""
    script = started.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHIFTS})
    screen(started, request.param)
    seen = {}
    for page in pages:
        started.execute_cdp_cmd("Network.clearBrowserCache", {})
        started.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "all"})
        complaints, requests = visit(started, address + page)
        started.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        formulas, shift = started.execute_script(FORMULAS), started.execute_script("return window.shift")
        seen[page] = FirstVisit(complaints, requests, formulas, shift)
    started.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    restore(started)
    return seen


def test_pages_load_whole_and_without_the_network(visits, address):
    for page, visited in visits.items():
        assert address + page in visited.requests
        assert not visited.complaints, page
        assert not outside(visited.requests, address), page
        assert visited.formulas == {"untouched": [], "wrong": []}, page


@pytest.fixture
def weights(visits, address, site, chapters):
    """Sizes of the files that an empty browser loads to show each page, by path within the site."""

    def of(requests):
        paths = {url.removeprefix(address).split("?")[0].split("#")[0] for url in requests if url.startswith(address)}
        return {path: weight(site / path) for path in paths}

    return {page: of(visits[page].requests) for page in chapters}


def test_every_page_without_figures_is_light(weights):
    for page, sizes in weights.items():
        light = sum(size for path, size in sizes.items() if not path.startswith("_images/") and path != MATHJAX)
        assert light < 300 * KB, page


def test_every_page_is_light_as_the_first_one_of_a_visit(weights):
    assert any(MATHJAX in sizes for sizes in weights.values())
    for page, sizes in weights.items():
        assert page in sizes
        assert sum(sizes.values()) < 1500 * KB, page


def test_figures_are_light(site):
    figures = list((site / "_images").iterdir())
    assert figures
    heavy = {figure.name: weight(figure) for figure in figures if weight(figure) >= 100 * KB}
    assert not heavy


def test_nothing_moves_while_a_page_loads(visits, chapters):
    for page in chapters:
        assert visits[page].shift < 0.05, page


def test_a_shift_of_the_layout_is_seen(browser, address):
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHIFTS})
    visit(browser, address + "index.html")
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.execute_script("document.querySelector('article').style.paddingTop = '300px'")
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.execute_script("return window.shift") > 0.05


def test_pictures_have_their_size_in_the_page(soups):
    """Otherwise everything below a picture moves down when it has loaded."""
    sizeless = {
        f"{page}: {image.get('src')}"
        for page, soup in soups.items()
        for image in soup.select("article img")
        if not (image.get("width", "").isdigit() and image.get("height", "").isdigit())
    }
    assert not sizeless
