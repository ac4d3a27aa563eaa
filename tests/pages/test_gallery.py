"""The gallery's list holds the digits themselves and says what the network says."""

import base64
import io
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from labcode.data import read_tenth
from labcode.pages.gallery import Gallery


@pytest.fixture(scope="module")
def gallery():
    places = np.array([3, 18, 9999])
    probabilities = np.full((3, 10), 0.001)
    probabilities[0, 0] = 0.991
    probabilities[1, [8, 3]] = 0.5, 0.492
    probabilities[2] = [0.05, 0.05, 0.05, 0.05, 0.05, 0.25, 0.35, 0.05, 0.05, 0.05]
    return Gallery(places, read_tenth()[1][places], probabilities)


def test_text_names_the_likely_digits_in_order(gallery):
    labels = gallery.digits.labels
    assert repr(gallery).splitlines() == [
        f"test image 3, label {labels[0]}: 0 at 99.1%",
        f"test image 18, label {labels[1]}: 8 at 50.0%, 3 at 49.2%",
        f"test image 9999, label {labels[2]}: 6 at 35.0%, 5 at 25.0%, 0 at 5.0%",
    ]


def test_page_says_the_same_as_the_text(gallery):
    items = BeautifulSoup(gallery._repr_html_(), "html.parser").select("ul.digit-gallery > li")
    said = [
        f"{item.img['alt'].lower()}, {item.strong.text}: {', '.join(s.text for s in item.select('span'))}"
        for item in items
    ]
    assert said == repr(gallery).splitlines()


def test_pictures_are_the_digits_dark_on_white(gallery):
    pictures = re.findall(r'src="data:image/bmp;base64,([^"]+)"', gallery._repr_html_())
    for picture, pixels in zip(pictures, gallery.digits.pixels, strict=True):
        shown = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
        np.testing.assert_array_equal(255 - shown, pixels)
        assert pixels.any()
