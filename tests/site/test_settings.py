"""Readers whose browser stores nothing, runs no scripts, forces its own colors, or prints; and links and copies."""

import contextlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chromium import UNFOLD, screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

# Pages with scripts of their own.
PAGES = ("index.html", "backprop/softmax.html", "mnist/draw.html", "search.html", "404.html")
REFUSE = {
    "refused": "get() { throw new DOMException('Access is denied.', 'SecurityError'); }",
    "absent": "value: null",
    "full": "value: { getItem: () => null, setItem() { throw new DOMException('', 'QuotaExceededError'); } }",
}


@pytest.fixture(params=REFUSE)
def no_storage(request, browser):
    """Refuse storage as browsers do: by an error, as null, or when something is to be stored."""
    names = "for (const name of ['localStorage', 'sessionStorage'])"
    source = f"{names} Object.defineProperty(window, name, {{ configurable: true, {REFUSE[request.param]} }});"
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    yield browser
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_pages_work_without_storage(no_storage, address):
    for page in PAGES:
        complaints, _ = visit(no_storage, address + page)
        assert not complaints, page
    modes = []
    for _ in range(3):
        no_storage.execute_script("document.querySelector('.theme-switch-button').click()")
        modes.append(no_storage.execute_script("return document.documentElement.dataset.mode"))
    assert sorted(modes) == ["auto", "dark", "light"]
    visit(no_storage, f"{address}search.html?q=softmax")
    results = "return document.querySelectorAll('#search-results ul.search a').length"
    WebDriverWait(no_storage, 20).until(lambda browser: browser.execute_script(results) > 3)


# Text that is not shown, and buttons that do nothing without scripts.
WITHOUT_SCRIPTS = """
const shown = e => e.checkVisibility({visibilityProperty: true});
const speaks = e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
const text = 'article :is(p, li, td, th, dt, dd, h1, h2, h3, pre, span)';
return {
  hidden: [...document.querySelectorAll(text)].filter(e => speaks(e) && !shown(e))
    .filter(e => !e.closest('details:not([open]), [hidden], .live-bar, .live-form, .onlyprint'))
    .map(e => e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 40)),
  dead: [...document.querySelectorAll('button')].filter(shown).map(e => e.className),
  chapters: [...document.querySelectorAll('.bd-sidebar-primary a.reference')].filter(shown).length,
  theme: document.documentElement.dataset.theme,
};
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_without_scripts_pages_show_their_text_and_the_contents(browser, address, pages, width):
    screen(browser, width)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    for page in pages:
        browser.get(address + page)
        found = browser.execute_script(WITHOUT_SCRIPTS)
        assert found["hidden"] == [], page
        assert set(found["dead"]) <= {"btn dropdown-toggle"}, page
        assert found["chapters"] > 20, page
        assert found["theme"] == "light"
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
    browser.get(address + "index.html")
    menu = browser.find_element(By.CSS_SELECTOR, ".dropdown-download-buttons")
    browser.execute_script("arguments[0].focus()", menu.find_element(By.TAG_NAME, "button"))
    assert all(link.is_displayed() for link in menu.find_elements(By.CSS_SELECTOR, ".dropdown-menu a"))


def emulate(browser, **features):
    wishes = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wishes})


BARS = """
return [...document.querySelectorAll(arguments[0])].map(bar => {
  const color = e => getComputedStyle(e).backgroundColor;
  return color(bar) !== color(bar.parentElement) && color(bar) !== 'rgba(0, 0, 0, 0)';
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_are_seen_in_forced_colors(browser, address, scheme):
    emulate(browser, forced_colors="active", prefers_color_scheme=scheme)
    for page, bars in (("backprop/softmax.html", ".playground-bar"), ("mnist/draw.html", ".draw-bar")):
        visit(browser, address + page)
        seen = browser.execute_script(BARS, bars)
        assert len(seen) > 3
        assert all(seen), page


def test_a_pad_without_a_drawing_is_not_printed(browser, address):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    visit(browser, address + "mnist/draw.html")
    assert not browser.find_element(By.CSS_SELECTOR, ".draw-digit").is_displayed()
    browser.execute_script("document.querySelector('.digit-gallery button').click()")
    WebDriverWait(browser, 60).until(lambda _: browser.find_element(By.CSS_SELECTOR, ".draw-digit").is_displayed())


def test_a_link_to_something_folded_unfolds_it(browser, address):
    page = address + "mnist/stages.html"
    visit(browser, page)
    folded = browser.execute_script("return [...document.querySelectorAll('.toggle-hidden')].map(e => e.id)")
    assert len(folded) > 1
    inside = browser.execute_script(
        "return document.querySelectorAll('.toggle-hidden')[1].querySelector('[id^=codecell]').id"
    )
    in_quiz = browser.execute_script("return document.querySelector('details.quiz p').id = 'in-quiz'")

    def is_shown(name):
        target = browser.execute_script("return document.getElementById(arguments[0])", name)
        top = browser.execute_script("return arguments[0].getBoundingClientRect().top", target)
        hidden = "return arguments[0].closest('.toggle-hidden, details:not([open])') || !arguments[0].checkVisibility()"
        return not browser.execute_script(hidden, target) and 0 <= top < 600

    # Along a link within the page, and again after it was folded.
    for name in (inside, in_quiz, inside):
        link = f"<a id=go href='#{name}'>go</a>"
        browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", link)
        browser.execute_script("document.getElementById('go').click()")
        WebDriverWait(browser, 5).until(lambda _, name=name: is_shown(name))
        browser.execute_script(
            "document.querySelectorAll('.toggle:not(.toggle-hidden) .toggle-button').forEach(b => b.click())"
        )
        browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = false; })")
        assert not is_shown(name)
        browser.execute_script("document.getElementById('go').click(); document.getElementById('go').remove()")
        WebDriverWait(browser, 5).until(lambda _, name=name: is_shown(name))
    # From another page.
    for name in (folded[0], inside):
        visit(browser, address + "search.html")
        visit(browser, f"{page}#{name}")
        WebDriverWait(browser, 5).until(lambda _, name=name: is_shown(name))


# Press every copy button of the page, and note what it would copy.
COPIES = """
const buttons = [...document.querySelectorAll('button.copybtn')], copied = [];
document.execCommand = () => copied.push(document.querySelector('body > textarea[readonly]').value);
buttons.forEach(button => button.click());
return buttons.map((button, i) => [document.querySelector(button.dataset.clipboardTarget).textContent, copied[i]]);
"""


def test_copies_are_what_the_page_shows_and_examples_come_without_prompts(browser, address):
    for page in ("backprop/softmax.html", "mnist/draw.html", "appendix/own_notebook.html"):
        visit(browser, address + page)
        copies = browser.execute_script(COPIES)
        assert len(copies) > 5
        assert [shown for shown, copied in copies if shown.strip() != copied.strip()] == [], page
    visit(browser, address + "appendix/api.html")
    examples = [(shown, copied) for shown, copied in browser.execute_script(COPIES) if shown.startswith(">>> ")]
    assert len(examples) > 20
    for shown, copied in examples:
        lines = [line[4:] for line in shown.splitlines() if line.startswith((">>> ", "... "))]
        assert copied.rstrip("\n").split("\n") == lines


@pytest.mark.parametrize("start", ["http", "file"])
def test_the_copy_button_copies(browser, site, address, start):
    browser.get((address if start == "http" else site.as_uri() + "/") + "backprop/logistic.html")
    browser.execute_script(UNFOLD)
    button = browser.find_element(By.CSS_SELECTOR, ".cell_input button.copybtn")
    code = button.find_element(By.XPATH, "..").find_element(By.TAG_NAME, "pre").get_attribute("textContent")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()
    browser.execute_script("document.body.insertAdjacentHTML('afterbegin', '<textarea id=paste></textarea>')")
    paste = browser.find_element(By.ID, "paste")
    paste.send_keys(Keys.CONTROL + "v")
    assert paste.get_attribute("value").strip() == code.strip()


class WrongAddresses(SimpleHTTPRequestHandler):
    """Serves the site below /book/, and for a wrong address the site's page for it, as web servers do."""

    def translate_path(self, path):
        return super().translate_path(path.removeprefix("/book"))

    def send_error(self, code, message=None, explain=None):
        page = Path(self.directory, "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    def log_message(self, *arguments):
        """Print nothing."""


@pytest.fixture
def published(site):
    with contextlib.ExitStack() as stack:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(WrongAddresses, directory=str(site)))
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize("wrong", ["nowhere.html", "book/nowhere", "book/mnist/nowhere.html", "book/a/b/c/d.html?e=f"])
def test_the_page_for_wrong_addresses_has_styles_and_links_at_any_depth(browser, published, wrong):
    visit(browser, published + wrong)
    root = published + ("book/" if wrong.startswith("book/") else "")
    assert browser.find_element(By.CSS_SELECTOR, "article h1").text == "There is no page at this address"
    accent = "return getComputedStyle(document.documentElement).getPropertyValue('--book-good')"
    assert browser.execute_script(accent)  # of book.css
    links = browser.execute_script("return [...document.querySelectorAll('article a[href]')].map(a => a.href)")
    assert {root + "index.html", root + "search.html"} <= set(links)
    skip = browser.find_element(By.CSS_SELECTOR, "#pst-skip-link a").get_attribute("href")
    assert skip == published + wrong + "#main-content"
