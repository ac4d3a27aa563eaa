"""Figures: one bundle with its text twin, told apart without color."""

import io
import struct
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from labcode.pages import curves, figures
from labcode.study import RECORDS


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: data and options."""
    displayed = []
    monkeypatch.setattr(figures, "display", lambda data, **options: displayed.append((data, options)))
    return displayed


def test_a_figure_is_shown_with_its_text_twin(shown):
    figure, _ = figures.panels(1)
    figures.show(figure, alt="What it shows.", caption="How it was made.", name="fig-x")
    ((data, options),) = shown
    assert data["text/plain"] == "How it was made.\nWhat it shows."
    assert options["metadata"]["labcode"] == {"alt": "What it shows.", "caption": "How it was made.", "name": "fig-x"}
    assert data["image/png"].startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", data["image/png"][16:24])
    assert 500 < width < 1_200


def test_a_figure_has_no_ground_of_its_own(shown):
    """So that it has the page's, light or dark."""
    figure, _ = figures.panels(2)
    figures.show(figure, "a", "b", "c")
    ((data, _),) = shown
    with Image.open(io.BytesIO(data["image/png"])) as picture:
        opaque = np.asarray(picture.convert("RGBA"))[..., 3] > 0
    assert 0 < opaque.mean() < 0.2  # lines and letters only


def test_the_same_figure_is_the_same_bytes(shown):
    for _ in range(2):
        figure = figures.digits(np.eye(4)[None], ["I"], columns=1)
        figures.show(figure, "a", "b", "c")
    (one, _), (other, _) = shown
    assert one == other


def linear(color):
    """Intensities of the three primaries, without the encoding of sRGB."""
    return np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)])


def luminance(color):
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


# Vision without one of the three receptors, as a matrix on linear RGB. Machado, Oliveira and Fernandes, "A
# physiologically-based model for simulation of color vision deficiency" (2009), severity 1.
MISSING = {
    "none": np.eye(3),
    "long": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "medium": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "short": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# From linear sRGB to CIE XYZ, each relative to the white point (D65); IEC 61966-2-1.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
TO_XYZ = TO_XYZ / TO_XYZ.sum(axis=1, keepdims=True)


def lab(color, missing):
    """CIE L*a*b*, in which a distance of about 2.3 is just visible."""
    xyz = np.clip(TO_XYZ @ np.clip(MISSING[missing] @ linear(color), 0, 1), 0, None)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


GROUNDS = {"light": "#ffffff", "dark": "#121212"}
# The matrix of CSS's hue-rotate(180deg); W3C, Filter Effects Module 1, section 9.
HALF_TURN = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])


def seen(color, theme):
    """A figure's color on the page: in the dark, the style sheet inverts it and turns its hue by 180 degrees."""
    return to_hex(np.clip(HALF_TURN @ (1 - np.array(to_rgb(color))), 0, 1)) if theme == "dark" else color


def contrast(one, other):
    """The contrast of two colors; W3C, WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", GROUNDS)
def test_lines_and_letters_stand_out_from_the_ground(theme):
    """By WCAG's minimum for graphics, which is 3, and for text, which is 4.5."""
    low = {color: contrast(seen(color, theme), GROUNDS[theme]) for color in figures.PALETTE}
    assert {color: value for color, value in low.items() if value < 3} == {}
    assert contrast(seen("black", theme), GROUNDS[theme]) > 4.5


def test_pale_colors_would_be_noticed():
    """Okabe and Ito's light blue, on white, and a pale grey, which is dark in the dark."""
    assert contrast(seen("#56b4e9", "light"), GROUNDS["light"]) == pytest.approx(2.31, abs=0.01)
    assert seen("#ffffff", "dark") == "#000000"
    assert contrast(seen("#e0e0e0", "dark"), GROUNDS["dark"]) < 3


def test_the_style_sheet_turns_colors_as_computed_here():
    css = (RECORDS.parent / "_assets" / "reading.css").read_text(encoding="utf-8")
    assert "figure > img {\n  background: none;\n  filter: invert(1) hue-rotate(180deg);\n}" in css


def closest(palette, missing):
    return min(np.linalg.norm(lab(a, missing) - lab(b, missing)) for a, b in combinations(palette, 2))


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("missing", MISSING)
def test_every_two_colors_are_told_apart_with_each_color_deficiency(missing, theme):
    """By at least four times the smallest visible distance."""
    assert closest([seen(color, theme) for color in figures.PALETTE], missing) > 10


def test_the_test_above_notices_colors_that_some_people_confuse():
    assert closest(["#808080", "#ffffff"], "none") == pytest.approx(100 - 53.585, abs=0.01)  # L* of middle grey
    red, green = "#b85c3c", "#7d7a38"
    assert closest([red, green], "none") > 40
    assert closest([red, green], "medium") < 10


def drawn(marker, dashes):
    """The pixels of learning curves with this marker and these dashes, without color."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "PALETTE", ("black",))
        patch.setattr(curves, "MARKERS", (marker,))
        patch.setattr(curves, "DASHES", (dashes,))
        figure, (ax,) = figures.panels(1)
        curves.draw_errors(ax, {"a line": (np.arange(1, 21), np.linspace([8.0, 8.0], [2.0, 2.0], 20).T)})
    ax.set_axis_off()
    picture = io.BytesIO()
    figure.savefig(picture, format="raw", dpi=figures.DOTS_PER_INCH)
    return np.frombuffer(picture.getvalue(), np.uint8) < 128


def overlap(one, other):
    """The share of ink that two drawings have in common."""
    return (one & other).sum() / (one | other).sum()


def test_every_two_lines_are_told_apart_without_color():
    lines = [drawn(*look) for look in zip(figures.MARKERS, figures.DASHES, strict=True)]
    assert max(overlap(a, b) for a, b in combinations(lines, 2)) < 0.8


def test_lines_differ_in_marker_and_dashes():
    looks = set(zip(figures.MARKERS, map(str, figures.DASHES), strict=True))
    assert len(looks) == len(figures.PALETTE) == len({marker for marker, _ in looks})


def test_digits_hides_unused_cells_of_the_grid():
    figure = figures.digits(np.zeros((3, 4, 4)), ["a", "b", "c"], columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]
    assert not any(ax.axison for ax in figure.axes)
