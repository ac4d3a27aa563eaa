"""What the tests of the built site share. `make test` builds the site before it runs them."""

from pathlib import Path

import chromium
import pytest
from bs4 import BeautifulSoup

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if not (HTML / "index.html").exists():
        pytest.fail("There is no built site in _build/html: `make book` builds it.")
    return HTML


@pytest.fixture(scope="session")
def pages(site):
    """Paths of all pages, relative to the site. (The theme's templates and the sheets for teachers are no pages.)"""
    paths = (path.relative_to(site) for path in site.rglob("*.html"))
    return sorted(path.as_posix() for path in paths if path.parts[0] not in ("_static", "teaching"))


@pytest.fixture(scope="session")
def chapters(pages):
    """The pages that have a source: all but the search and the page for wrong addresses."""
    return [page for page in pages if page not in ("404.html", "search.html")]


@pytest.fixture(scope="session")
def soups(site, pages):
    return {page: BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser") for page in pages}


@pytest.fixture(scope="session")
def address(site):
    with chromium.serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def started(tmp_path_factory):
    browser = chromium.start(tmp_path_factory.mktemp("profile"))
    if browser is None:
        pytest.skip("The browser tests need Chromium, Chrome or Edge, and its driver (`make browser`).")
    yield browser
    browser.quit()


@pytest.fixture
def browser(started):
    """The one browser of the session, reset after each test."""
    yield started
    chromium.restore(started)
