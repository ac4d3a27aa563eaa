"""From the strokes of a pen to an image like those of MNIST: drawn, fitted into a box, centered by mass.

The page on which the reader draws does the same in its script (``book/_assets/draw-pen.js``).
"""

from collections.abc import Sequence

import numpy as np

SIDE = 280
"""Side of a drawing, in pixels: ten for each of MNIST's."""
IMAGE = 28
BOX = 20
CENTRE = 14
FINEST, WIDEST = 1.5, 12
"""Radius of the pen, in pixels of the drawing: of the smallest drawings, and of large ones."""
PEN = 1 / 14
"""Radius of the pen as a share of the drawing's longer side, in between."""
FAINT = 1
"""Ink of at most this much counts as paper: some browsers add noise of 1 to what a page reads from its pictures."""

Stroke = Sequence[tuple[float, float]]


def draw(strokes: Sequence[Stroke]) -> np.ndarray:
    """Return the ink of ``strokes``: bytes (280, 280), 0 for paper, 255 for ink, in between along the edges.

    The pen's radius is a fourteenth of the longer side of the drawing, from 1.5 to 12 pixels. So the lines are about as
    wide as MNIST's after :func:`place` has enlarged a small drawing.

    Parameters
    ----------
    strokes : each a sequence of points (x, y), in pixels from the upper left corner, joined by straight lines. A single
        point leaves a dot.

    Raises
    ------
    ValueError : a stroke is not one or more points of two finite coordinates.

    >>> ink = draw([[(60, 100), (200, 100)]])  # 140 pixels long, so the radius is 10
    >>> int(ink[100, 100]), int(ink[108, 100]), int(ink[111, 100])
    (255, 255, 0)
    """
    lines = [_points(number, stroke) for number, stroke in enumerate(strokes)]
    sides = np.ptp(np.concatenate(lines), axis=0) if lines else 0
    radius = np.clip(PEN * np.max(sides), FINEST, WIDEST)
    middles = np.arange(SIDE) + 0.5
    nearest = np.full((SIDE, SIDE), np.inf)
    for points in lines:
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[-1]], strict=True):
            dx, dy, x, y = x1 - x0, y1 - y0, middles - x0, (middles - y0)[:, None]
            # The point of the line nearest to each pixel, as a share of the way from its start.
            share = np.clip((x * dx + y * dy) / (dx**2 + dy**2 or 1), 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - share * dx, y - share * dy))
    return np.floor(255 * np.clip(radius + 0.5 - nearest, 0, 1) + 0.5).astype(np.uint8)


def _points(number: int, stroke: Stroke) -> np.ndarray:
    """Return the points of a stroke as an array (N, 2)."""
    try:
        points = np.array(stroke, dtype=float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError(f"strokes[{number}] is {stroke!r}; expected one or more points (x, y) of finite numbers.")
    return points


def place(drawing: np.ndarray) -> np.ndarray:
    """Return a drawing as the authors of MNIST would have stored it: bytes (28, 28).

    The ink is fitted into a box of 20 by 20, its longer side filling the box and its proportions kept; a cell of the
    box takes the mean of the pixels under it. The box then moves by whole pixels until its centre of mass, rounded, is
    at row 14 and column 14. What would lie outside the image is cut off. Ink of 1 does not count as ink when the
    longer side is measured; a drawing without ink gives an empty image.

    Parameters
    ----------
    drawing : bytes (H, W), 0 for paper, 255 for ink.

    Raises
    ------
    ValueError : the drawing is no array of bytes with two axes, or it seems to be inverted: its border is mostly ink.

    >>> image = place(draw([[(30, 40), (30, 160)]]))  # upright, in the upper left
    >>> rows, columns = image.nonzero()
    >>> int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    (4, 23, 13, 15)
    """
    if not (isinstance(drawing, np.ndarray) and drawing.dtype == np.uint8 and drawing.ndim == 2 and drawing.size):
        found = f"{drawing.dtype} {drawing.shape}" if isinstance(drawing, np.ndarray) else type(drawing).__name__
        raise ValueError(f"drawing is {found}; expected an array of bytes (H, W), 0 for paper and 255 for ink.")
    border = np.concatenate([drawing[[0, -1]].ravel(), drawing[:, [0, -1]].ravel()]).mean() / 255
    if border > 0.5:
        raise ValueError(
            f"The border of the drawing is {border:.0%} ink; expected 0 for paper and 255 for ink. Invert dark ink on "
            "bright paper (255 - drawing), and leave a margin around the digit."
        )
    image = np.zeros((IMAGE, IMAGE), dtype=np.uint8)
    inked = drawing > FAINT
    if not inked.any():
        return image
    sides = [np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0)]
    longer = max(int(np.ptp(side)) + 1 for side in sides)
    down, across = (
        _overlaps(len(drawn), side, longer) for drawn, side in zip((drawing, drawing.T), sides, strict=True)
    )
    # Each cell's mean, rounded, a half upwards; in whole numbers, so that no floating point decides a half.
    box = (2 * down @ drawing @ across.T + longer**2) // (2 * longer**2)
    i, j = box.nonzero()
    mass = box[i, j]
    top, left = (CENTRE - (2 * (places * mass).sum() + mass.sum()) // (2 * mass.sum()) for places in (i, j))
    inside = (i + top >= 0) & (i + top < IMAGE) & (j + left >= 0) & (j + left < IMAGE)
    image[i[inside] + top, j[inside] + left] = box[i[inside], j[inside]]
    return image


def _overlaps(length: int, inked: np.ndarray, longer: int) -> np.ndarray:
    """How much of each of ``length`` pixels lies in each of the box's cells: (20, length), in twentieths of a pixel.

    A cell is ``longer`` twentieths wide. The cells that a shorter side leaves free are on both sides of it.
    """
    used = -(-BOX * (int(np.ptp(inked)) + 1) // longer)
    first = BOX * int(inked[0]) - (BOX - used) // 2 * longer
    pixels, cells = BOX * np.arange(length), first + longer * np.arange(BOX)[:, None]
    return np.clip(np.minimum(pixels + BOX, cells + longer) - np.maximum(pixels, cells), 0, None)
