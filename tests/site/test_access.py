"""Readers who do not see the page, do not use a mouse, or need pages without motion."""

import pytest
from accessibility import AXE, SETTLE, violations
from chromium import UNFOLD, screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def still(browser):
    """Ask for reduced motion: otherwise colors could be measured during a transition."""
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wish})


def put_on(browser, theme):
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_light_and_dark(browser, address, pages, still, width):
    axe, checked = AXE.read_text(encoding="utf-8"), set()
    screen(browser, width)
    for page in pages:
        visit(browser, address + page)
        browser.execute_script(UNFOLD)
        browser.execute_async_script(SETTLE)
        browser.execute_script(axe)
        for theme in ("light", "dark"):
            put_on(browser, theme)
            # On a phone a dark page differs from a light one in its colors alone.
            found, kinds = violations(browser, checked, colors_only=(theme, width) == ("dark", 390))
            assert found == [], f"{page}, {theme}, {width} pixels wide"
            checked.update(kinds)
    assert len(checked) > 50  # kinds of text in the two themes


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        ("document.querySelector('article p').style.color = '#aaa'", "color-contrast"),
        ("document.querySelector('article h2').outerHTML = '<h4>Too deep</h4>'", "heading-order"),
        ("document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=x>')", "image-alt"),
        ("document.querySelector('article').insertAdjacentHTML('beforeend', '<input>')", "label"),
        # A rule that fails to run has found nothing.
        ("axe.configure({checks: [{id: 'has-lang', evaluate: () => { throw Error('broken'); }}]})", "html-has-lang"),
    ],
)
def test_axe_finds_what_is_wrong(browser, address, still, spoil, rule):
    visit(browser, address + "index.html")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    put_on(browser, "light")
    browser.execute_script(spoil)
    found, _ = violations(browser)
    assert [violation.split(":")[0] for violation in found] == [rule]


# The frame around the element that has the focus, and whether it can be seen.
FRAME = """
const style = getComputedStyle(document.activeElement), box = document.activeElement.getBoundingClientRect();
return {
  name: document.activeElement.tagName + '.' + document.activeElement.className,
  frame: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
};
"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index.html", "backprop/softmax.html", "search.html"])
def test_the_element_with_the_focus_has_a_visible_frame(browser, address, still, page, width):
    screen(browser, width)
    visit(browser, address + page)
    browser.execute_script(UNFOLD)
    body = browser.find_element(By.TAG_NAME, "body")
    reached = []
    for _ in range(60):
        body.send_keys(Keys.TAB) if not reached else browser.switch_to.active_element.send_keys(Keys.TAB)
        found = browser.execute_script(FRAME)
        if found["name"].startswith("BODY"):
            break
        reached.append(found)
    assert len(reached) > 5
    assert [found["name"] for found in reached if not (found["frame"] and found["seen"])] == []


MOVING = """
const moves = style => [style.animationName === 'none' ? '0s' : style.animationDuration, style.transitionDuration]
  .some(times => times.split(',').some(time => parseFloat(time) > 0));
return [...document.querySelectorAll('*')].filter(e => moves(getComputedStyle(e))
  || moves(getComputedStyle(e, '::before')) || moves(getComputedStyle(e, '::after'))).length;
"""


def test_nothing_moves_for_readers_who_ask_for_reduced_motion(browser, address, chapters, still):
    for page in chapters:
        visit(browser, address + page)
        assert browser.execute_script(MOVING) == 0, page
        assert browser.execute_script("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    visit(browser, address + "index.html")
    assert browser.execute_script(MOVING) > 0  # the test can fail
