"""Where the parts of a page stand: boxes that a test compares with `tests/site/layout.json`.

`python tools/layout.py` measures the built site and writes that file anew, after a change of looks that was meant.
Only what does not depend on the fonts of a machine is kept: left edges and widths, and the sizes of letters.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from chromium import screen, serve, start, visit

ROOT = Path(__file__).resolve().parent.parent
LAYOUT = ROOT / "tests" / "site" / "layout.json"
# Pages whose parts do not come and go with the results.
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
    """Boxes by page and width of the screen."""
    boxes = {}
    for page in PAGES:
        for width in WIDTHS:
            screen(browser, width)
            visit(browser, address + page)
            boxes[f"{page} at {width}"] = browser.execute_script(MEASURE, PARTS)
    return boxes


def main() -> int:
    with tempfile.TemporaryDirectory() as profile, serve(ROOT / "_build" / "html") as address:
        browser = start(profile)
        if browser is None:
            print("Measuring needs Chromium, Chrome or Edge, and its driver (`make browser`).", file=sys.stderr)
            return 1
        try:
            boxes = measure(browser, address)
        finally:
            browser.quit()
    temporary = LAYOUT.with_suffix(".tmp")
    temporary.write_text(json.dumps(boxes, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, LAYOUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
