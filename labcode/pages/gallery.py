"""Digits with a network's answers, as a list that needs no script; the page's script turns it into buttons."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from labcode.data.mnist import RawImages

SHOWN = 3
SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Gallery:
    """Test digits, each with the classes that the network takes it for.

    Attributes
    ----------
    places : (N,) of the digits among the test images.
    digits : the N digits, as published.
    probabilities : (N, 10), of the network. Up to three are shown, the largest, if they are at least 1%.

    >>> one = RawImages(np.zeros((1, 28, 28), dtype=np.uint8), np.array([4], dtype=np.uint8))
    >>> Gallery(np.array([115]), one, np.array([[0, 0, 0, 0, 0.374, 0, 0, 0, 0.001, 0.625]]))
    test image 115, label 4: 9 at 62.5%, 4 at 37.4%
    """

    places: np.ndarray
    digits: RawImages
    probabilities: np.ndarray

    def __repr__(self) -> str:
        return "\n".join(
            f"test image {place}, label {label}: {', '.join(_answers(row))}"
            for place, label, row in zip(self.places, self.digits.labels, self.probabilities, strict=True)
        )

    def _repr_html_(self) -> str:
        items = [
            f'<li><img src="data:image/bmp;base64,{_bmp(pixels)}" width="56" height="56" alt="Test image {place}">'
            f"<strong>label {label}</strong>{''.join(f'<span>{answer}</span>' for answer in _answers(row))}</li>"
            for place, label, pixels, row in zip(
                self.places, self.digits.labels, self.digits.pixels, self.probabilities, strict=True
            )
        ]
        return "\n".join(['<ul class="digit-gallery">', *items, "</ul>"])


def _answers(probabilities: np.ndarray) -> list[str]:
    largest = np.argsort(-probabilities, kind="stable")[:SHOWN]
    return [f"{digit} at {probabilities[digit]:.1%}" for digit in largest if probabilities[digit] >= SHARE]


def _bmp(pixels: np.ndarray) -> str:
    """Return an image, dark ink on white, as base64. In a BMP the page's script finds the bytes without a decoder."""
    file = io.BytesIO()
    Image.fromarray(255 - pixels).save(file, "BMP")
    return base64.b64encode(file.getvalue()).decode()
