"""Strokes against sampled distances; placing against exact arithmetic, and against MNIST itself."""

import re
from itertools import product

import numpy as np
import pytest

from labcode.data import read_tenth
from labcode.network.weights import load
from labcode.pages.drawing import BOX, IMAGE, SIDE, draw, place

SEVEN = [[(30, 30), (110, 40), (60, 150)]]
TWO_STROKES = [[(200, 40), (90, 180), (240, 180)], [(190.5, 120.25), (180, 270)]]


def place_exactly(drawing):
    """The same in whole numbers, cell by cell and pixel by pixel; lengths in twentieths of a pixel.

    For drawings without faint ink.
    """
    rows, columns = drawing.nonzero()
    ink = drawing[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(int)
    longer = max(ink.shape)
    box = np.zeros((BOX, BOX), dtype=int)
    for i, j in product(range(BOX), repeat=2):
        total = 0
        for y in range(i * longer // BOX, min(-(-(i + 1) * longer // BOX), ink.shape[0])):
            for x in range(j * longer // BOX, min(-(-(j + 1) * longer // BOX), ink.shape[1])):
                high = min((y + 1) * BOX, (i + 1) * longer) - max(y * BOX, i * longer)
                wide = min((x + 1) * BOX, (j + 1) * longer) - max(x * BOX, j * longer)
                total += high * wide * int(ink[y, x])
        box[i, j] = (2 * total + longer**2) // (2 * longer**2)
    mass = int(box.sum())
    down = 14 - (2 * int((box.sum(axis=1) * np.arange(BOX)).sum()) + mass) // (2 * mass)
    right = 14 - (2 * int((box.sum(axis=0) * np.arange(BOX)).sum()) + mass) // (2 * mass)
    image = np.zeros((IMAGE, IMAGE), dtype=np.uint8)
    for i, j in zip(*box.nonzero(), strict=True):
        if 0 <= i + down < IMAGE and 0 <= j + right < IMAGE:
            image[i + down, j + right] = box[i, j]
    return image


LOPSIDED = np.zeros((60, 200), dtype=np.uint8)
LOPSIDED[:, :40], LOPSIDED[30, 40:] = 255, 120  # heavy at one end: the other comes to lie outside

DRAWINGS = {
    "seven": draw(SEVEN),
    "two strokes": draw(TWO_STROKES),
    "a dot": draw([[(140, 140)]]),
    "across an edge": draw([[(-5, 100), (60, 290)]]),
    "smaller than the box": np.array([[0, 9, 0], [200, 0, 255]], dtype=np.uint8),
    "lopsided": LOPSIDED,
    "lopsided, turned": LOPSIDED[::-1, ::-1].T.copy(),
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS.keys())
def test_placing_agrees_with_exact_arithmetic(drawing):
    np.testing.assert_array_equal(place(drawing), place_exactly(drawing))


def test_something_of_the_lopsided_drawing_is_cut_off():
    """Else the test above would not have tried it."""
    assert place(LOPSIDED)[:, -1].any()


def test_mnist_stays_as_it_is_but_for_images_with_a_side_of_19():
    images = read_tenth()[1].pixels[4000:4600]
    sides = [max(np.ptp(rows), np.ptp(columns)) + 1 for rows, columns in map(np.nonzero, images)]
    assert set(sides) == {19, 20}
    for image, side in zip(images, sides, strict=True):
        assert np.array_equal(place(image), image) == (side == 20)


@pytest.mark.parametrize("times", [2, 10])
def test_a_digit_enlarged_and_moved_comes_back(times):
    _, test = read_tenth()
    for image in test.pixels[:50]:
        large = np.kron(image, np.ones((times, times), dtype=np.uint8))
        np.testing.assert_array_equal(place(np.pad(large, ((3, 40), (75, 0)))), image)


def test_an_empty_drawing_stays_empty():
    assert not place(draw([])).any()


@pytest.mark.parametrize("strokes", [SEVEN, TWO_STROKES, [[(140, 140)]]])
def test_ink_reaches_as_far_as_the_pen(strokes):
    """Against distances to closely spaced points of the stroke; the reach grows with the drawing."""
    radius = np.clip(np.ptp(np.concatenate(strokes), axis=0).max() / 14, 1.5, 12)
    points = np.concatenate(
        [np.linspace(a, b, 500) for stroke in strokes for a, b in zip(stroke, [*stroke[1:], stroke[-1]], strict=True)]
    )
    generator = np.random.default_rng(0)
    ink = draw(strokes)
    places = np.argwhere(ink)[generator.integers(0, (ink > 0).sum(), 2000)] + generator.integers(-3, 4, (2000, 2))
    places = np.clip(places, 0, SIDE - 1)
    distances = np.sqrt(((places[:, None, ::-1] + 0.5 - points) ** 2).sum(axis=2)).min(axis=1)
    expected = 255 * np.clip(radius + 0.5 - distances, 0, 1)
    found = ink[places[:, 0], places[:, 1]]
    assert (found > 0).sum() > 10
    assert (found == 0).sum() > 10
    assert np.abs(found - expected).max() < 8


def test_strokes_do_not_add_up_where_they_cross():
    crossing = [[(50, 50), (200, 200)], [(200, 50), (50, 200)]]
    one, other = draw(crossing[:1]), draw(crossing[1:])
    np.testing.assert_array_equal(draw(crossing), np.maximum(one, other))


@pytest.mark.parametrize("size", [1, 0.5, 0.2, 0.1])
def test_a_digit_of_any_size_has_about_as_much_ink_as_one_of_mnist(size):
    """The pen's width is chosen so."""
    train, _ = read_tenth()
    ink = train.pixels[train.labels == 7].sum(axis=(1, 2)) / 255
    seven = place(draw([[(80 * size, 50 * size), (200 * size, 50 * size), (120 * size, 240 * size)]])) / 255
    assert np.percentile(ink, 20) < seven.sum() < np.percentile(ink, 80)


def test_the_final_model_reads_naive_drawings_of_every_size(naive_drawings):
    final = load()
    images = np.array([place(draw(strokes)) for strokes in naive_drawings.values()])
    read = final.net(final.prepare(images)).argmax(axis=1).tolist()
    right = {}
    for (digit, height, _), answer in zip(naive_drawings, read, strict=True):
        right.setdefault(height, []).append(digit == answer)
    counts = {height: sum(found) for height, found in right.items()}
    print(
        {height: f"{count} of {len(right[height])} drawings {height} pixels high" for height, count in counts.items()}
    )
    assert sum(map(len, right.values())) == 250
    assert counts == {20: 50, 40: 50, 80: 50, 140: 50, 220: 50}


@pytest.mark.parametrize("count", [1, 20, 255])
def test_faint_ink_is_paper(count):
    """Some browsers change the lowest bit of pixels that a page reads back."""
    noise = np.random.default_rng(count)
    for image in read_tenth()[0].pixels[:20]:
        large = np.pad(np.kron(image, np.ones((8, 8), dtype=np.uint8)), 28)
        clean = place(large)
        large.ravel()[noise.choice(large.size, count, replace=False)] ^= 1
        assert np.abs(place(large).astype(int) - clean).max() <= 1


def test_ink_in_the_lowest_bit_alone_is_an_empty_drawing():
    assert not place(np.ones((SIDE, SIDE), dtype=np.uint8)).any()


def test_an_inverted_drawing_is_refused():
    for drawing in (draw(SEVEN), read_tenth()[1].pixels[0]):
        assert place(drawing).any()
        with pytest.raises(ValueError, match=r"The border of the drawing is \d+% ink; .* \(255 - drawing\)"):
            place(255 - drawing)


@pytest.mark.parametrize(
    ("drawing", "found"),
    [
        (draw(SEVEN) / 255, "float64 (280, 280)"),
        (draw(SEVEN) > 0, "bool (280, 280)"),
        (draw(SEVEN)[:, :, None], "uint8 (280, 280, 1)"),
        (np.empty((0, 28), dtype=np.uint8), "uint8 (0, 28)"),
        ([[0, 255]], "list"),
    ],
)
def test_only_bytes_with_two_axes_are_placed(drawing, found):
    with pytest.raises(ValueError, match="^drawing is " + re.escape(found) + "; expected an array of bytes"):
        place(drawing)


@pytest.mark.parametrize("stroke", [[], [(1, 2, 3)], [1, 2], [(float("nan"), 3)], "a line", None, [(1, 2), (3,)]])
def test_a_stroke_without_points_is_refused(stroke):
    with pytest.raises(ValueError, match=re.escape(f"strokes[1] is {stroke!r}; expected one or more points")):
        draw([SEVEN[0], stroke])
