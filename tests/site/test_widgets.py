"""Widgets, quizzes and downloads on the built pages: by keyboard, without scripts, and from the disk."""

import io
import json
import random
import re
import zipfile

import pytest
import torch
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labcode.pages.playground import SoftmaxPlayground

SOFTMAX = "backprop/softmax.html"
STEPPERS = ("backprop/max_min.html", "backprop/network_layers.html")

# Set the sliders and notify the page, as a mouse would.
SLIDE = """
for (const [id, value] of Object.entries(arguments[0])) {
  const slider = document.getElementById(id);
  slider.value = value;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
}
"""
READ = """
const all = (selector, read) => [...document.querySelectorAll('.playground ' + selector)].map(read);
const width = e => e.getBoundingClientRect().width;
return {
  shares: all('.playground-share', e => e.textContent),
  cells: all('.softmax-jacobian tbody td', e => [e.textContent, e.className]),
  bars: all('.playground-bar', e => width(e) / width(e.parentElement)),
};
"""
NAMES = [f"softmax-{number}" for number in range(5)]  # β, then the inputs


def number(text):
    return float(text.replace("−", "-").rstrip("%"))


def find(place, selector):
    return place.find_elements(By.CSS_SELECTOR, selector)


def sliders(browser):
    return [browser.find_element(By.ID, name) for name in NAMES]


def assert_softmax_shows(browser, beta, inputs):
    x = torch.tensor(inputs, dtype=torch.float64)
    right = torch.softmax(-beta * x, dim=0)
    jacobian = torch.autograd.functional.jacobian(lambda x: torch.softmax(-beta * x, dim=0), x).flatten().tolist()
    shown = browser.execute_script(READ)
    assert [number(share) / 100 for share in shown["shares"]] == pytest.approx(right.tolist(), abs=1e-4)
    assert [number(text) for text, _ in shown["cells"]] == pytest.approx(jacobian, abs=1e-4)
    assert shown["bars"] == pytest.approx(right.tolist(), abs=0.01)
    # The text has the sign, not only the color.
    for (text, color), entry in zip(shown["cells"], jacobian, strict=True):
        if abs(entry) > 1e-4:
            assert text[0] == ("−" if entry < 0 else "+")
            assert color == ("negative" if entry < 0 else "positive")


@pytest.mark.parametrize("beta", [-4.0, 0.0, 4.0])
def test_softmax_agrees_with_the_framework(browser, address, beta):
    browser.get(address + SOFTMAX)
    draw = random.Random(beta)
    for _ in range(3):
        inputs = [draw.randint(-40, 40) / 10 for _ in range(4)]
        browser.execute_script(SLIDE, dict(zip(NAMES, [beta, *inputs], strict=True)))
        assert_softmax_shows(browser, beta, inputs)


MOVE = """
const [slider, status] = arguments;
slider.stepUp();
slider.dispatchEvent(new Event('input', {bubbles: true}));
return status.textContent;
"""


def test_softmax_moves_by_keyboard_and_announces_itself_when_it_rests(browser, address):
    browser.get(address + SOFTMAX)
    steps = [0, 13, 57, 80, 38]  # of a tenth, up from -4
    for slider, count in zip(sliders(browser), steps, strict=True):
        slider.send_keys(Keys.HOME + Keys.ARROW_RIGHT * count)
    inputs = [-4 + count / 10 for count in steps[1:]]
    assert_softmax_shows(browser, -4.0, inputs)
    status = browser.find_element(By.CSS_SELECTOR, ".playground [role=status]")
    WebDriverWait(browser, 5).until(lambda _: status.text == SoftmaxPlayground(inputs, -4.0).summary)
    # Silent while it moves: read within the page, where no time passes.
    said = browser.execute_script(MOVE, sliders(browser)[0], status)
    assert said.startswith("β is -4")
    sliders(browser)[0].send_keys(Keys.ARROW_RIGHT * 39)
    assert_softmax_shows(browser, 0.0, inputs)
    WebDriverWait(browser, 5).until(lambda _: status.text == SoftmaxPlayground(inputs, 0.0).summary)
    sliders(browser)[0].send_keys(Keys.END)
    assert_softmax_shows(browser, 4.0, inputs)


def test_every_slider_has_a_name_and_shows_focus(browser, address):
    for page in (SOFTMAX, *STEPPERS):
        browser.get(address + page)
        for control in find(browser, "article :is(.playground, .stepper) :is(input, button)"):
            assert control.accessible_name
            control.send_keys(Keys.SHIFT)  # so that the browser shows the focus
            assert control.value_of_css_property("outline-style") != "none", control.accessible_name


STATE = """
const all = selector => [...arguments[0].querySelectorAll(selector)];
return {
  status: all('[role=status]')[0].innerText,
  current: all('[aria-current=step]').map(e => e.textContent),
  errors: all('svg .error').filter(e => getComputedStyle(e).visibility === 'visible').length,
  spoken: all('input')[0].getAttribute('aria-valuetext'),
};
"""


def test_steps_appear_one_by_one_by_keyboard(browser, address):
    for page in STEPPERS:
        browser.get(address + page)
        for stepper in find(browser, ".stepper"):
            told = browser.execute_script(
                "return [...arguments[0].querySelectorAll('li')].map(e => e.textContent)", stepper
            )
            last = len(told) - 1

            def assert_at(step, stepper=stepper, told=told, last=last):
                # The drawing shows as many errors as the sentences so far.
                backwards = sum(sentence.startswith("Backward:") for sentence in told[: step + 1])
                assert browser.execute_script(STATE, stepper) == {
                    "status": f"Step {step} of {last}. {told[step]}",
                    "current": [told[step]],
                    "errors": backwards,
                    "spoken": f"Step {step} of {last}",
                }

            back, following = find(stepper, ".stepper-controls button")
            slider = stepper.find_element(By.CSS_SELECTOR, "input")
            assert_at(0)
            for step in range(1, len(told)):
                following.send_keys(Keys.ENTER if step % 2 else Keys.ARROW_RIGHT)
                assert_at(step)
            for control, keys, step in (
                (following, Keys.ENTER, last),  # stays at the end
                (back, Keys.ARROW_LEFT, last - 1),
                (back, Keys.ENTER, last - 2),
                (slider, Keys.HOME, 0),
                (slider, Keys.ARROW_RIGHT, 1),
                (slider, Keys.END, last),
            ):
                control.send_keys(keys)
                assert_at(step)


def test_the_graph_ends_with_the_gradient_of_the_framework(browser, address):
    """The inputs are read from the first sentence, the errors from the drawing."""
    browser.get(address + STEPPERS[0])
    titles, legal = [], []
    for stepper in find(browser, ".stepper"):
        first = stepper.find_element(By.CSS_SELECTOR, "li").get_attribute("textContent")
        x = torch.tensor([number(value) for value in re.findall(r"is (−?[\d.]+\d|\d)", first)], dtype=torch.float64)
        assert len(x) == 2
        x.requires_grad_(True)
        s = torch.sigmoid(x)
        (s[0] + s[1]).backward()
        names = [e.get_attribute("textContent") for e in find(stepper, "svg .name")][:2]
        errors = [number(e.get_attribute("textContent").split()[1]) for e in find(stepper, "svg .error")][:2]
        assert names == ["x₁", "x₂"]
        titles.append(stepper.find_element(By.CLASS_NAME, "stepper-title").text)
        legal.append(errors == pytest.approx(x.grad.tolist(), abs=5e-4))
    assert titles == ["The first input is larger", "A tie, equal shares", "A tie, first takes all"]
    assert legal == [True, True, False]


def test_quizzes_open_by_keyboard(browser, address, site, pages):
    asked = 0
    for page in pages:
        if 'class="quiz"' not in (site / page).read_text(encoding="utf-8"):
            continue
        browser.get(address + page)
        answers = find(browser, "details.quiz")
        asked += len(answers)
        for answer in answers[:3]:
            verdict = answer.find_element(By.CSS_SELECTOR, "p strong")
            assert not verdict.is_displayed()
            answer.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
            assert re.match(r"Right\.|No: ", verdict.text)
    assert asked >= 40


def test_without_script_nothing_is_hidden(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address + SOFTMAX)
    still = browser.find_element(By.CSS_SELECTOR, ".playground noscript")
    assert "runs no scripts" in still.text
    assert len(find(still, "tr")) == 6
    assert_softmax_shows(browser, 1.0, [-1.0, 0.0, 1.0, 2.0])
    for page in STEPPERS:
        browser.get(address + page)
        for stepper in find(browser, ".stepper"):
            assert not stepper.find_element(By.CLASS_NAME, "stepper-controls").is_displayed()
            assert all(item.is_displayed() for item in find(stepper, "li"))
            hidden = [e for e in find(stepper, "svg text") if e.value_of_css_property("visibility") == "hidden"]
            assert not hidden


def test_widgets_work_from_the_disk(browser, site):
    browser.get((site / SOFTMAX).as_uri())
    sliders(browser)[0].send_keys(Keys.HOME)
    assert_softmax_shows(browser, -4.0, [-1.0, 0.0, 1.0, 2.0])
    for page in STEPPERS:
        browser.get((site / page).as_uri())
        for stepper in find(browser, ".stepper"):
            find(stepper, ".stepper-controls button")[1].send_keys(Keys.ENTER)
            assert browser.execute_script(STATE, stepper)["status"].startswith("Step 1 ")
    browser.get_log("browser")  # errors here do not concern the next test


def test_the_student_edition_can_be_downloaded_and_has_blanks(browser, address, site):
    browser.get(address + "index.html")
    (link,) = [a for a in find(browser, "article a") if (a.get_attribute("href") or "").endswith(".zip")]
    file = site / link.get_attribute("href").removeprefix(address)
    archive = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
    assert archive.testzip() is None
    names = archive.namelist()
    for needed in ("README.md", "pyproject.toml", "labcode/__init__.py", "labcode/data/tenth.npz"):
        assert f"student-edition/{needed}" in names
    notebooks = [name for name in names if name.endswith(".ipynb")]
    assert {f"student-edition/book/{page}.ipynb" for page in ("backprop/softmax", "mnist/training")} <= set(notebooks)
    for name in notebooks:
        cells = json.loads(archive.read(name))["cells"]
        answers = [cell for cell in cells if "answer" in cell["metadata"].get("tags", [])]
        checks = [cell for cell in cells if "check" in cell["metadata"].get("tags", [])]
        assert len(answers) == len(checks) >= 1, name
        assert all("..." in "".join(cell["source"]) for cell in answers), name
        assert not any("solution" in cell["metadata"].get("tags", []) for cell in cells), name
