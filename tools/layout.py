"""The positions of the parts of a page, which a test compares with `tests/site/layout.json`.

After an intended change of the layout, `python tools/layout.py` measures the built site and writes that file again. It
keeps only what does not depend on a machine's fonts: left edges, widths and font sizes.
"""

import json

from chromium import browsing, screen, visit
from command import ROOT

from labcode.files import write_whole

LAYOUT = ROOT / "tests" / "site" / "layout.json"
# Pages whose parts do not depend on results.
PAGES = ("appendix/glossary.html", "backprop/logistic.html", "search.html")
WIDTHS = (360, 768, 1280)
PARTS = {
    "navigation": ".bd-sidebar-primary",
    "main": "main",
    "article": "article",
    "contents": ".bd-sidebar-secondary",
    "title": "article h1",
    "heading": "article h2",
    "paragraph": "article section > p",
    "code": "article .cell_input",
    "figure": "article figure img",
}
MEASURE = """
return Object.fromEntries(Object.entries(arguments[0]).flatMap(([name, selector]) => {
  const part = [...document.querySelectorAll(selector)].find(e => e.getBoundingClientRect().width > 0);
  if (!part) return [];
  const box = part.getBoundingClientRect();
  return [[name, {left: Math.round(box.left), width: Math.round(box.width),
    letters: parseFloat(getComputedStyle(part).fontSize)}]];
}));
"""


def measure(browser, address: str) -> dict[str, dict]:
    """Return the boxes of each page at each screen width."""
    boxes = {}
    for page in PAGES:
        for width in WIDTHS:
            screen(browser, width)
            visit(browser, address + page)
            boxes[f"{page} at {width}"] = browser.execute_script(MEASURE, PARTS)
    return boxes


if __name__ == "__main__":
    with browsing() as (browser, address):
        write_whole(LAYOUT, json.dumps(measure(browser, address), indent=1) + "\n")
