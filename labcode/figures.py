"""The book's few kinds of plot, and how a figure reaches a page.

One picture on white serves both themes. Lines differ in style and marker as well as in colour, and every figure has
a text twin, its caption and alternative text, computed from the numbers that it draws: pictures cannot be compared
automatically, text can.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
"""Okabe and Ito's colours, told apart with the common colour deficiencies."""

MARKERS = ("o", "s", "^", "D", "v", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
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
    picture = io.BytesIO()
    # No metadata: the file should not change with the version that wrote it.
    figure.savefig(
        picture, format="png", dpi=DOTS_PER_INCH, facecolor="white", bbox_inches="tight", metadata={"Software": None}
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


def learning_curves(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], levels_title: str) -> Figure:
    """Draw training and validation error by epoch, a line a level: the mean over seeds, with their spread.

    Parameters
    ----------
    curves : for each level's label, (training, validation) errors in percent, each (seeds, epochs).
    levels_title : what the levels are, above their legend.

    The band reaches from the lowest to the highest seed.

    >>> figure = learning_curves({"16": (np.ones((3, 5)), np.ones((3, 5)))}, "width")
    >>> [ax.get_title() for ax in figure.axes]
    ['training, dropout off', 'validation']
    """
    figure, axes = panels(2)
    for ax, title, part in zip(axes, ("training, dropout off", "validation"), (0, 1), strict=True):
        for (label, pair), color, marker, dashes in zip(curves.items(), PALETTE, MARKERS, DASHES, strict=False):
            errors = pair[part]
            epochs = np.arange(1, errors.shape[1] + 1)
            ax.plot(
                epochs,
                errors.mean(axis=0),
                color=color,
                marker=marker,
                linestyle=dashes,
                markersize=4,
                markevery=2,
                label=label,
            )
            ax.fill_between(epochs, errors.min(axis=0), errors.max(axis=0), color=color, alpha=0.15, linewidth=0)
        ax.set(title=title, xlabel="epoch", yscale="log")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    axes[0].set_ylabel("error (% of images)")
    axes[1].legend(title=levels_title, frameon=False)
    return figure
