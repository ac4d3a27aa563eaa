"""Measure the largest contentful paint of each page on a processor slowed down four times.

This is a measurement, not a test: it depends on the machine. `make paint` builds the site, serves it from this machine
to an empty browser, and prints for each page the median of three visits in milliseconds, with the layout shift.
"""

from statistics import median

from chromium import browsing, visit
from command import SITE

VISITS = 3
SLOWDOWN = 4
WATCH = """
window.painted = 0; window.shifted = 0;
const watch = (type, note) => new PerformanceObserver(list => list.getEntries().forEach(note))
  .observe({type, buffered: true});
watch('largest-contentful-paint', entry => { window.painted = entry.startTime; });
watch('layout-shift', entry => { if (!entry.hadRecentInput) window.shifted += entry.value; });
"""


def measure(browser, url: str) -> tuple[float, float]:
    """Return the milliseconds to the largest paint, and the layout shift, of one visit with an empty cache."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    visit(browser, url)
    browser.execute_async_script("setTimeout(arguments[0], 300)")
    return tuple(browser.execute_script("return [window.painted, window.shifted]"))


def main() -> None:
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
    with browsing() as (browser, address):
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        print(f"{'page':36}{'largest paint, ms':>18}{'shift':>8}")
        for page in pages:
            paints, shifts = zip(*(measure(browser, address + page) for _ in range(VISITS)), strict=True)
            print(f"{page:36}{median(paints):18.0f}{max(shifts):8.3f}", flush=True)


if __name__ == "__main__":
    main()
