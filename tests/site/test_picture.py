"""The README's picture shows what the page that trains shows today."""

import json

from chromium import visit
from picture import EPOCHS, NUMBERS, PAGE, PICTURE, begin, errors_after
from PIL import Image

FIRST = 2  # epochs that are trained again


def test_the_page_trains_to_the_numbers_of_the_picture(browser, address):
    shown = json.loads(NUMBERS.read_text(encoding="utf-8"))
    with Image.open(PICTURE) as picture:
        assert picture.n_frames == EPOCHS == len(shown["validation"])
    begin(browser, address + PAGE)
    assert errors_after(browser, FIRST)[:FIRST] == shown["validation"][:FIRST]
    run = browser.execute_script("const [run] = trainDigits.page.runs; return [run.settings.width, run.seed]")
    assert run == [shown["width"], shown["seed"]]
    visit(browser, "about:blank")  # stops the training
