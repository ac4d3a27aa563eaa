"""A Chromium that can reach nothing but the built site, and how a test opens a page in it."""

import json
import shutil

from selenium import webdriver
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
]

# Resolves when MathJax, if the page loads it, has typeset the page.
TYPESET = """
const done = arguments[0];
const wait = () => window.MathJax?.startup?.promise
  ? MathJax.startup.promise.then(() => done(true)) : setTimeout(wait, 20);
document.querySelector('script[src*="tex-svg"]') ? wait() : done(false);
"""


def start(profile):
    """Start the browser with an empty folder for its profile, or return None where it is not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    # No name but the site's own address can be looked up: the network is refused.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={profile}")
    browser = webdriver.Chrome(service=Service(driver), options=options)
    browser.set_script_timeout(60)
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
