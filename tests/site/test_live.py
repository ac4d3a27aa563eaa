"""Part I runs in the page: every live cell, in another Python on another machine, gives what the snapshot holds.

Pages are opened from the disk, where a browser allows least. Set WITHOUT_LIVE to test a site that was built without its
live parts, because the npm registry could not be reached.
"""

import json
import os
import time

import nbformat
import pytest
from accessibility import AXE, violations
from chapters import pairs
from chromium import UNFOLD, outside, screen, visit
from live.liveness import cells
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHAPTERS = ("logistic", "softmax", "max_min", "network_layers", "whole_network")
PAGES = (*(f"backprop/{chapter}" for chapter in CHAPTERS), "try_your_own", "appendix/mistakes")
PAGE = "backprop/logistic"
NAMES, SLOPE, CHAIN, PEAK = "x_in, x_out, E, u =", '"slope",', "answer = derive(", '"peak",'  # of its cells
LARGEST = 16e6  # bytes of all scripts with Python

STATUS = "return document.querySelector('.live-bar [role=status]').textContent"
RESULTS = "return live.cells.filter(cell => !cell.needs).map(({index, result, same}) => ({index, result, same}))"
IDLE = "return !document.body.classList.contains('live-busy')"
TYPE = """
const [area, text] = arguments;
area.value = text;
area.dispatchEvent(new Event('input', {bubbles: true}));
"""


@pytest.fixture(scope="module", autouse=True)
def live_parts(site):
    if not (site / "_static" / "live" / "index.js").is_file():
        if os.environ.get("WITHOUT_LIVE"):
            pytest.skip("The site was built without its live parts.")
        pytest.fail(
            "The site was built without its live parts: npm's registry could not be reached. (Set WITHOUT_LIVE.)"
        )


def until(browser, idle, seconds=120):
    """Wait until a script returns true; return the status line."""
    end = time.monotonic() + seconds
    while not browser.execute_script(idle):
        assert time.monotonic() < end, browser.execute_script(STATUS)
        time.sleep(0.05)
    return browser.execute_script(STATUS)


def click(browser, element):
    browser.execute_script("arguments[0].click()", element)
    return until(browser, IDLE)


def find(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def opened(browser, site, page):
    """Open a page from the disk; return what it complained about and requested."""
    complaints, requests = visit(browser, (site / f"{page}.html").as_uri())
    browser.execute_script("try { localStorage.removeItem('book-answers'); } catch { }")
    return complaints, requests


def requested(browser):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


@pytest.fixture(scope="module", params=PAGES)
def ran(request, started, site):
    """A chapter of which all live cells have run, with the addresses that this took."""
    opened(started, site, request.param)
    status = click(started, find(started, ".live-run-page"))
    return request.param, started.execute_script(RESULTS), status, requested(started), started.get_log("browser")


def text_of(output):
    """A stored output in the terms of the page: what was printed, and the value by format."""
    joined = lambda value: "".join(value) if isinstance(value, list) else value  # noqa: E731
    if output.output_type == "stream":
        return {"text": joined(output.text)}
    return {"data": {kind: joined(value) for kind, value in output.data.items()}}


def test_every_live_cell_gives_the_output_of_the_snapshot(ran):
    page, results, status, _, _ = ran
    stored = [cell for cell in nbformat.read(pairs.BOOK / f"{page}.ipynb", 4).cells if cell.cell_type == "code"]
    live = [place for place, cell in enumerate(cells(nbformat.read(pairs.BOOK / f"{page}.ipynb", 4))) if not cell.needs]
    assert [result["index"] for result in results] == live
    assert status.startswith("Ran"), status
    assert results
    for result in results:
        shown = {"text": "", "data": None, "error": None}
        for output in stored[result["index"]].outputs:
            shown |= text_of(output)
        assert result["result"] == shown, result["index"]


def test_the_page_shows_it_as_recorded(ran):
    """The page's own typesetting gives the text that the build gave: formulas, numbers, rules and links."""
    _, results, status, _, _ = ran
    assert [result["index"] for result in results if not result["same"]] == []
    assert f"{len(results)} of {len(results)} outputs are as recorded" in status


def test_it_takes_nothing_from_outside(ran, site):
    _, _, _, requests, log = ran
    assert any("_static/live/" in url for url in requests)
    assert outside(requests, site.as_uri()) == []
    assert [entry["message"] for entry in log if entry["level"] == "SEVERE"] == []


def test_the_scripts_are_light_and_load_after_the_click_only(browser, site):
    files = list((site / "_static" / "live").glob("*.js"))
    assert sum(file.stat().st_size for file in files) < LARGEST
    _, requests = opened(browser, site, PAGE)
    assert not [url for url in requests if "_static/live/" in url]
    assert (site / "_static" / "live" / "LICENCES.txt").read_text(encoding="utf-8").count("\n") > 50


# ---------------------------------------------------------------- one page, in all its states


@pytest.fixture(scope="module")
def page(started, site):
    opened(started, site, PAGE)
    click(started, cell(started, NAMES)[1])
    return started


CELL = """
const cell = live.cells.find(cell => (cell.recordedSource ?? cell.box.textContent).includes(arguments[0]));
return [cell.box, cell.button, cell.area, cell.reset];
"""


def cell(page, code):
    """The box, the buttons and the code of the first cell that holds this code."""
    return page.execute_script(CELL, code)


def reset(page, code):
    page.execute_script("arguments[0].click()", cell(page, code)[3])


def edited(page, code, old, new):
    """Change a cell's code and run it; return the status line."""
    _, button, area, _ = cell(page, code)
    source = area.get_attribute("value")
    assert old in source
    page.execute_script(TYPE, area, source.replace(old, new))
    return click(page, button)


def test_a_false_step_is_refused_with_its_sentence_and_a_reset_brings_the_record_back(page):
    box, _, _, again = cell(page, SLOPE)
    before = box.find_element(By.CSS_SELECTOR, ".cell_output").text
    status = edited(page, SLOPE, "Product(sigma(x_in), 1 - sigma(x_in))", "Product(sigma(x_in), 2 - sigma(x_in))")
    assert 'Step 5 of "slope" (definition) is not an equality.' in status
    error = box.find_element(By.CSS_SELECTOR, ".live-error")
    assert "is not an equality" in error.find_element(By.TAG_NAME, "p").text
    assert not error.find_element(By.CSS_SELECTOR, "pre").is_displayed()  # the traceback is folded
    assert error.find_element(By.CSS_SELECTOR, "pre").get_attribute("textContent").startswith("Traceback")
    page.execute_script("arguments[0].click()", again)
    assert "Recorded output" in box.text
    assert box.find_element(By.CSS_SELECTOR, ".cell_output").text == before
    assert not box.find_elements(By.CSS_SELECTOR, ".live-error")


def test_a_changed_chain_is_typeset_and_numbered(page):
    edited(
        page, SLOPE, 'Partial(1 / (1 + exp(-x_in)), x_in), "definition"', 'Partial(1 / (exp(-x_in) + 1), x_in), "mine"'
    )
    box, _, _, _ = cell(page, SLOPE)
    equations = box.find_elements(By.CSS_SELECTOR, "div.math")
    assert len(equations) == 6
    assert all(equation.find_elements(By.CSS_SELECTOR, "mjx-container") for equation in equations)
    numbers = [equation.find_element(By.CSS_SELECTOR, ".eqno").text.rstrip("#") for equation in equations]
    assert numbers == [f"(1.{number})" for number in range(2, 8)]
    assert "mine" in box.text
    assert "as recorded" not in box.find_element(By.CSS_SELECTOR, ".live-label").text


def test_a_cell_that_needs_more_says_so(page):
    box = cell(page, "check_gradient(")[0]
    assert "NumPy and PyTorch" in box.text
    assert not box.find_elements(By.CSS_SELECTOR, ".live-run, textarea")
    status = edited(page, CHAIN, "answer = ", "import numpy\nanswer = ")
    assert "No module named 'numpy'" in status
    reset(page, CHAIN)


def answer(page, label, source):
    area = page.execute_script(
        "return [...document.querySelectorAll('.live-answer')].find(e => "
        "document.getElementById(arguments[0]).compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING)",
        label,
    )
    page.execute_script(TYPE, area.find_element(By.CSS_SELECTOR, "textarea"), source)
    click(page, area.find_element(By.CSS_SELECTOR, ".live-check"))
    return area.find_element(By.CSS_SELECTOR, "[role=status]").text


def test_exercises_are_judged_as_in_the_student_edition(page):
    assert "No answer yet" in answer(page, "logistic-tanh", "answer_1 = ...")
    assert "Wrong: at x_in = " in answer(page, "logistic-tanh", "answer_1 = 1 - tanh(x_in)")
    marks = page.find_elements(By.CSS_SELECTOR, ".answers-mark")
    assert not marks
    right = answer(page, "logistic-tanh", "answer_1 = (1 + tanh(x_in)) * (1 - tanh(x_in))")
    assert right.startswith("Right")
    assert "proved" in right
    wrong = answer(page, "logistic-nll", "steps_2 = [Step(Total(x_out, y), 'a guess')]")
    assert "is not an equality" in wrong
    assert [mark.get_attribute("textContent") for mark in page.find_elements(By.CSS_SELECTOR, ".answers-mark")] == [
        "✓ 1/3, 1 of 3 exercises answered"
    ]


def test_an_answer_defines_no_names_for_the_page(page):
    assert "Right" in answer(page, "logistic-tanh", "x_out = 3\nanswer_1 = 1 - tanh(x_in) ** 2")
    edited(page, SLOPE, "derive(", "print(x_out)\nderive(")
    assert "x_out" in cell(page, SLOPE)[0].find_element(By.CSS_SELECTOR, ".stream").text


def test_right_answers_are_marked_until_they_are_forgotten(page):
    kept = json.loads(page.execute_script("return localStorage.getItem('book-answers')"))
    assert kept == {PAGE: {"right": ["logistic-tanh"], "of": 3}}
    page.execute_script("document.querySelector('.live-forget').click()")
    assert not page.find_elements(By.CSS_SELECTOR, ".answers-mark")


def test_a_run_can_be_stopped_and_python_starts_again(page):
    _, button, area, _ = cell(page, SLOPE)
    page.execute_script(TYPE, area, "while True: pass")
    page.execute_script("arguments[0].click()", button)
    until(page, "return document.querySelector('[data-live=running]') !== null")
    page.execute_script("document.querySelector('.live-stop').click()")
    assert until(page, IDLE).startswith("Stopped.")
    reset(page, SLOPE)
    click(page, button)
    assert "as recorded" in cell(page, SLOPE)[0].find_element(By.CSS_SELECTOR, ".live-label").text


def test_a_lack_of_memory_is_told_in_a_sentence(page):
    status = edited(page, CHAIN, "answer = ", "x = [0] * 2**29\nanswer = ")
    assert "MemoryError: The memory of this page's Python is used up." in status
    reset(page, CHAIN)


def test_the_keyboard_edits_and_leaves_the_code(page):
    page.execute_script(UNFOLD)
    _, _, area, _ = cell(page, NAMES)
    before = area.get_attribute("value")
    area.send_keys(Keys.CONTROL + Keys.END)
    area.send_keys(Keys.ENTER + "if 1:" + Keys.ENTER + "u" + Keys.ENTER + Keys.TAB + "v")
    assert area.get_attribute("value") == f"{before}\nif 1:\n    u\n        v"
    assert page.execute_script("return document.activeElement === arguments[0]", area)
    for _ in range(20):
        area.send_keys(Keys.CONTROL + "z")
    assert area.get_attribute("value") == before
    area.send_keys(Keys.ESCAPE)
    area.send_keys(Keys.TAB)
    assert not page.execute_script("return document.activeElement === arguments[0]", area)
    assert area.accessible_name.startswith("Code of cell ")


# The theme's colors fade in, and its script takes a moment after a change of width to let the keyboard scroll boxes.
SETTLED = """
return !document.getAnimations().some(each => each.playState === 'running') &&
  [...document.querySelectorAll('pre[tabindex="-1"]')].every(box => box.scrollWidth <= box.clientWidth);
"""


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_the_running_page_is_accessible_and_keeps_its_width(page, theme, width):
    edited(page, PEAK, "derive(", "1 / 0\nderive(")  # an error is shown
    screen(page, width)
    page.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    WebDriverWait(page, 10).until(lambda _: page.execute_script(SETTLED))
    page.execute_script(AXE.read_text(encoding="utf-8"))
    assert violations(page)[0] == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    reset(page, PEAK)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


HIDDEN = """
const parts = '.live-bar, .live-run, .live-reset, .live-answer, .live-form, .answers-mark';
return [...document.querySelectorAll(parts)].filter(e => e.checkVisibility()).length;
"""


def test_paper_shows_no_buttons(page):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.execute_script(HIDDEN) == 0
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_scripts_the_page_is_static(browser, site):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    for name in (PAGE, "try_your_own"):
        browser.get((site / f"{name}.html").as_uri())
        assert not [e for e in browser.find_elements(By.CSS_SELECTOR, ".live-bar, .live-form") if e.is_displayed()]


KEPT = """
const done = arguments[0];
(async () => {
  const cache = await caches.open('live');
  const kept = await Promise.all((await cache.keys()).map(async key => (await (await cache.match(key)).text()).length));
  done(kept.sort());
})();
"""


def test_a_server_gives_the_scripts_once(browser, address, site):
    """A service worker keeps them for the next chapter."""
    sizes = [file.stat().st_size for file in (site / "_static" / "live").glob("*-*.js")]
    visit(browser, f"{address}try_your_own.html")
    status = click(browser, browser.execute_script("return live.cells[0].button"))
    assert status.startswith("Ran 1 cell"), status
    assert sorted(browser.execute_async_script(KEPT)) == sorted(sizes)
    assert browser.execute_script("return navigator.serviceWorker.controller !== null")


def test_blocked_storage_keeps_no_answers_and_breaks_nothing(browser, site):
    blocked = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('blocked'); }});"
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": blocked})
    visit(browser, (site / f"{PAGE}.html").as_uri())  # the theme itself complains
    browser.execute_script("answers.add(arguments[0], 'logistic-tanh', 3)", PAGE)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".answers-mark")) == 1
    assert click(browser, cell(browser, NAMES)[1]).startswith("Ran ")
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
