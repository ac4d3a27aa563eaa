"""From the strokes of a pen to an image like those of MNIST: drawn, fitted into a box, centered by mass.

The page on which the reader draws does the same in its script (``book/_assets/draw-pen.js``).
"""

from collections.abc import Sequence

import numpy as np

SIDE = 280
"""Side of a drawing, in pixels: ten for each of MNIST's."""
PEN = 12
"""Radius of the pen, in pixels of the drawing."""
IMAGE = 28
BOX = 20
CENTRE = 14

Stroke = Sequence[tuple[float, float]]


def draw(strokes: Sequence[Stroke]) -> np.ndarray:
    """Return the ink of ``strokes``: bytes (280, 280), 0 for paper, 255 for ink, in between along the edges.

    Parameters
    ----------
    strokes : each a sequence of points (x, y), in pixels from the upper left corner, joined by straight lines. A single
        point leaves a dot.

    >>> ink = draw([[(100, 100)]])
    >>> int(ink[100, 100]), int(ink[100, 110]), int(ink[100, 113])
    (255, 255, 0)
    """
    middles = np.arange(SIDE) + 0.5
    nearest = np.full((SIDE, SIDE), np.inf)
    for stroke in strokes:
        for (x0, y0), (x1, y1) in zip(stroke, [*stroke[1:], stroke[-1]], strict=True):
            dx, dy, x, y = x1 - x0, y1 - y0, middles - x0, (middles - y0)[:, None]
            # The point of the line nearest to each pixel, as a share of the way from its start.
            share = np.clip((x * dx + y * dy) / (dx**2 + dy**2 or 1), 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - share * dx, y - share * dy))
    return np.floor(255 * np.clip(PEN + 0.5 - nearest, 0, 1) + 0.5).astype(np.uint8)


def place(drawing: np.ndarray) -> np.ndarray:
    """Return a drawing as the authors of MNIST would have stored it: bytes (28, 28).

    The ink is fitted into a box of 20 by 20, its longer side filling the box and its proportions kept; a cell of the
    box takes the mean of the pixels under it. The box then moves by whole pixels until its centre of mass, rounded, is
    at row 14 and column 14. What would lie outside the image is cut off. A drawing without ink stays empty.

    Parameters
    ----------
    drawing : bytes (H, W), 0 for paper, 255 for ink.

    >>> image = place(draw([[(30, 40), (30, 160)]]))  # upright, in the upper left
    >>> rows, columns = image.nonzero()
    >>> int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    (4, 23, 13, 16)
    """
    image = np.zeros((IMAGE, IMAGE), dtype=np.uint8)
    rows, columns = (np.flatnonzero(drawing.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return image
    ink = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(int)
    longer = max(ink.shape)
    down, across = (_overlaps(length, longer) for length in ink.shape)
    # Each cell's mean, rounded, a half upwards; in whole numbers, so that no floating point decides a half.
    box = (2 * down @ ink @ across.T + longer**2) // (2 * longer**2)
    i, j = box.nonzero()
    mass = box[i, j]
    top, left = (CENTRE - (2 * (places * mass).sum() + mass.sum()) // (2 * mass.sum()) for places in (i, j))
    inside = (i + top >= 0) & (i + top < IMAGE) & (j + left >= 0) & (j + left < IMAGE)
    image[i[inside] + top, j[inside] + left] = box[i[inside], j[inside]]
    return image


def _overlaps(length: int, longer: int) -> np.ndarray:
    """How much of each of ``length`` pixels lies in each of the box's cells: (20, length), in twentieths of a pixel."""
    pixels, cells = BOX * np.arange(length), longer * np.arange(BOX)[:, None]
    return np.clip(np.minimum(pixels + BOX, cells + longer) - np.maximum(pixels, cells), 0, None)
