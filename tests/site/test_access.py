"""Readers who do not see the page, do not use a mouse, or need pages without motion."""

from pathlib import Path

import pytest
import selenium_axe_python
from chromium import UNFOLD, screen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

AXE = Path(selenium_axe_python.__file__).with_name("axe-core") / "axe.min.js"
# The success criteria of WCAG 2.2, A and AA, and of axe's good practices those for headings and landmarks. A rule that
# failed to run has found nothing, and reports so only in its `error`.
#
# Color contrast takes axe nine tenths of its time, most of it for the same few kinds of text. One text of each kind is
# checked: the same color, size and weight, on the same grounds out to the root. Kinds in arguments[0] were checked
# before, on another page. If arguments[1] is true, only the rules on colors run.
RUN_AXE = """
const [checked, colorsOnly, done] = arguments;
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
checked.forEach(kind => kinds.delete(kind));
document.querySelectorAll('[data-kind]').forEach(element => { delete element.dataset.kind; });
kinds.forEach(element => { element.dataset.kind = ''; });
axe.configure({rules: [{id: 'color-contrast', selector: '[data-kind]'}]});

axe.run(document, {
  resultTypes: ['violations', 'incomplete'],
  ...(colorsOnly ? {runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}} : {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    rules: Object.fromEntries(practice.map(id => [id, {enabled: true}])),
  }),
}).then(({violations, incomplete}) => done([[
  ...violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target.join(' ')}: ${node.html.slice(0, 120)}`)),
  ...incomplete.filter(rule => rule.error).map(rule => `${rule.id}: broke off: ${rule.message}`),
], [...kinds.keys()]])).catch(error => done([[String(error)], []]));
"""
# The theme lets the keyboard reach boxes that scroll, a moment after the page has changed: wait until it has.
SETTLE = """
const done = arguments[0], until = performance.now() + 2000;
const scrolls = box => box.tabIndex < 0 && (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
const boxes = document.querySelectorAll(
  'pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon');
const wait = () => [...boxes].some(scrolls) && performance.now() < until ? setTimeout(wait, 20) : done();
wait();
"""


@pytest.fixture
def still(browser):
    """Ask for reduced motion: otherwise colors could be measured during a transition."""
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wish})


def violations(browser, checked=frozenset(), colors_only=False):
    """What axe finds on the page, and which kinds of text it checked for contrast."""
    found, kinds = browser.execute_async_script(RUN_AXE, list(checked), colors_only)
    return found, kinds


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
