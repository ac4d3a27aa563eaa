"""Start a browser that can reach only the built site, and open pages in it."""

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from command import SITE, built, one_sentence
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    # No host but this machine can be looked up, so that pages cannot use a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Resolves when MathJax has typeset the page, if the page loads it.
TYPESET = """
const done = arguments[0];
const wait = () => window.MathJax?.startup?.promise
  ? MathJax.startup.promise.then(() => done(true)) : setTimeout(wait, 20);
document.querySelector('script[src*="tex-svg"]') ? wait() : done(false);
"""
UNFOLD = """
document.querySelectorAll('details').forEach(e => { e.open = true; });
document.querySelectorAll('.toggle-hidden').forEach(e => e.classList.remove('toggle-hidden'));
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Print nothing: the tests read the requests from the browser's log."""


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on a free port of this machine; yield the address, which ends in a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def set_up(options, profile):
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def start(profile):
    """Start a browser with its profile in an empty folder; return None if there is no browser.

    Debian's Chromium if it is installed, otherwise a Chrome or an Edge that Selenium finds.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    browser = None
    if chromium and driver:
        options = set_up(webdriver.ChromeOptions(), profile)
        options.binary_location = chromium
        browser = webdriver.Chrome(service=Service(driver), options=options)
    else:
        os.environ["SE_AVOID_BROWSER_DOWNLOAD"] = "true"  # use an installed one only
        for kind, options in ((webdriver.Chrome, webdriver.ChromeOptions()), (webdriver.Edge, webdriver.EdgeOptions())):
            with contextlib.suppress(WebDriverException):
                browser = kind(options=set_up(options, profile))
                break
    if browser:
        browser.set_script_timeout(180)  # axe needs long for the API reference
    return browser


@contextlib.contextmanager
def browsing(folder=SITE):
    """Serve a built site and start a browser; yield the browser and the address. Exit if one of the two is missing."""
    with one_sentence(), tempfile.TemporaryDirectory() as profile, serve(built(folder)) as address:
        browser = start(profile)
        if browser is None:
            sys.exit("This needs Chromium, Chrome or Edge, and its driver (`make browser`).")
        try:
            yield browser, address
        finally:
            browser.quit()


def visit(browser, url):
    """Open a page and wait for its formulas; return the console's errors and the requested addresses."""
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(url)
    browser.execute_async_script(TYPESET)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return complaints, requests


def outside(requests, address):
    """Return the requested addresses that are not in the site at ``address``."""
    return [url for url in requests if not url.startswith((address, "data:", "blob:"))]


def screen(browser, width):
    """Set the window's width in pixels; below 600 it is a phone."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def restore(browser):
    """Reset the browser's screen, media preferences, abilities and storage."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage"})
