"""An ablation's errors: its learning curves, the answer at a glance, and the numbers to download."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from labcode.pages.figures import DASHES, MARKERS, PALETTE, panels, show
from labcode.study.ablation import Ablation
from labcode.study.measures import EARLY_EPOCHS, errors
from labcode.study.records import RECORDS, Record, path_of
from labcode.study.samples import Runs, Sample, results
from labcode.study.studies import STUDY_1, STUDY_2

ERROR_TICKS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
FINE_ERROR_TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
PARTS = {"train": "training, dropout off", "validation": "validation"}
COSTS = {"epochs": "epoch", "gradients": "minibatch gradients", "seconds": "processor seconds of training"}


def epochs_of(record: Record) -> np.ndarray:
    """Return the epochs after which the record's errors were measured, (measurements,).

    >>> from labcode.study.lab.batch_size import EQUAL_UPDATES
    >>> epochs_of(EQUAL_UPDATES.records(seeds=[0])[0]["100, longer"])[:3].tolist()
    [10, 20, 30]
    """
    recipe = record.experiment.recipe
    return np.arange(recipe.measured_every, recipe.epochs + 1, recipe.measured_every)


def draw_errors(ax: Axes, lines: Mapping[str, tuple[Sequence[float] | np.ndarray, np.ndarray]]) -> None:
    """Draw errors in percent, one line per label: the mean over seeds, with a band from the lowest to the highest seed.

    The scale is logarithmic above 0.1% and linear below, so that it includes 0. If no error is near 0, the axis begins
    just below the lowest.

    Parameters
    ----------
    ax : the axes to draw on.
    lines : by label, the positions (measurements,) and the errors (seeds, measurements).

    Raises
    ------
    ValueError : more lines than there are distinguishable colors.

    >>> (ax,) = panels(1)[1]
    >>> draw_errors(ax, {"16": ([1, 2], np.array([[4.0, 2.0], [6.0, 4.0]]))})
    >>> ax.get_lines()[0].get_ydata().tolist()
    [5.0, 3.0]
    """
    if len(lines) > len(PALETTE):
        raise ValueError(f"{len(lines)} lines cannot be told apart; at most {len(PALETTE)} can.")
    for (label, (positions, values)), color, marker, dashes in zip(
        lines.items(), PALETTE, MARKERS, DASHES, strict=False
    ):
        ax.plot(
            positions,
            values.mean(axis=0),
            label=label,
            color=color,
            marker=marker,
            linestyle=dashes,
            markersize=4,
            markevery=2,
        )
        ax.fill_between(positions, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
    ax.set_yscale("symlog", linthresh=0.1, linscale=0.4)
    lowest = min(values.min() for _, values in lines.values())
    _set_errors_shown(ax, lowest / 1.2 if lowest > 0.5 else 0, 1.2 * max(values.max() for _, values in lines.values()))


def _set_errors_shown(ax: Axes, lowest: float, highest: float) -> None:
    """Show errors from ``lowest`` to ``highest``, with ticks in that range only: others would widen the axis."""
    every_tick = FINE_ERROR_TICKS if lowest and highest < 10 * lowest else ERROR_TICKS
    ticks = [tick for tick in every_tick if lowest <= tick <= highest]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(lowest, highest)


def learning_curves(
    by_seed: Sequence[Mapping[str, Record]], parts: Iterable[str], factor: str, cost: str = "epochs"
) -> Figure:
    """Draw the errors of ``parts`` side by side, one line per level, against the cost of the training so far.

    Parameters
    ----------
    by_seed : for each seed, the records by level.
    parts : of "train" and "validation".
    factor : what varies, the title of the legend.
    cost : "epochs", "gradients" or "seconds".

    Raises
    ------
    ValueError : a run has diverged and ``cost`` is not "epochs".

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> figure = learning_curves(HIDDEN_UNITS.records(seeds=[0, 1]), ["validation"], "width")
    >>> [line.get_label() for line in figure.axes[0].get_lines()]
    ['16', '32', '64', '128']
    """
    parts = list(parts)
    figure, axes = panels(len(parts), height=3.8)
    for ax, part in zip(axes, parts, strict=True):
        draw_errors(
            ax,
            {
                label: (
                    _positions([r[label] for r in by_seed], cost),
                    np.array([errors(r[label], part) for r in by_seed]),
                )
                for label in by_seed[0]
            },
        )
        ax.set(title=PARTS[part], xlabel=COSTS[cost])
        if cost == "epochs":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        else:
            ax.set_xscale("log")
    lowest, highest = min(ax.get_ylim()[0] for ax in axes), max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        _set_errors_shown(ax, lowest, highest)
    axes[0].set_ylabel("error (% of images)")
    columns = 1 if len(by_seed[0]) <= 5 else 2  # a longer list would cover the curves
    axes[-1].legend(title=factor, frameon=False, ncols=columns)
    return figure


def _positions(records: Sequence[Record], cost: str) -> np.ndarray:
    if cost == "epochs":
        return epochs_of(records[0])
    for record in records:
        if record.history.diverged:
            raise ValueError(
                f"{record.experiment.name} diverged, with no {COSTS[cost]} after that; draw its errors against epochs."
            )
    return np.mean([getattr(record.history, cost) for record in records], axis=0)


def show_ablation(ablation: Ablation, *parts: str, cost: str = "epochs", note: str = "") -> None:
    """Show an ablation's learning curves, drawn from the book's records.

    Parameters
    ----------
    ablation : whose runs are shown.
    parts : of "train" and "validation"; both by default.
    cost : "epochs", "gradients" or "seconds": the horizontal axis.
    note : the end of the caption.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> show_ablation(HIDDEN_UNITS)  # doctest: +SKIP
    """
    parts = parts or tuple(PARTS)
    by_seed = ablation.records()
    own = ablation.common.get("scale") == STUDY_2.scale
    name = "-".join(["fig", ablation.name.replace("_", "-"), *(parts if len(parts) < len(PARTS) else ())])
    show(
        learning_curves(by_seed, parts, ablation.factor, cost),
        alt=f"{'Two panels' if len(parts) == 2 else 'One panel'} of error against {COSTS[cost]}, "
        f"{' and '.join(PARTS[part].split(',')[0] for part in parts)}, one line per level: "
        f"{ablation.factor} {', '.join(ablation.levels)}. "
        f"Mean over {len(by_seed)} seeds, first and last measurement: {_ends(by_seed, parts)}.",
        caption=f"**Recorded**: {len(by_seed)} seeds, {_epochs(by_seed)} epochs, {_images(by_seed)} images. "
        "Lines are means over seeds; bands reach from the lowest to the highest seed. "
        f"{'Each seed has images of its own. ' if own else ''}To run it again: `{_command(ablation)}`. "
        f'The curves of every seed: <a href="../curves/{csv_name(ablation)}" download>{csv_name(ablation)}</a>. '
        f"The records, gzip'd lines of JSON: {_archives(ablation)}. {note}".strip(),
        name="-".join([name, *([cost] if cost != "epochs" else []), *([STUDY_2.scale] if own else [])]),
    )


def _command(ablation: Ablation) -> str:
    scale = ablation.common.get("scale", STUDY_1.scale)
    seeds = f" --scale {scale} --seeds {ablation.seeds.start}:{ablation.seeds.stop}" if scale != STUDY_1.scale else ""
    return f"python -m labcode run {ablation.name}{seeds}"


def csv_name(ablation: Ablation) -> str:
    """Return the name of the file in which the site offers the curves of an ablation.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> csv_name(HIDDEN_UNITS), csv_name(STUDY_2.runs(HIDDEN_UNITS))
    ('hidden_units.csv', 'hidden_units-own-16.csv')
    """
    scale = ablation.common.get("scale", STUDY_1.scale)
    return f"{ablation.name}{f'-{scale}-{len(ablation.seeds)}' if scale != STUDY_1.scale else ''}.csv"


def _archives(ablation: Ablation) -> str:
    """Return links to the archives of the levels, which the site has beside the curves."""
    names = {level: path_of(ablation.experiment(level, ablation.seeds.start)).name for level in ablation.levels}
    return ", ".join(f'<a href="../records/{name}" download>{level}</a>' for level, name in names.items())


SUMMARY: dict[str, Callable[[Runs], Sample]] = {
    f"training, first {EARLY_EPOCHS} epochs": lambda runs: runs.train.early,
    "validation, best epoch": lambda runs: runs.validation.best,
}


def show_answer(ablation: Ablation) -> None:
    """Show how fast each level of an ablation learns and how well it ends: a dot per seed, the mean and its interval.

    The figure is drawn for a phone's width, to stand at the top of a page.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> show_answer(HIDDEN_UNITS)  # doctest: +SKIP
    """
    by_level = results(ablation)
    figure, axes = panels(len(SUMMARY), width=4.4, height=1.1 + 0.36 * len(by_level))
    told = []
    for ax, (title, measure) in zip(axes, SUMMARY.items(), strict=True):
        samples = {label: measure(runs) for label, runs in by_level.items()}
        for row, sample in enumerate(samples.values()):
            ax.plot(sample.values, np.full(sample.seeds, row), "o", color=PALETTE[0], alpha=0.6, markersize=4)
            ax.plot([sample.low, sample.high], [row, row], color=PALETTE[5], linewidth=1.5)
            ax.plot(sample.mean, row, "|", color=PALETTE[5], markersize=12, markeredgewidth=2)
        ax.set(title=title, xlabel="error (%)", ylim=(len(samples) - 0.5, -0.5))
        ax.set_yticks(range(len(samples)), samples if ax is axes[0] else [""] * len(samples))
        ax.title.set_fontsize(10)
        told.append(f"{title}: " + ", ".join(f"{label} {sample:.2f}%" for label, sample in samples.items()))
    axes[0].set_ylabel(ablation.factor)
    seeds = next(iter(by_level.values())).validation.best.seeds
    show(
        figure,
        alt=f"Two panels of errors, one line per level of {ablation.factor}. Means over {seeds} seeds. "
        + "; ".join(told)
        + ".",
        caption=f"**Recorded**: {seeds} seeds, each a dot; the upright mark is their mean, the line its 95% interval. "
        f"Further left is better. To run it again: `{_command(ablation)}`.",
        name=f"fig-answer-{ablation.name.replace('_', '-')}",
    )


def curves_csv(ablation: Ablation, folder: Path = RECORDS) -> str:
    """Return the numbers behind an ablation's figures as CSV, one row per level, seed and measurement.

    The built site offers it in the folder ``curves``, under the name that `csv_name` gives. After a divergence the
    errors are those of guessing, as in the figures, and gradients and seconds are empty.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.learning_rate import LEARNING_RATES
    >>> curves_csv(LEARNING_RATES).splitlines()[0]
    'learning rate,seed,epoch,minibatch gradients,processor seconds,training error (%),validation error (%)'
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    spent = ("minibatch gradients", "processor seconds")
    rows.writerow([ablation.factor, "seed", "epoch", *spent, "training error (%)", "validation error (%)"])
    by_seed = ablation.records(folder=folder)
    for label in ablation.levels:
        for record in (by_level[label] for by_level in by_seed):
            columns = [record.history.gradients, record.history.seconds]
            columns += [errors(record, part).round(4).tolist() for part in PARTS]
            for epoch, *values in zip_longest(epochs_of(record).tolist(), *columns, fillvalue=""):
                rows.writerow([label, record.experiment.seed, epoch, *values])
    return text.getvalue()


def _ends(by_seed: Sequence[Mapping[str, Record]], parts: Iterable[str]) -> str:
    def from_to(label: str, part: str) -> str:
        mean = np.mean([errors(records[label], part) for records in by_seed], axis=0)
        return f"{PARTS[part].split(',')[0]} from {mean[0]:.2f}% to {mean[-1]:.2f}%"

    return "; ".join(f"{label}: {', '.join(from_to(label, part) for part in parts)}" for label in by_seed[0])


def _epochs(by_seed: Sequence[Mapping[str, Record]]) -> str:
    return " or ".join(map(str, sorted({record.experiment.recipe.epochs for record in by_seed[0].values()})))


def _images(by_seed: Sequence[Mapping[str, Record]]) -> str:
    history = next(iter(by_seed[0].values())).history
    return f"{history.online.images:,} training and {history.validation.images:,} validation".replace(",", " ")
