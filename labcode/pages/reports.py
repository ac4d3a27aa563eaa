"""What pages show of the records: claims at a glance; of an ablation its rules, learning curves and errors."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from tabulate import tabulate

from labcode.pages.figures import DASHES, MARKERS, PALETTE, panels, show
from labcode.study.ablation import FINAL_RUNS, Ablation
from labcode.study.claim import CHECK_SEEDS, Claim
from labcode.study.claims import CLAIMS, LAB_TEST_ERROR, error_on_test
from labcode.study.experiment import Experiment
from labcode.study.ledger import PENDING, Entry, entries, entry_of, totals
from labcode.study.measures import best, errors, final, of
from labcode.study.records import RECORDS, Record
from labcode.study.statistics import t_interval

ERROR_TICKS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
FINE_ERROR_TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
PARTS = {"train": "training, dropout off", "validation": "validation"}
COSTS = {"epochs": "epoch", "gradients": "minibatch gradients", "seconds": "processor seconds of training"}

MEASURES: dict[str, Callable[[Record], float]] = {
    "training error, last epoch": of("train", final),
    "validation error, last epoch": of("validation", final),
    "validation error, best epoch": of("validation", best),
}

ROBUST = {True: "robust", False: "not robust", None: "not checked in full yet"}


def claim_cards(*ids: str, folder: Path = RECORDS) -> Markdown:
    """Return claims as cards: the lab's sentence, the verdict, the effect with its interval.

    Parameters
    ----------
    ids : of the claims that the page decides; their cards lead to the ledger. Without any, all claims, each card
        leading to the page that decides it.
    folder : of the records.

    Raises
    ------
    ValueError : there is no such claim.
    labcode.study.records.RecordError : a record is unsound.

    >>> "More hidden units converge faster" in claim_cards("C01").data
    True
    """
    rows = [entry_of(claim, folder) for claim in _claims(ids or CLAIMS)]
    columns = "1 1 2 2" if ids else "1 2 2 3"
    cards = [
        _card(row, "/appendix/ledger", f"{row.id} in the ledger")
        if ids
        else _card(row, f"/{row.page}", f"How {row.id} is decided")
        for row in rows
    ]
    return Markdown("\n\n".join([f":::::{{grid}} {columns}\n:gutter: 2", *cards, ":::::"]))


def _claims(ids: Iterable[str]) -> list[Claim]:
    if unknown := [name for name in ids if name not in CLAIMS]:
        raise ValueError(f"Unknown claim {unknown[0]!r}; accepted are {', '.join(CLAIMS)}.")
    return [CLAIMS[name] for name in ids]


def _card(row: Entry, page: str, link: str) -> str:
    if row.verdict == PENDING:
        result = "Not all of its runs are recorded yet"
    else:
        result = f"**{row.effect_with_interval}**\\\n{row.seeds} seeds, {ROBUST[row.robust]}"
    return "\n".join(
        [
            f"::::{{grid-item-card}} {row.id} {_badge(row.verdict)}",
            ":class-card: claim-card",
            "",
            row.says,
            "",
            result,
            "",
            f"[{link}]({page})",
            "::::",
        ]
    )


def _badge(verdict: str, words: str = "") -> str:
    """The verdict in its color and with its sign, which stand in the book's style sheet; as MyST."""
    return f"[{words or verdict}]{{.verdict .verdict-{verdict.replace(' ', '-')}}}"


def headline(folder: Path = RECORDS) -> Markdown:
    """Return the lab's test accuracy beside ours with its 95% interval, and how many claims came out how.

    Until the final model's runs are recorded, a sentence stands where ours will.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> "[99.54%]{.headline-number}" in headline().data
    True
    """
    ledger = entries(folder)
    verdict = next(row.verdict for row in ledger if row.id == "C17")
    if verdict == PENDING:
        ours = f"{_badge(PENDING)} Our own number will stand here when the runs of the final model are recorded."
    else:
        accuracy = np.array([100 - error_on_test(runs["final"]) for runs in FINAL_RUNS.records(folder=folder)])
        low, high = t_interval(accuracy)
        ours = (
            f"[{accuracy.mean():.2f}%]{{.headline-number}} in this book, the mean over {len(accuracy)} seeds "
            f"(95% interval {low:.2f}% to {high:.2f}%). {_badge(verdict)}"
        )
    badges = [_badge(verdict, f"{count} {verdict}") for verdict, count in totals(ledger).items()]
    return Markdown(
        "\n".join(
            [
                ":::{div} headline",
                f"[{100 - LAB_TEST_ERROR:.2f}%]{{.headline-number}} of the test images right: the lab, in one run.",
                "",
                ours,
                ":::",
                "",
                ":::{div} totals",
                f"{len(CLAIMS)} claims of the lab: {' '.join(badges)}",
                ":::",
            ]
        )
    )


def show_rules(*ids: str) -> Markdown:
    """Return the lab's sentences and the rules that decide them, as they stand in `labcode.study.claims`.

    Raises
    ------
    ValueError : there is no such claim.

    >>> print(show_rules("C01").data.splitlines()[0])
    **C01** (lab section 2.4.1). More hidden units converge faster on the training set.
    """
    return Markdown(
        "\n\n".join(
            "\n".join(
                [
                    f"**{claim.id}** (lab section {claim.section}). {claim.sentence}",
                    "",
                    *(f"- *{part.says}*: {part.rule}" for part in claim.parts),
                ]
            )
            for claim in _claims(ids)
        )
    )


def epochs_of(record: Record) -> np.ndarray:
    """Return the epochs after which the record's errors were measured, (measurements,).

    >>> from labcode.study.ablation import EQUAL_UPDATES
    >>> epochs_of(EQUAL_UPDATES.records(seeds=[0])[0]["100, longer"])[:3].tolist()
    [10, 20, 30]
    """
    recipe = record.experiment.recipe
    return np.arange(recipe.measured_every, recipe.epochs + 1, recipe.measured_every)


def draw_errors(ax: Axes, lines: Mapping[str, tuple[Sequence[float] | np.ndarray, np.ndarray]]) -> None:
    """Draw errors in percent, a line a label: the mean over seeds, a band from the lowest to the highest seed.

    The scale is logarithmic above 0.1% and linear below it, so that an error of 0 has its place. Where no error comes
    near 0 it begins below the lowest.

    Parameters
    ----------
    ax : to draw on.
    lines : for each label, the positions (measurements,) and the errors (seeds, measurements).

    Raises
    ------
    ValueError : more lines than can be told apart.

    >>> (ax,) = panels(1)[1]
    >>> draw_errors(ax, {"16": ([1, 2], np.array([[4.0, 2.0], [6.0, 4.0]]))})
    >>> ax.get_lines()[0].get_ydata().tolist()
    [5.0, 3.0]
    """
    if len(lines) > len(PALETTE):
        raise ValueError(f"There are {len(lines)} lines; {len(PALETTE)} at most can be told apart.")
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
    """Show errors from ``lowest`` to ``highest``, with ticks within: one beyond them would widen the axis."""
    every_tick = FINE_ERROR_TICKS if lowest and highest < 10 * lowest else ERROR_TICKS
    ticks = [tick for tick in every_tick if lowest <= tick <= highest]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(lowest, highest)


def learning_curves(
    by_seed: Sequence[Mapping[str, Record]], parts: Iterable[str], factor: str, cost: str = "epochs"
) -> Figure:
    """Draw the errors of ``parts`` side by side, a line a level, against what the training has cost so far.

    Parameters
    ----------
    by_seed : for each seed, the records by level.
    parts : of "train" and "validation".
    factor : what the levels are, above their legend.
    cost : "epochs", "gradients" or "seconds".

    Raises
    ------
    ValueError : a run has diverged, and ``cost`` is not "epochs".

    >>> from labcode.study.ablation import HIDDEN_UNITS
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
    columns = 1 if len(by_seed[0]) <= 5 else 2  # a longer list would reach down into the curves
    axes[-1].legend(title=factor, frameon=False, ncols=columns)
    return figure


def _positions(records: Sequence[Record], cost: str) -> np.ndarray:
    if cost == "epochs":
        return epochs_of(records[0])
    for record in records:
        if record.history.diverged:
            raise ValueError(
                f"{record.experiment.name} has diverged and spent no {COSTS[cost]} afterwards; "
                "its errors can be drawn against epochs."
            )
    return np.mean([getattr(record.history, cost) for record in records], axis=0)


def show_ablation(ablation: Ablation, *parts: str, cost: str = "epochs") -> None:
    """Show an ablation's learning curves from the book's records, as the lab's figure of it would have been.

    Parameters
    ----------
    ablation : which.
    parts : "train", "validation", or both; both where none is named.
    cost : "epochs", "gradients" or "seconds", along the horizontal axis.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> show_ablation(HIDDEN_UNITS)  # doctest: +SKIP
    """
    parts = parts or tuple(PARTS)
    by_seed = ablation.records()
    name = "-".join(["fig", ablation.name.replace("_", "-"), *(parts if len(parts) < len(PARTS) else ())])
    show(
        learning_curves(by_seed, parts, ablation.factor, cost),
        alt=f"{'Two panels' if len(parts) == 2 else 'One panel'} of error against {COSTS[cost]}, "
        f"{' and '.join(PARTS[part].split(',')[0] for part in parts)}, one line a level: "
        f"{ablation.factor} {', '.join(ablation.levels)}. "
        f"Mean over {len(by_seed)} seeds, first and last measurement: {_ends(by_seed, parts)}.",
        caption=f"**Recorded**: {len(by_seed)} seeds, {_epochs(by_seed)} epochs, {_images(by_seed)} images. "
        "Lines are means over seeds, bands reach from the lowest to the highest seed. "
        f"Again: `python -m labcode run {ablation.name}`. The curves of every seed: "
        f'<a href="../curves/{ablation.name}.csv" download>{ablation.name}.csv</a>.',
        name=name if cost == "epochs" else f"{name}-{cost}",
    )


def curves_csv(ablation: Ablation, folder: Path = RECORDS) -> str:
    """Return the numbers behind an ablation's figures as comma-separated values, a row a level, seed and measurement.

    A site that is built has it as ``curves/NAME.csv``. After a run's divergence its errors are those of guessing, as
    in the figures, and what was spent is left empty.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.ablation import LEARNING_RATES
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


def error_table(ablation: Ablation) -> Markdown:
    """Return an ablation's final and best errors: the mean over seeds, in percent, with its 95% interval.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> error_table(HIDDEN_UNITS).data.splitlines()[0].count("|")  # doctest: +SKIP
    5
    """
    by_seed = ablation.records()
    rows = [
        [
            label,
            *(_mean_with_interval([measure(records[label]) for records in by_seed]) for measure in MEASURES.values()),
        ]
        for label in ablation.levels
    ]
    return Markdown(tabulate(rows, headers=[ablation.factor, *MEASURES], tablefmt="pipe", disable_numparse=True))


def _mean_with_interval(values: list[float]) -> str:
    low, high = t_interval(np.array(values))
    return f"{np.mean(values):.2f} ({low:.2f}, {high:.2f})"


def means_by_rate(
    ablation: Ablation, value: Callable[[Record], float], factors: Iterable[float]
) -> dict[str, dict[str, float]]:
    """Return the mean of ``value`` over the seeds of the repetitions: by learning rate, then by level.

    Parameters
    ----------
    ablation : whose levels were also trained at other learning rates.
    value : of one run; in percent, say.
    factors : by which the ablation's own learning rate is multiplied.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> [*means_by_rate(HIDDEN_UNITS, of("train", final), [1 / 3, 1, 3])]
    ['0.001', '0.003', '0.009']
    """
    ours = Experiment(0).recipe.learning_rate
    found = {}
    for factor in factors:
        by_seed = ablation.records(CHECK_SEEDS, common={"learning_rate_times": factor})
        found[f"{ours * factor:.3g}"] = {
            label: float(np.mean([value(records[label]) for records in by_seed])) for label in ablation.levels
        }
    return found


def rate_table(factor: str, means: Mapping[str, Mapping[str, float]]) -> Markdown:
    """Return means by learning rate and level as a table, the lowest of each level in bold.

    >>> print(rate_table("width", {"0.1": {"16": 2.0}, "0.2": {"16": 1.5}}).data)
    | learning rate   | width 16   |
    |:----------------|:-----------|
    | 0.1             | 2.00       |
    | 0.2             | **1.50**   |
    """
    levels = list(next(iter(means.values())))
    lowest = {level: min(by_level[level] for by_level in means.values()) for level in levels}
    rows = [
        [rate, *(f"**{v:.2f}**" if v == lowest[level] else f"{v:.2f}" for level, v in by_level.items())]
        for rate, by_level in means.items()
    ]
    headers = ["learning rate", *(f"{factor} {level}" for level in levels)]
    return Markdown(tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True))


def made_by(ablation: Ablation) -> Markdown:
    """Return a sentence on what made an ablation's records: engine, version, processor, hours.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.ablation import HIDDEN_UNITS
    >>> print(made_by(HIDDEN_UNITS).data)  # doctest: +ELLIPSIS
    These 32 runs were made by the `hand` engine with PyTorch ... on .... They took ... hours of one core.
    """
    records = [record for by_level in ablation.records() for record in by_level.values()]
    engine, torch, processor = (
        " and ".join(sorted({record.provenance[key] for record in records})) for key in ("engine", "torch", "processor")
    )
    hours = sum(record.history.total_seconds for record in records) / 3600
    return Markdown(
        f"These {len(records)} runs were made by the `{engine}` engine with PyTorch {torch} on {processor}. They took "
        f"{hours:.1f} hours of one core."
    )
