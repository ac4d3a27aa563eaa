"""Line plots, points, counts, and graphs of nodes and arrows, each drawn with one call."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from labcode.pages.figures import DASHES, PALETTE, panels, show
from labcode.study.statistics import exact_interval


def lines(
    x: ArrayLike, plots: Mapping[str, Mapping[str, ArrayLike]], xlabel: str, *, logarithmic: Sequence[str] = ()
) -> Figure:
    """Draw curves against ``x`` in panels side by side. A label has the same colour and dashes in every panel.

    Parameters
    ----------
    x : shape (N,).
    plots : for each panel, by its title, the curves by label, each of shape (N,); NaN leaves a gap.
    xlabel : label of the horizontal axes.
    logarithmic : titles of the panels with a logarithmic vertical axis.

    >>> from labcode.pages import lines
    >>> figure = lines([0, 1], {"two lines": {"up": [0, 1], "down": [1, 0]}}, "x")
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['up', 'down']
    """
    labels = list(dict.fromkeys(label for curves in plots.values() for label in curves))
    styles = dict(zip(labels, zip(PALETTE, DASHES, strict=True), strict=False))
    figure, axes = panels(len(plots), width=6.0 if len(plots) == 1 else 7.5)
    for ax, (title, curves) in zip(axes, plots.items(), strict=True):
        for label, values in curves.items():
            color, dashes = styles[label]
            ax.plot(x, values, color=color, linestyle=dashes, label=label)
        ax.set(xlabel=xlabel, title=title, yscale="log" if title in logarithmic else "linear")
        ax.legend(frameon=False)
    return figure


def graph(places: Mapping[str, tuple[float, float]], arrows: Sequence[str], operations: Mapping[str, str]) -> Figure:
    """Draw a graph of nodes and arrows.

    Parameters
    ----------
    places : the position (x, y) of each node, by name, one unit apart.
    arrows : pairs of names separated by a space: "a b" for an arrow from a to b.
    operations : what a node computes, shown above it.

    >>> from labcode.pages import graph
    >>> len(graph({"x": (0, 0), "y": (1, 0)}, ["x y"], {"y": "σ"}).axes[0].texts)  # an arrow, two names, one operation
    4
    """
    x, y = np.array(list(places.values())).T
    figure = Figure(figsize=(1.4 * (np.ptp(x) + 0.6), 1.1 * (np.ptp(y) + 1)), layout="constrained")
    axes = figure.subplots()
    for arrow in arrows:
        start, end = (places[name] for name in arrow.split())
        axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "shrinkA": 17, "shrinkB": 17})
    circle = {"boxstyle": "circle,pad=0.35", "fc": "none", "ec": PALETTE[0]}
    for name, place in places.items():
        axes.text(*place, name, ha="center", va="center", fontsize=13, bbox=circle)
        if name in operations:
            axes.annotate(operations[name], place, (0, 22), textcoords="offset points", ha="center")
    axes.set(xlim=(x.min() - 0.3, x.max() + 0.3), ylim=(y.min() - 0.4, y.max() + 0.6))
    axes.axis("off")
    return figure


def show_confusions(labels: np.ndarray, answers: np.ndarray, caption: str, name: str) -> None:
    """Show how often each digit was read as which other, as a table of shades with numbers; right answers are left out.

    Parameters
    ----------
    labels, answers : digits, each of shape (N,).
    caption, name : as in `labcode.pages.show`.

    >>> show_confusions(np.array([4, 4]), np.array([9, 9]), "Two errors.", "fig-two")  # doctest: +SKIP
    """
    wrong = labels != answers
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (labels[wrong], answers[wrong]), 1)
    figure, (axes,) = panels(1, width=4.4, height=3.8)
    axes.imshow(counts, cmap="Blues", vmax=2 * counts.max())  # half of the range: numbers stay legible
    for label, answer in np.argwhere(counts):
        axes.text(answer, label, counts[label, answer], ha="center", va="center")
    axes.grid(visible=False)
    axes.set(xlabel="the network reads", ylabel="label", xticks=range(10), yticks=range(10))
    listed = ", ".join(f"{label} as {answer}: {counts[label, answer]}" for label, answer in np.argwhere(counts))
    show(figure, f"A table of labels and answers, right ones left out. {listed}.", caption, name)


def show_counts(counts: Mapping[str, int], images: int, caption: str, name: str) -> None:
    """Show counts of errors in percent of ``images``, each with its exact interval, for a phone's width.

    Parameters
    ----------
    counts : of errors, by name.
    images : how many were read each time.
    caption, name : as in `labcode.pages.show`.

    >>> show_counts({"ours": 50, "theirs": 46}, 10_000, "Two networks.", "fig-two")  # doctest: +SKIP
    """
    figure, (axes,) = panels(1, width=4.4, height=1.1 + 0.3 * len(counts))
    told = []
    for row, (label, errors) in enumerate(counts.items()):
        low, high = exact_interval(errors, images)
        axes.plot([low, high], [row, row], color=PALETTE[5], linewidth=1.5)
        axes.plot(100 * errors / images, row, "o", color=PALETTE[0])
        told.append(f"{label} {100 * errors / images:.2f}%, {low:.2f}% to {high:.2f}%")
    axes.set(xlabel="error (%)", ylim=(len(counts) - 0.5, -0.5))
    axes.set_yticks(range(len(counts)), counts)
    show(figure, f"Errors and their 95% intervals: {'; '.join(told)}.", caption, name)


def show_against(errors: Mapping[str, np.ndarray], caption: str, name: str) -> None:
    """Show two errors of each setting as a point on logarithmic scales, with the line where both are equal.

    Parameters
    ----------
    errors : two, by name, in percent, each of shape (N,): horizontal, then vertical.
    caption, name : as in `labcode.pages.show`.

    >>> two = {"validation error": np.array([1.0, 3.0]), "test error": np.array([0.9, 2.5])}
    >>> show_against(two, "Two settings.", "fig-two")  # doctest: +SKIP
    """
    (across, x), (up, y) = errors.items()
    figure, (axes,) = panels(1, width=4.4, height=3.6)
    ends = [0.9 * min(x.min(), y.min()), 1.1 * max(x.max(), y.max())]
    axes.plot(ends, ends, "--", color="0.5", label="equal")
    axes.plot(x, y, "o", color=PALETTE[0])
    axes.set(xscale="log", yscale="log", xlabel=f"{across} (%)", ylabel=f"{up} (%)")
    ticks = [tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50) if ends[0] < tick < ends[1]]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    axes.legend(frameon=False)
    below = f"{(y < x).sum()} of {len(x)} points lie below the line where both errors are equal"
    show(figure, f"{up} against {across}, which is {x.min():.2f}% to {x.max():.2f}%; {below}.", caption, name)
