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
from matplotlib.ticker import NullLocator

from labcode.ablations import Ablation

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
"""Okabe and Ito's colours, told apart with the common colour deficiencies."""

MARKERS = ("o", "s", "^", "D", "v", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
DOTS_PER_INCH = 110
ERROR_TICKS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


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
    for ax, image, title in zip(axes, pixels, titles, strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
        ax.set_title(title, fontsize=9)
    return figure


def learning_curves(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], levels_title: str) -> Figure:
    """Draw training and validation error by epoch, a line a level: the mean over seeds, with their spread.

    Parameters
    ----------
    curves : for each level's label, (training, validation) errors in percent, each (seeds, epochs).
    levels_title : what the levels are, above their legend.

    The band reaches from the lowest to the highest seed. The scale is logarithmic above 0.1% and linear below it, so
    that a training error of 0 has its place.

    >>> figure = learning_curves({"16": (np.ones((3, 5)), np.ones((3, 5)))}, "width")
    >>> [ax.get_title() for ax in figure.axes]
    ['training, dropout off', 'validation']
    """
    figure, axes = panels(2, height=3.8)
    for part, (ax, title) in enumerate(zip(axes, ("training, dropout off", "validation"), strict=True)):
        for (label, pair), color, marker, dashes in zip(curves.items(), PALETTE, MARKERS, DASHES, strict=False):
            errors = pair[part]
            epochs = np.arange(1, errors.shape[1] + 1)
            style = {"color": color, "marker": marker, "linestyle": dashes, "markersize": 4, "markevery": 2}
            ax.plot(epochs, errors.mean(axis=0), label=label, **style)
            ax.fill_between(epochs, errors.min(axis=0), errors.max(axis=0), color=color, alpha=0.15, linewidth=0)
        ax.set(title=title, xlabel="epoch")
        ax.set_yscale("symlog", linthresh=0.1)
        ax.set_ylim(bottom=0)
        ax.set_yticks(ERROR_TICKS, [f"{tick:g}" for tick in ERROR_TICKS])
        ax.yaxis.set_minor_locator(NullLocator())
    highest = max(errors.max() for pair in curves.values() for errors in pair)
    for ax in axes:
        ax.set_ylim(top=1.2 * highest)
    axes[0].set_ylabel("error (% of images)")
    axes[1].legend(title=levels_title, frameon=False)
    return figure


def show_ablation(ablation: Ablation) -> None:
    """Show an ablation's learning curves from the book's records, as the lab's figure of it would have been.

    Raises
    ------
    labcode.runs.RecordError : a record is missing or unsound.

    >>> from labcode.ablations import HIDDEN_UNITS
    >>> show_ablation(HIDDEN_UNITS)  # doctest: +SKIP
    """
    by_seed = ablation.records()
    curves = {
        str(level): tuple(
            np.array([getattr(records[level].history, part).percent for records in by_seed])
            for part in ("train", "validation")
        )
        for level in ablation.levels
    }
    epochs = next(iter(curves.values()))[0].shape[1]
    ends = "; ".join(
        f"{ablation.setting} {label}: training from {training[:, 0].mean():.2f}% to {training[:, -1].mean():.2f}%, "
        f"validation from {validation[:, 0].mean():.2f}% to {validation[:, -1].mean():.2f}%"
        for label, (training, validation) in curves.items()
    )
    show(
        learning_curves(curves, ablation.setting),
        alt=f"Two panels of error against epoch, training and validation, one line for each {ablation.setting}. "
        f"Mean over {len(by_seed)} seeds at epoch 1 and epoch {epochs}: {ends}.",
        caption=f"**Recorded**: {len(by_seed)} seeds, {epochs} epochs, 4 200 training and 1 800 validation images. "
        "Lines are means over seeds, bands reach from the lowest to the highest seed. "
        f"Again: `python -m labcode run {ablation.name}`.",
        name=f"fig-{ablation.name.replace('_', '-')}",
    )
