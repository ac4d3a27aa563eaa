"""Line plots and graphs of nodes and arrows, each drawn with one call."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from labcode.pages.figures import DASHES, PALETTE, panels


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
