"""What the checks of the built site share. `make test` builds the site, then runs them."""

from pathlib import Path

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
