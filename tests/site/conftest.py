"""What the checks of the built site share. `make test` builds the site, then runs them."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import chromium
import pytest

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if not (HTML / "index.html").exists():
        pytest.fail("There is no built site in _build/html to check: `make book` builds it.")
    return HTML


@pytest.fixture(scope="session")
def pages(site):
    """Paths of all pages, relative to the site (the theme keeps templates in _static)."""
    paths = (path.relative_to(site) for path in site.rglob("*.html"))
    return sorted(path.as_posix() for path in paths if path.parts[0] != "_static")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing: the requests are read from the browser's own log."""


@pytest.fixture(scope="session")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    browser = chromium.start(tmp_path_factory.mktemp("profile"))
    if browser is None:
        pytest.skip("The browser tests need chromium and chromedriver (`make browser`).")
    yield browser
    browser.quit()
