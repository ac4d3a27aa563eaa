"""What the checks of the built site share. `make test` builds the site, then runs them."""

from pathlib import Path

import chromium
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"


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


@pytest.fixture(scope="session")
def chapters(pages):
    """The pages that are made of a source, unlike the search and the page for a wrong address."""
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
    """The one browser, as each test finds it: what an earlier one asked of it is taken back."""
    yield started
    chromium.restore(started)
