"""The layout stays as it was: the positions of parts of a few pages (`python tools/layout.py` writes new ones)."""

import json

from layout import LAYOUT, measure

PIXELS = {"left": 4, "width": 8, "letters": 0.5}


def moved(found, kept):
    """The parts that are new, missing, or of another position or size."""
    return {
        f"{page}: {part}"
        for page in found.keys() | kept.keys()
        for part in found.get(page, {}).keys() | kept.get(page, {}).keys()
        if part not in found.get(page, {})
        or part not in kept.get(page, {})
        or any(abs(found[page][part][side] - kept[page][part][side]) > most for side, most in PIXELS.items())
    }


def test_parts_of_the_pages_keep_their_positions(browser, address):
    kept = json.loads(LAYOUT.read_text(encoding="utf-8"))
    found = measure(browser, address)
    assert moved(found, kept) == set()
    page = next(iter(found))
    found[page]["article"]["left"] += 20
    del found[page]["title"]
    assert moved(found, kept) == {f"{page}: article", f"{page}: title"}  # the test can fail
