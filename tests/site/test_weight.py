"""What a reader has to wait for: compressed sizes of what a page loads, and whether it jumps while loading.

Sizes are those of gzip, which web servers use unless they do better. Nothing here is timed: `make paint` does that.
"""

import gzip

import pytest
from chromium import screen, visit

KB = 1000
# MathJax comes once, on the first page with a formula, and stays in the browser's cache.
MATHJAX = "_static/tex-svg-full.js"
COMPRESSED = (".png", ".jpg", ".woff2")


def weight(path):
    data = path.read_bytes()
    return len(data) if path.suffix in COMPRESSED else len(gzip.compress(data, mtime=0))


def loaded(browser, address, site, page):
    """What an empty browser loads to show the page: sizes by path within the site."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    _, requests = visit(browser, address + page)
    paths = {url.removeprefix(address).split("?")[0].split("#")[0] for url in requests if url.startswith(address)}
    return {path: weight(site / path) for path in paths}


@pytest.fixture(scope="module")
def weights(started, address, site, chapters):
    return {page: loaded(started, address, site, page) for page in chapters}


def test_every_page_without_figures_is_light(weights):
    for page, sizes in weights.items():
        light = sum(size for path, size in sizes.items() if not path.startswith("_images/") and path != MATHJAX)
        assert light < 300 * KB, page


def test_first_view_of_the_site_is_light_whatever_page_it_is(weights):
    assert any(MATHJAX in sizes for sizes in weights.values())
    for page, sizes in weights.items():
        assert page in sizes
        assert sum(sizes.values()) < 1500 * KB, page


def test_figures_are_light(site):
    figures = list((site / "_images").iterdir())
    assert figures
    heavy = {figure.name: weight(figure) for figure in figures if weight(figure) >= 100 * KB}
    assert not heavy


SHIFTS = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""


@pytest.fixture
def watched(browser):
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHIFTS})
    yield
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_jumps_while_a_page_loads(browser, address, chapters, watched, width):
    screen(browser, width)
    for page in chapters:
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        visit(browser, address + page)
        browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        assert browser.execute_script("return window.shift") < 0.05, page


def test_a_jump_is_noticed(browser, address, watched):
    visit(browser, address + "index.html")
    browser.execute_script("document.querySelector('article').style.paddingTop = '300px'")
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.execute_script("return window.shift") > 0.05


def test_pictures_say_their_size_before_they_are_there(soups):
    """Else what stands below moves down when a picture arrives."""
    sizeless = {
        f"{page}: {image.get('src')}"
        for page, soup in soups.items()
        for image in soup.select("article img")
        if not (image.get("width", "").isdigit() and image.get("height", "").isdigit())
    }
    assert not sizeless
