"""The built pages in a real browser that can reach nothing but the site itself."""

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labcode.playground import SoftmaxPlayground

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]

# Resolves when MathJax, if the page loads it, has typeset the page.
TYPESET = """
const done = arguments[0];
const wait = () => window.MathJax?.startup?.promise
  ? MathJax.startup.promise.then(() => done(true)) : setTimeout(wait, 20);
document.querySelector('script[src*="tex-svg"]') ? wait() : done(false);
"""
# Formulas that MathJax left alone, and the messages of those that it could not read.
FORMULAS = """
const all = [...document.querySelectorAll('article .math')];
return {
  untouched: all.filter(e => !e.querySelector('mjx-container')).map(e => e.textContent.trim()),
  wrong: [...document.querySelectorAll('[data-mjx-error], [data-mml-node="merror"]')]
    .map(e => e.getAttribute('data-mjx-error') || e.textContent),
};
"""
UNFOLD = """
document.querySelectorAll('details').forEach(e => { e.open = true; });
document.querySelectorAll('.toggle-hidden').forEach(e => e.classList.remove('toggle-hidden'));
"""
# What sticks out of the page to the right and cannot be scrolled to within a box of its own.
STICKING_OUT = """
const scrolls = e => e && e !== document.body
  && (['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
return [...document.querySelectorAll('article, article *, footer, footer *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement))
  .map(e => e.tagName + '.' + e.getAttribute('class') + ': ' + e.textContent.trim().slice(0, 40));
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing: the requests are read from the browser's own log."""


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("The browser tests need chromium and chromedriver (`make browser`).")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    # No name but the site's own address can be looked up: the network is refused.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    browser = webdriver.Chrome(service=Service(driver), options=options)
    browser.set_script_timeout(60)
    yield browser
    browser.quit()


def visit(browser, url):
    """Open a page, wait for its formulas; return the console's complaints and the requests."""
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(url)
    browser.execute_async_script(TYPESET)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return complaints, requests


def outside(requests, address):
    return [url for url in requests if not url.startswith((address, "data:", "blob:"))]


def test_network_is_refused_and_a_request_is_seen(browser, address):
    """The next tests could not fail if a request to another place went unseen."""
    browser.get(address)
    browser.get_log("performance")
    browser.execute_async_script("fetch('https://example.org/a.js').catch(() => 0).then(() => arguments[0]())")
    log = json.dumps(browser.get_log("performance"))
    assert "https://example.org/a.js" in log
    assert "ERR_NAME_NOT_RESOLVED" in log


def test_pages_load_without_a_complaint_and_without_the_network(browser, address, pages):
    for page in pages:
        complaints, requests = visit(browser, address + page)
        assert address + page in requests
        assert not complaints, page
        assert not outside(requests, address), page


def test_formulas_are_typeset(browser, address, pages):
    for page in pages:
        visit(browser, address + page)
        assert browser.execute_script(FORMULAS) == {"untouched": [], "wrong": []}, page


def test_no_page_is_wider_than_a_phone_in_light_and_dark(browser, address, pages):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        for page in pages:
            visit(browser, address + page)
            browser.execute_script(UNFOLD)
            for theme in ("light", "dark"):
                browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
                width = browser.execute_script("return document.documentElement.scrollWidth")
                assert width <= PHONE["width"], f"{page}, {theme}"
                assert browser.execute_script(STICKING_OUT) == [], f"{page}, {theme}"
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dark_page_is_dark_and_its_figures_stay_on_white(browser, address, pages):
    browser.get(address)
    browser.execute_script("localStorage.mode = localStorage.theme = 'dark'")
    try:
        figures = 0
        for page in pages:
            visit(browser, address + page)
            ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
            assert max(int(part) for part in ground[4:-1].split(",")[:3]) < 64, page
            for figure in browser.find_elements(By.CSS_SELECTOR, "article .cell_output img"):
                assert figure.value_of_css_property("background-color") == "rgba(255, 255, 255, 1)"
                figures += 1
        assert figures, "the book shows no figure at all"
    finally:
        browser.execute_script("localStorage.clear()")


def test_search_finds_a_page_by_a_word_of_its_title(browser, address, site):
    visit(browser, address + "index.html")
    link = browser.find_element(By.CSS_SELECTOR, "nav.bd-links li.toctree-l1:not(.current) a")
    title, page = link.get_attribute("textContent"), link.get_attribute("href")
    word = max((part for part in title.split() if part.isalpha()), key=len)
    visit(browser, f"{address}search.html?q={word}")
    results = WebDriverWait(browser, 20).until(
        lambda browser: browser.find_elements(By.CSS_SELECTOR, "#search-results ul.search a")
    )
    found = [result.get_attribute("href").split("?")[0].split("#")[0] for result in results]
    assert page in found


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
    """On a phone, and without scrolling: a step that one has to scroll is a step that one does not read."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        for page in (page for page in pages if page.startswith("backprop/")):
            visit(browser, address + page)
            browser.execute_script(UNFOLD)
            assert browser.execute_script(FORMULAS_TOO_WIDE) == [], page
        widen = "document.querySelector('article div.math mjx-container svg').style.width = '700px'"
        browser.execute_script(widen)
        assert len(browser.execute_script(FORMULAS_TOO_WIDE)) == 1  # the test can fail
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_sliders_of_the_softmax_page_move_by_keyboard_and_agree_with_python(browser, address):
    visit(browser, address + "backprop/softmax.html")
    beta = browser.find_element(By.ID, "softmax-beta")
    assert browser.find_element(By.CSS_SELECTOR, "label[for=softmax-beta]").text == "β"

    def shares():
        return [element.text for element in browser.find_elements(By.CLASS_NAME, "softmax-share")]

    def expected(value):
        playground = SoftmaxPlayground((-1.0, 0.0, 1.0, 2.0), value)
        return [f"{share:.1%}" for share in playground.probabilities]

    assert shares() == expected(1.0)
    beta.send_keys(Keys.ARROW_RIGHT * 5)
    assert shares() == expected(1.5)
    beta.send_keys(Keys.HOME)
    assert shares() == expected(-4.0)
    status = browser.find_element(By.CSS_SELECTOR, ".softmax-playground [role=status]")
    WebDriverWait(browser, 5).until(lambda _: status.text.startswith("β is -4: "))
    first = browser.find_element(By.ID, "softmax-x1")
    first.send_keys(Keys.END)
    assert shares() != expected(-4.0)
