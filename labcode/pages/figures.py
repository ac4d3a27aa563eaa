"""How a figure reaches a page, and the plain parts that figures are made of.

One picture serves both themes: its ground is transparent, and in the dark the page inverts its lightness and keeps its
hues (``book/_assets/reading.css``). Lines differ in style and marker as well as in colour, and every figure has a text
twin, its caption and alternative text, computed from the numbers that it draws: pictures cannot be compared
automatically, text can.
"""

import io
from collections.abc import Sequence

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labcode.data.mnist import RawImages

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#384d66", "#000000", "#793f00")
"""Told apart with the common colour deficiencies, in both themes, and with a contrast of at least 3 on both grounds.

Okabe and Ito's colours, except that slate and brown replace their light blue and orange, which are too pale on white.
"""

MARKERS = ("o", "s", "^", "D", "v", "X", "P")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
DOTS_PER_INCH = 110


def show(figure: Figure, alt: str, caption: str, name: str) -> None:
    """Show ``figure`` on the page, with its text twin.

    Publishes one output: the picture, and as its text form the caption and the alternative text, which re-executing
    the chapter compares. The page's caption and alternative text are taken from this output.

    Parameters
    ----------
    figure : drawn, with its axes labelled.
    alt : what the picture shows, for a reader who cannot see it, from the same numbers.
    caption : tier, seeds and command that makes the figure again.
    name : by which the page refers to it, as ``fig-...``.

    >>> figure = Figure()
    >>> show(figure, alt="An empty frame.", caption="Nothing yet.", name="fig-empty")  # doctest: +SKIP
    """
    publish(figure, alt, caption, name)


def publish(figure: Figure, alt: str, caption: str, name: str) -> None:
    """Publish a figure as a picture; the tool that collects the book's figures puts another function in its place."""
    picture = io.BytesIO()
    figure.savefig(
        picture,
        format="png",
        dpi=DOTS_PER_INCH,
        transparent=True,
        bbox_inches="tight",
        metadata={"Software": None},  # the file should not change with the version that wrote it
        pil_kwargs={"optimize": True},  # a few percent smaller, without a loss
    )
    display(
        {"image/png": picture.getvalue(), "text/plain": f"{caption}\n{alt}"},
        metadata={"labcode": {"alt": alt, "caption": caption, "name": name}},
        raw=True,
    )


def panels(count: int, width: float = 7.5, height: float = 3.4) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with ``count`` panels side by side, quiet axes and a light grid; sizes in inches.

    >>> figure, axes = panels(2)
    >>> len(axes)
    2
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
    return figure, axes


def show_digits(images: RawImages, places: Sequence[int], titles: Sequence[str], caption: str, name: str) -> None:
    """Show some of ``images`` in a grid, each with its title; the alternative text names their places and titles.

    Parameters
    ----------
    places : of the images that are shown.
    titles : one per image.
    caption, name : as in `show`.

    >>> from labcode.data import read_tenth
    >>> show_digits(read_tenth()[1], [0, 1], ["7", "2"], "Two digits.", "fig-two")  # doctest: +SKIP
    """
    listed = "; ".join(f"image {place}: {title}" for place, title in zip(places, titles, strict=True))
    show(digits(images.pixels[list(places)], titles, columns=5), f"Digits. {listed}.", caption, name)


def digits(pixels: np.ndarray, titles: Sequence[str], columns: int) -> Figure:
    """Draw images in a grid, dark ink on white, each with its title.

    Parameters
    ----------
    pixels : (N, H, W); each image is scaled by its own extremes.
    titles : one an image.
    columns : images a row.

    >>> len(digits(np.zeros((3, 28, 28)), ["a", "b", "c"], columns=2).axes)
    4
    """
    rows = -(-len(pixels) // columns)
    figure = Figure(figsize=(0.85 * columns, 1.05 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, (image, title) in zip(axes, zip(pixels, titles, strict=True), strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
        ax.set_title(title, fontsize=9)
    return figure
