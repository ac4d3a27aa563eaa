"""Tables of numbers, of an ablation's errors, and of errors by learning rate."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from IPython.display import Markdown
from tabulate import tabulate

from labcode.pages.sentences import Sentence, minus, say
from labcode.study.ablation import CHECK_SEEDS, Ablation
from labcode.study.experiment import Experiment
from labcode.study.measures import unseen_error
from labcode.study.records import Record
from labcode.study.samples import Runs, Sample, results
from labcode.study.studies import STUDY_2

ERRORS: dict[str, Callable[[Runs], Sample]] = {
    "training error, last epoch": lambda runs: runs.train.final,
    "validation error, last epoch": lambda runs: runs.validation.final,
    "validation error, best epoch": lambda runs: runs.validation.best,
}

UNSEEN_ERROR: dict[str, Callable[[Runs], Sample]] = {
    "error on 54 000 unseen images, last epoch": lambda runs: runs.of(unseen_error)
}
"""Only the runs of study 2 have it."""

Cell = str | int | float | Sample


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Markdown:
    """Return a table in Markdown.

    Real numbers and means of samples are shown with two decimals, thousands are separated by a space, text is shown as
    it is, but for the minus of its numbers. Format other numbers yourself.

    >>> print(table(["net", "parameters", "error (%)"], [["wide", 940170, 0.5], ["narrow", 250, 1.234]]).data)
    | net    | parameters   | error (%)   |
    |:-------|:-------------|:------------|
    | wide   | 940 170      | 0.50        |
    | narrow | 250          | 1.23        |
    """
    return Markdown(tabulate([[*map(_cell, row)] for row in rows], headers, tablefmt="pipe", disable_numparse=True))


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return minus(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    return minus(f"{value:z.2f}")


def error_table(ablation: Ablation) -> Markdown:
    """Return an ablation's final and best errors: the mean over seeds, in percent, with its 95% interval.

    In study 2 there is the error on the images that a run never saw, too.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> print(error_table(HIDDEN_UNITS).data.splitlines()[2])
    | 16      | 0.00 (0.00, 0.00)            | 1.73 (1.25, 2.20)              | 1.67 (1.28, 2.07)              |
    """
    columns = ERRORS | (UNSEEN_ERROR if ablation.common.get("scale") == STUDY_2.scale else {})
    return table(
        [ablation.factor, *columns],
        [
            [label, *(_with_interval(error(runs)) for error in columns.values())]
            for label, runs in results(ablation).items()
        ],
    )


def _with_interval(errors: Sample) -> str:
    return f"{errors:.2f} ({errors.low:z.2f}, {errors.high:z.2f})"


LEVEL: dict[str, Callable[[Experiment], Cell]] = {
    "sides of its maps after pooling": lambda run: ", ".join(str(shape.pooled) for shape in run.network.shapes),
    "inputs of the classifier": lambda run: run.network.features,
    "parameters": lambda run: run.network.parameters,
    "million multiply-adds per image": lambda run: f"{run.network.multiply_adds / 1e6:.1f}",
    "updates per epoch": lambda run: -(-run.images // run.recipe.batch_size),
}


def levels_table(ablation: Ablation) -> Markdown:
    """Return what changes with the factor of an ablation: sizes of the network, arithmetic, batches.

    >>> from labcode.study.lab.batch_size import BATCH_SIZE
    >>> print(levels_table(BATCH_SIZE).data.splitlines()[-1])
    | 100          | 42                  |
    """
    runs = {label: ablation.experiment(label, ablation.seeds.start) for label in ablation.levels}
    columns = {name: [read(run) for run in runs.values()] for name, read in LEVEL.items()}
    changing = {name: cells for name, cells in columns.items() if len(set(cells)) > 1}
    return table([ablation.factor, *changing], zip(runs, *changing.values(), strict=True))


def means_by_rate(
    ablation: Ablation, value: Callable[[Record], float], factors: Iterable[float]
) -> dict[str, dict[str, float]]:
    """Return means over seeds at other learning rates: by learning rate, then by level.

    Parameters
    ----------
    ablation : whose levels were also trained at other learning rates.
    value : of one run, for example its error in percent.
    factors : that multiply the ablation's own learning rate.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> from labcode.study.measures import final_training
    >>> [*means_by_rate(HIDDEN_UNITS, final_training, [1 / 3, 1, 3])]
    ['0.001', '0.003', '0.009']
    """
    baseline = Experiment(0).recipe.learning_rate
    return {
        f"{baseline * factor:.3g}": {
            label: runs.of(value).mean
            for label, runs in results(ablation, CHECK_SEEDS, learning_rate_times=factor).items()
        }
        for factor in factors
    }


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
    return table(
        ["learning rate", *(f"{factor} {level}" for level in levels)],
        [
            [rate, *(f"**{v:.2f}**" if v == lowest[level] else v for level, v in by_level.items())]
            for rate, by_level in means.items()
        ],
    )


def made_by(ablation: Ablation) -> Sentence:
    """Return a sentence on what made an ablation's records: engine, version, processor, hours.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> made_by(HIDDEN_UNITS)  # doctest: +ELLIPSIS
    These 32 runs were made by the `hand` engine with PyTorch ... on .... They took ... hours of one core.
    """
    records = [record for by_level in ablation.records() for record in by_level.values()]
    return say(
        "These {runs} runs were made by the `{engine}` engine with PyTorch {torch} on {processor}. "
        "They took {hours:.1f} hours of one core.",
        runs=len(records),
        hours=sum(record.history.total_seconds for record in records) / 3600,
        **{
            key: " and ".join(sorted({record.provenance[key] for record in records}))
            for key in ("engine", "torch", "processor")
        },
    )
