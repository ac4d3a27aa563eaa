"""Figures: one bundle with its text twin, told apart without colour."""

import struct

import numpy as np
from matplotlib.colors import to_rgb

from labcode import figures


def test_a_figure_is_shown_with_its_text_twin(monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", lambda data, **options: shown.append((data, options)))
    figure, _ = figures.panels(1)
    figures.show(figure, alt="What it shows.", caption="How it was made.", name="fig-x")
    ((data, options),) = shown
    assert data["text/plain"] == "How it was made.\nWhat it shows."
    assert options["metadata"]["labcode"] == {"alt": "What it shows.", "caption": "How it was made.", "name": "fig-x"}
    assert data["image/png"].startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", data["image/png"][16:24])
    assert 500 < width < 1_200


def test_the_same_figure_is_the_same_bytes(monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", lambda data, **options: shown.append(data["image/png"]))
    for _ in range(2):
        figure = figures.digits(np.eye(4)[None], ["I"], columns=1)
        figures.show(figure, "a", "b", "c")
    assert shown[0] == shown[1]


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_lines_differ_in_more_than_colour():
    looks = set(zip(figures.MARKERS, map(str, figures.DASHES), strict=True))
    assert len(looks) == len(figures.PALETTE) == len({marker for marker, _ in looks})


def test_every_colour_stands_out_from_white():
    """2:1 at least; marker and dash carry the distinction, colour only helps."""
    assert min(1.05 / (luminance(color) + 0.05) for color in figures.PALETTE) > 2


def test_digits_hides_what_is_left_of_the_grid():
    figure = figures.digits(np.zeros((3, 4, 4)), ["a", "b", "c"], columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]
    assert not any(ax.axison for ax in figure.axes)
