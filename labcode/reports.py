"""What an ablation's page shows of its records: the learning curves and the table of errors."""

from collections.abc import Callable, Mapping

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from tabulate import tabulate

from labcode.ablations import Ablation
from labcode.claims import best
from labcode.evidence import t_interval
from labcode.figures import DASHES, MARKERS, PALETTE, panels, show
from labcode.runs import Record

ERROR_TICKS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)

MEASURES: dict[str, Callable[[Record], float]] = {
    "training error, last epoch": lambda record: record.history.train.percent[-1],
    "validation error, last epoch": lambda record: record.history.validation.percent[-1],
    "validation error, best epoch": lambda record: best(record.history.validation),
}


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
        ax.set_yscale("symlog", linthresh=0.1, linscale=0.4)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
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


def error_table(ablation: Ablation) -> Markdown:
    """Return an ablation's final and best errors: the mean over seeds, in percent, with its 95% interval.

    Raises
    ------
    labcode.runs.RecordError : a record is missing or unsound.

    >>> from labcode.ablations import HIDDEN_UNITS
    >>> error_table(HIDDEN_UNITS).data.splitlines()[0].count("|")  # doctest: +SKIP
    5
    """
    by_seed = ablation.records()
    rows = [
        [
            level,
            *(_mean_with_interval([measure(records[level]) for records in by_seed]) for measure in MEASURES.values()),
        ]
        for level in ablation.levels
    ]
    return Markdown(tabulate(rows, headers=[ablation.setting, *MEASURES], tablefmt="pipe"))


def _mean_with_interval(errors: list[float]) -> str:
    low, high = t_interval(np.array(errors))
    return f"{np.mean(errors):.2f} ({low:.2f}, {high:.2f})"
