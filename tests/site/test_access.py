"""Readers who do not see the page, do not use a mouse, or are made ill by motion."""

from pathlib import Path

import pytest
import selenium_axe_python
from chromium import UNFOLD, screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

AXE = Path(selenium_axe_python.__file__).with_name("axe-core") / "axe.min.js"
# The success criteria of WCAG 2.2, A and AA, and what they leave to good practice: headings and landmarks. A rule that
# breaks off has found nothing, and says so only in its `error`.
#
# Color contrast takes axe nine tenths of its time, most of it for the same few kinds of words in code. It is asked of
# one of each kind: the same color, size and weight, on the same grounds all the way out.
RUN_AXE = """
const done = arguments[0];
const practice = ['heading-order', 'page-has-heading-one', 'region', 'landmark-one-main', 'landmark-main-is-top-level',
  'landmark-no-duplicate-main', 'landmark-unique', 'skip-link', 'focus-order-semantics', 'image-redundant-alt'];

const grounds = new Map();
const ground = element => {
  if (element && !grounds.has(element)) {
    const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
    grounds.set(element, [backgroundColor, backgroundImage, opacity, position, ground(element.parentElement)].join());
  }
  return grounds.get(element);
};
const kinds = new Map();
for (const element of document.body.querySelectorAll('*')) {
  const speaks = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!speaks || !element.checkVisibility({visibilityProperty: true})) continue;
  const {color, fontSize, fontWeight, textShadow} = getComputedStyle(element);
  const kind = [color, fontSize, fontWeight, textShadow, ground(element)].join();
  if (!kinds.has(kind)) kinds.set(kind, element);
}
document.querySelectorAll('[data-kind]').forEach(element => { delete element.dataset.kind; });
kinds.forEach(element => { element.dataset.kind = ''; });
axe.configure({rules: [{id: 'color-contrast', selector: '[data-kind]'}]});

axe.run(document, {
  resultTypes: ['violations', 'incomplete'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
  rules: Object.fromEntries(practice.map(id => [id, {enabled: true}])),
}).then(({violations, incomplete}) => done([
  ...violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target.join(' ')}: ${node.html.slice(0, 120)}`)),
  ...incomplete.filter(rule => rule.error).map(rule => `${rule.id}: broke off: ${rule.message}`),
])).catch(error => done([String(error)]));
"""
# As long as the theme waits before it measures which boxes scroll.
SETTLE = "setTimeout(arguments[0], 400)"


@pytest.fixture
def still(browser):
    """Ask for reduced motion: colors are then measured as they stand, not on their way."""
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wish})


def violations(browser):
    return browser.execute_async_script(RUN_AXE)


def put_on(browser, theme):
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_light_and_dark(browser, address, pages, still, width):
    axe = AXE.read_text(encoding="utf-8")
    screen(browser, width)
    for page in pages:
        visit(browser, address + page)
        browser.execute_script(UNFOLD)
        browser.execute_async_script(SETTLE)
        browser.execute_script(axe)
        for theme in ("light", "dark"):
            put_on(browser, theme)
            assert violations(browser) == [], f"{page}, {theme}, {width} pixels wide"


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        ("document.querySelector('article p').style.color = '#aaa'", "color-contrast"),
        ("document.querySelector('article h2').outerHTML = '<h4>Too deep</h4>'", "heading-order"),
        ("document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=x>')", "image-alt"),
        ("document.querySelector('article').insertAdjacentHTML('beforeend', '<input>')", "label"),
        # A rule that breaks off has found nothing.
        ("axe.configure({checks: [{id: 'has-lang', evaluate: () => { throw Error('broken'); }}]})", "html-has-lang"),
    ],
)
def test_axe_finds_what_was_spoiled(browser, address, still, spoil, rule):
    visit(browser, address + "index.html")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    put_on(browser, "light")
    browser.execute_script(spoil)
    assert [violation.split(":")[0] for violation in violations(browser)] == [rule]


# The frame around what the keyboard has reached, if there is one to be seen.
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
def test_keyboard_shows_where_it_is(browser, address, still, page, width):
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


def test_nothing_moves_for_those_who_asked_for_that(browser, address, chapters, still):
    for page in chapters:
        visit(browser, address + page)
        assert browser.execute_script(MOVING) == 0, page
        assert browser.execute_script("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    visit(browser, address + "index.html")
    assert browser.execute_script(MOVING) > 0  # the test can fail
