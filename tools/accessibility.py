"""What axe-core finds on a page that a browser shows."""

from pathlib import Path

import selenium_axe_python

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


def violations(browser, checked=frozenset(), colors_only=False):
    """What axe finds on the page, and which kinds of text it checked for contrast."""
    found, kinds = browser.execute_async_script(RUN_AXE, list(checked), colors_only)
    return found, kinds
