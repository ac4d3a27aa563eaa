"""Take the README's picture of the page that trains, docs/train.webp: `make picture`, which builds the site first.

A frame for each epoch of one run. docs/train.json keeps the numbers that the page showed, for the README's words and
for a test that has the page train again.
"""

import io
import json

from chromium import browsing, visit
from command import ROOT
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from labcode.files import write_whole

PAGE = "mnist/train.html"
PICTURE, NUMBERS = ROOT / "docs" / "train.webp", ROOT / "docs" / "train.json"
WIDTH = "8"
EPOCHS = 20
PATIENCE = 60  # seconds for an epoch
SIZE = (820, 1150)
LOOK = """
document.getElementById('pst-back-to-top').hidden = true;
document.querySelector('.train-form').scrollIntoView({behavior: 'instant'});
scrollBy(0, -80);
"""
MILLISECONDS = 400
AT_THE_END = 4000


def begin(browser, url: str) -> None:
    """Open the page, choose the network and press "Train"."""
    visit(browser, url)
    Select(browser.find_element(By.CSS_SELECTOR, '.train-form [name="width"]')).select_by_visible_text(WIDTH)
    browser.execute_script(LOOK)
    browser.find_element(By.CSS_SELECTOR, ".train-start").click()


def errors_after(browser, epoch: int) -> list[int]:
    """Wait until the run has finished ``epoch`` epochs; return its validation errors, in images."""
    script = "return trainDigits.page.runs[0]?.curves.validation ?? []"
    return WebDriverWait(browser, PATIENCE).until(
        lambda each: len(found := each.execute_script(script)) >= epoch and found
    )


def box(browser) -> tuple[int, ...]:
    """Return the sides of what is shown, from the form to the curves, with a margin."""
    form, curves = (
        browser.execute_script("return document.querySelector(arguments[0]).getBoundingClientRect()", name)
        for name in (".train-form", ".train-figure")
    )
    sides = (form["left"] - 16, form["top"] - 16, curves["right"] + 16, curves["bottom"] + 16)
    return tuple(round(side) for side in sides)


def main() -> None:
    with browsing() as (browser, address):
        browser.set_window_size(*SIZE)
        begin(browser, address + PAGE)
        frames = []
        for epoch in range(1, EPOCHS + 1):
            errors = errors_after(browser, epoch)
            frames.append(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))
        frames = [frame.crop(box(browser)) for frame in frames]
        said = browser.find_element(By.CSS_SELECTOR, ".train-status").text
    picture = io.BytesIO()
    times = [MILLISECONDS] * (EPOCHS - 1) + [AT_THE_END]
    small = {"lossless": True, "method": 6, "minimize_size": True}
    frames[0].save(picture, "WEBP", save_all=True, append_images=frames[1:], duration=times, loop=0, **small)
    write_whole(PICTURE, picture.getvalue())
    write_whole(NUMBERS, json.dumps({"width": int(WIDTH), "seed": 0, "validation": errors, "says": said}) + "\n")
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1e3:.0f} KB")


if __name__ == "__main__":
    main()
