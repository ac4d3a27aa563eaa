"""The way of a reader: the answer first, then what can be moved; folded code; figures on a phone and in the dark."""

import base64
import io

import numpy as np
import pytest
from chromium import screen, visit
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PHONE = 390
PART_ONE = [f"backprop/{name}.html" for name in ("logistic", "softmax", "max_min", "network_layers", "whole_network")]
ABLATIONS = ("learning_rate", "hidden_units", "stages", "batch_size", "optimizers", "activations", "pooling", "filters")
PART_TWO = [f"mnist/{name}.html" for name in (*ABLATIONS, "dropout", "bigger", "validation", "final_model", "misread")]

SWITCH = ".btn-code-switch"
OPEN = "return [...document.querySelectorAll('details.hide.above-input')].map(details => details.open);"
# How far below the page's top each part begins, in screens of a phone.
PLACES = """
const at = selector => {
  const part = [...document.querySelectorAll(selector)].find(e => e.getBoundingClientRect().height > 0);
  return part ? (part.getBoundingClientRect().top + scrollY) / innerHeight : null;
};
return {answer: at('article .answer'), slider: at('article input[type=range]'), picture: at('article figure img'),
  heading: at('article h2')};
"""


@pytest.mark.parametrize("page", PART_ONE)
def test_a_derivation_opens_with_three_lines_and_something_to_move(browser, address, soups, page):
    assert len(soups[page].select_one("article .answer").select("li")) == 3
    screen(browser, PHONE)
    visit(browser, address + page)
    places = browser.execute_script(PLACES)
    assert places["answer"] < 0.6
    assert places["answer"] < places["slider"] < min(1.9, places["heading"])


@pytest.mark.parametrize("page", PART_TWO)
def test_an_experiment_opens_with_a_sentence_and_a_picture(browser, address, page):
    screen(browser, PHONE)
    visit(browser, address + page)
    places = browser.execute_script(PLACES)
    assert places["answer"] < places["picture"] < min(0.9, places["heading"])


@pytest.mark.parametrize("page", [*PART_ONE, *PART_TWO])
def test_code_is_folded_except_solutions_and_what_the_text_is_about(soups, page):
    folded = soups[page].select("details.hide.above-input .cell_input")
    shown = [cell for cell in soups[page].select(".cell_input") if cell not in folded]
    assert len(folded) > len(shown)
    kept = {"tag_solution", "tag_show-input"}
    assert all(kept.intersection(cell.parent["class"]) for cell in shown)


def test_the_switch_opens_all_code_by_keyboard_and_is_remembered(browser, address):
    visit(browser, address + PART_ONE[0])
    button = browser.find_element(By.CSS_SELECTOR, SWITCH)
    assert (button.text, button.get_attribute("aria-pressed")) == ("Show code", "false")
    assert not any(browser.execute_script(OPEN))
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    assert all(browser.execute_script(OPEN))
    visit(browser, address + PART_ONE[1])
    assert all(browser.execute_script(OPEN))
    browser.find_element(By.CSS_SELECTOR, SWITCH).send_keys(Keys.SPACE)
    visit(browser, address + PART_ONE[0])
    assert not any(browser.execute_script(OPEN))


def test_code_opens_cell_by_cell_without_scripts(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address + PART_ONE[0])
    assert not browser.find_element(By.CSS_SELECTOR, SWITCH).is_displayed()
    cell = browser.find_element(By.CSS_SELECTOR, "details.hide.above-input")
    code = cell.find_element(By.CSS_SELECTOR, "pre")
    assert not code.is_displayed()
    cell.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: code.is_displayed())


def test_printing_opens_the_code_and_folds_it_again(browser, address):
    visit(browser, address + PART_ONE[0])
    browser.execute_script("dispatchEvent(new Event('beforeprint'));")
    assert all(browser.execute_script(OPEN))
    browser.execute_script("dispatchEvent(new Event('afterprint'));")
    assert not any(browser.execute_script(OPEN))


# A blue square as a figure: its color on the page, and that of the ground beside it.
FIGURE = """
const canvas = document.createElement('canvas');
canvas.width = canvas.height = 40;
const pen = canvas.getContext('2d');
pen.fillStyle = arguments[0];
pen.fillRect(0, 0, 40, 20);
document.documentElement.dataset.theme = 'dark';
document.querySelector('article').insertAdjacentHTML('afterbegin',
  `<figure style="margin: 0; width: 40px"><img src="${canvas.toDataURL()}" alt="" width="40" height="40"></figure>`);
scrollTo(0, 0);
const box = document.querySelector('article figure img').getBoundingClientRect();
return [box.left, box.top];
"""


@pytest.mark.parametrize(
    ("color", "seen"), [("#000000", "#ffffff"), ("#0072b2", "#42b4f4"), ("#d55e00", "#f37c1e"), ("#793f00", "#eab071")]
)
def test_a_figure_has_the_dark_pages_ground_and_the_colors_computed_for_it(browser, address, color, seen):
    """tests/pages/test_figures.py computes contrasts with these colors and this ground."""
    visit(browser, address + PART_ONE[0])
    left, top = browser.execute_script(FIGURE, color)
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    with Image.open(io.BytesIO(base64.b64decode(browser.get_screenshot_as_base64()))) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    found, ground = pixels[int(top) + 10, int(left) + 20], pixels[int(top) + 30, int(left) + 20]
    assert np.abs(found - [int(seen[i : i + 2], 16) for i in (1, 3, 5)]).max() <= 2
    assert ground.tolist() == [0x12] * 3


# Figures that scroll, with the first words of their captions.
SCROLLING = """
return [...document.querySelectorAll('article figure:has(> img)')].map(figure => [
  figure.id, figure.scrollWidth > figure.clientWidth + 1,
  getComputedStyle(figure.querySelector('figcaption'), '::before').content]);
"""


@pytest.mark.parametrize("page", [PART_ONE[0], *PART_TWO])
def test_on_a_phone_a_figure_fits_or_says_that_it_scrolls(browser, address, page):
    screen(browser, PHONE)
    visit(browser, address + page)
    found = browser.execute_script(SCROLLING)
    assert found
    for name, scrolls, before in found:
        assert scrolls == ("Scroll sideways" in before), name
        assert not (scrolls and name.startswith("fig-answer")), name


# Cells of tables with at least three words, set in almost as many lines as they have words.
SQUEEZED = """
const range = document.createRange();
return [...document.querySelectorAll('article table.table td, article table.table th')].filter(cell => {
  const words = cell.textContent.trim().split(/\\s+/).length;
  range.selectNodeContents(cell);
  const lines = new Set([...range.getClientRects()].map(box => Math.round(box.bottom / 8))).size;
  return words >= 3 && lines > 0.75 * words;
}).map(cell => cell.textContent.trim());
"""


@pytest.mark.parametrize("page", ["mnist/stages.html", "mnist/dropout.html", "mnist/final_model.html"])
def test_on_a_phone_no_table_has_one_word_a_line(browser, address, page):
    screen(browser, PHONE)
    visit(browser, address + page)
    assert browser.execute_script(SQUEEZED) == []
    browser.execute_script(
        "document.querySelectorAll('table').forEach(e => { e.style.minWidth = 0; e.style.width = '9rem' })"
    )
    assert browser.execute_script(SQUEEZED) != []  # the test can fail
