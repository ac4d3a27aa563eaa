"""The sheets for teachers stand alone, slides turn with keys and print one step a page, the zip has the figures."""

import base64
import io
import re
import zipfile

import pytest
from accessibility import AXE, violations
from chromium import screen, visit
from pypdf import PdfReader
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

DECK = "slides-softmax.html"
PLACE = "return [...document.querySelectorAll('section')].findIndex(s => Math.abs(s.getBoundingClientRect().top) < 2)"
WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def sheets(site):
    return sorted(path.name for path in (site / "teaching").glob("*.html"))


@pytest.fixture
def still(browser):
    """Without motion, a key has turned the slide when it returns."""

    def wish(scheme):
        features = [("prefers-reduced-motion", "reduce"), ("prefers-color-scheme", scheme)]
        media = {"features": [{"name": name, "value": value} for name, value in features]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    wish("light")
    return wish


def test_each_sheet_stands_alone_from_the_disk(browser, site, sheets):
    assert len(sheets) >= 6
    for sheet in sheets:
        complaints, requests = visit(browser, (site / "teaching" / sheet).as_uri())
        assert complaints == []
        assert [url for url in requests if url.startswith(("http", "file")) and not url.endswith(sheet)] == []


@pytest.mark.parametrize(("width", "height"), [(8.27, 11.69), (8.5, 11)], ids=["A4", "Letter"])
def test_the_course_plan_prints_on_one_sheet(browser, site, width, height):
    visit(browser, (site / "appendix" / "teaching.html").as_uri())
    size = {"paperWidth": width, "paperHeight": height}
    pdf = browser.execute_cdp_cmd("Page.printToPDF", size)["data"]
    assert len(PdfReader(io.BytesIO(base64.b64decode(pdf))).pages) == 1


def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(browser, site, sheets, still):
    axe = AXE.read_text(encoding="utf-8")
    for sheet in sheets:
        for width, scheme in ((1280, "light"), (390, "dark")):
            screen(browser, width)
            still(scheme)
            visit(browser, (site / "teaching" / sheet).as_uri())
            browser.execute_script(axe)
            assert violations(browser)[0] == [], f"{sheet}, {scheme}"
            assert browser.execute_script(WIDER) <= 0, f"{sheet}, {width} pixels wide"


def test_keys_turn_the_slides(browser, site, still):
    screen(browser, 1280)
    visit(browser, (site / "teaching" / DECK).as_uri())
    last = browser.execute_script("return document.querySelectorAll('section').length") - 1
    for key, place in (
        (Keys.ARROW_RIGHT, 1),
        (Keys.SPACE, 2),
        (Keys.PAGE_DOWN, 3),
        (Keys.ARROW_LEFT, 2),
        (Keys.END, last),
        (Keys.ARROW_RIGHT, last),
        (Keys.HOME, 0),
        (Keys.ARROW_LEFT, 0),
    ):
        ActionChains(browser).send_keys(key).perform()
        assert browser.execute_script(PLACE) == place


def test_a_deck_prints_one_slide_a_page(browser, site):
    visit(browser, (site / "teaching" / DECK).as_uri())
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    pages = PdfReader(io.BytesIO(base64.b64decode(pdf))).pages
    assert len(pages) == browser.execute_script("return document.querySelectorAll('section').length")
    assert pages[0].mediabox.width > pages[0].mediabox.height


def test_the_zip_has_every_figure_of_every_page(site, soups, chapters):
    shown = {
        f"{page.removesuffix('.html')}/{figure['id']}.svg"
        for page in chapters
        for figure in soups[page].find_all("figure", id=re.compile("^fig-"))
    }
    with zipfile.ZipFile(site / "teaching" / "figures.zip") as archive:
        held = {name.removeprefix("figures/") for name in archive.namelist()}
    assert held == shown | {"LICENSE.txt"}
