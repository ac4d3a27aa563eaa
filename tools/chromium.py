"""A browser that can reach nothing but the built site, and how a page is opened in it."""

import contextlib
import functools
import json
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

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
    # No name but the site's own address can be looked up: the network is refused.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Resolves when MathJax, if the page loads it, has typeset the page.
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
        """Say nothing: the requests are read from the browser's own log."""


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on a free port of this machine; gives the address, with a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
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
    """Start the browser with an empty folder for its profile, or return None where there is none.

    It is Debian's Chromium if that is installed, else a Chrome or an Edge that Selenium finds.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    browser = None
    if chromium and driver:
        options = set_up(webdriver.ChromeOptions(), profile)
        options.binary_location = chromium
        browser = webdriver.Chrome(service=Service(driver), options=options)
    else:
        os.environ["SE_AVOID_BROWSER_DOWNLOAD"] = "true"  # found, not fetched
        for kind, options in ((webdriver.Chrome, webdriver.ChromeOptions()), (webdriver.Edge, webdriver.EdgeOptions())):
            with contextlib.suppress(WebDriverException):
                browser = kind(options=set_up(options, profile))
                break
    if browser:
        browser.set_script_timeout(180)  # axe takes its time over the page of the API
    return browser


def visit(browser, url):
    """Open a page, wait for its formulas; return the console's complaints and the requests."""
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(url)
    browser.execute_async_script(TYPESET)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return complaints, requests


def screen(browser, width):
    """Make the window as wide as a phone (below 600 pixels), a tablet or a desk."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def restore(browser):
    """Take back what was asked of the browser: its screen, what its user wishes, what it can do, what it keeps."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage"})
