"""What the commands about runs do and print; their arguments are those of ``python -m labcode``."""

import json
import random
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labcode.checks import one_of, whole_number
from labcode.files import UnwritableError, require_writable
from labcode.network import weights
from labcode.study.ablation import BASELINE
from labcode.study.experiment import Experiment
from labcode.study.lab import ABLATIONS, experiments
from labcode.study.lab.final_model import FINAL_MODEL_RUNS, require_choice
from labcode.study.ledger import decisions, rows
from labcode.study.outcomes import Outcome
from labcode.study.records import RECORDS, Record, RecordError, read_all
from labcode.study.reproduction import Comparison, compare_with
from labcode.study.run import run
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2
from labcode.study.sweep import missing, run_missing

MOST_SEEDS = 100_000
"""That ``--seeds A:B`` takes: a typing error should not fill the memory."""

STUDIES = {"2": STUDY_2, "all-data": ALL_DATA}
"""By the names that ``--study`` takes; the first study's runs are the default."""


def train(settings: Mapping[str, Any], seed: int, save: Path | None = None) -> int:
    """Train one network from ``settings`` that differ from the baseline's; print its errors, epoch by epoch.

    Raises
    ------
    ValueError : a setting is unknown or has a value that is not accepted.
    labcode.files.UnwritableError : ``save`` is a folder, or stands in one that takes no file. Nothing was trained then.
    labcode.network.weights.WeightsError : the weights cannot be written to ``save``.
    """
    experiment = Experiment(seed).vary(**settings)
    if save:
        require_writable(save.parent)
        if save.is_dir():
            raise UnwritableError(f"The weights cannot be written to {save}: it is a folder.")
    done = run(experiment)
    print(_errors_by_epoch(done.record))
    if save:
        weights.save(save, done.trained)
        print(f"The weights are in {save}.")
    return 0


def run_ablations(
    names: Sequence[str],
    seeds: str | None,
    workers: int,
    cluster: str | None,
    folder: Path | None,
    device: str | None = None,
    scale: str | None = None,
    study: str | None = None,
) -> int:
    """Train the recorded runs that are missing: of the ablations ``names`` and of the claims that they decide.

    Parameters
    ----------
    names : of ablations; all, if empty.
    seeds : ``"N"`` for those of the recorded runs below N; ``"A:B"`` for A to B - 1, recorded or not, of the ablations.
    workers, cluster, device : as in `labcode.study.sweep.run_missing`.
    folder : of the records; without one, the book's.
    scale : of the data of seeds ``"A:B"``.
    study : one of `STUDIES`, of whose runs those with ``seeds`` are taken. Those of the final model, which has another
        scale, are taken by name alone, once the grid has chosen its recipe.

    Raises
    ------
    ValueError : an ablation, a scale, a study or a device is unknown, a number is out of range, or no run is asked for.
    RecordError : ``folder`` is not given and there is no book, or a record is unsound.
    """
    if unknown := [name for name in names if name not in ABLATIONS]:
        raise ValueError(f"Unknown ablation {unknown[0]!r}; accepted are {', '.join(ABLATIONS)}.")
    whole_number("--workers", workers, at_least=1)
    chosen = [ABLATIONS[name] for name in names or ABLATIONS]
    span = None if seeds is None else _seeds(seeds)
    of = STUDY_1 if study is None else STUDIES[one_of("--study", study, STUDIES)]
    if of != STUDY_1:
        wanted = [run for run in experiments(names or None, of) if names or run.scale == of.scale]
    elif span and ":" in str(seeds):
        common = BASELINE if scale is None else {"scale": scale}
        wanted = [run for ablation in chosen for run in ablation.experiments(span, common)]
    elif scale is not None:
        raise ValueError("--scale needs --seeds A:B, such as 1000:1016.")
    else:
        wanted = [run for ablation in chosen for run in ablation.experiments()] + experiments(names or None)
    wanted = list(dict.fromkeys(run for run in wanted if span is None or run.seed in span))
    if not wanted:
        asked = f"ablations: {', '.join(names) or 'all'}; seeds: {seeds or 'all'}"
        raise ValueError(f"There are no such runs in {of.name} ({asked}).")
    folder = folder or _book("Name a folder with --records, or run this in a checkout of the project.")
    if any(run == FINAL_MODEL_RUNS.experiment("final", run.seed) and not run.chooses for run in wanted):
        require_choice(folder)
    kept = len(wanted) - len(missing(wanted, folder))
    seconds = [record.history.total_seconds for record in run_missing(wanted, folder, workers, cluster, device)]
    print(
        f"{len(wanted)} runs: {kept} were there, {len(seconds)} trained ({sum(seconds):.0f} seconds of training) "
        f"in {folder}."
    )
    return 0


def _seeds(text: str) -> range:
    """Read seeds as in a slice: 64 and 0:64 are the seeds 0 to 63."""
    first, colon, end = text.partition(":")
    if not colon:
        return range(whole_number("--seeds", _number(text), at_least=1))
    start = whole_number("the first of --seeds", _number(first), at_least=0)
    return range(start, whole_number("the end of --seeds", _number(end), start + 1, start + MOST_SEEDS))


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def list_claims(as_json: bool) -> int:
    """Print the ledger, as aligned text or as JSON.

    Raises
    ------
    RecordError : there is no book, or a record is unsound.
    """
    ledger = rows(_book())
    names = ("id", "section", "outcome", "effect", "low", "high", "unit", "seeds", "study")
    if as_json:
        print(json.dumps(ledger, indent=2))  # in ASCII, which every output can hold
    else:
        print(aligned(names, ([row[name] for name in names] for row in ledger)))
    return 0


def verify(sample: int, draw: int, workers: int, device: str | None = None) -> int:
    """Train ``sample`` recorded runs again and compare; return 1 if one differs too much.

    Raises
    ------
    ValueError : a number is below 1, or there is no such device.
    RecordError : there are no records, or one is unsound.
    """
    whole_number("--sample", sample, at_least=1)
    whole_number("--workers", workers, at_least=1)
    recorded = _all_in(_book())
    drawn = random.Random(draw).sample(recorded, min(sample, len(recorded)))
    with tempfile.TemporaryDirectory() as folder:
        trained = run_missing([record.experiment for record in drawn], Path(folder), workers, device=device)
        return _print_comparisons(compare_with(recorded, trained))


def compare(folder: Path) -> int:
    """Compare the records in ``folder`` and their outcomes with the book's; return 1 if something differs too much.

    Both decide by the study and the stage that ``folder`` has all runs of. Claims of which it has none are listed.

    Raises
    ------
    RecordError : there are no records, or one is unsound.
    ValueError : the book does not have the run of a record.
    """
    book, found = _book(), _all_in(folder)
    failed = _print_comparisons(compare_with(read_all(book), found))
    differing, undecided = [], []
    for theirs in decisions(folder):
        claim = theirs.claim
        if theirs.outcome is Outcome.PENDING:
            undecided.append(claim.id)
        elif (ours := claim.decide(theirs.study, theirs.stage, book)).outcome != theirs.outcome:
            differing.append(f"{claim.id}: {ours.outcome.words} in the book, {theirs.outcome.words} in {folder}")
    print("\n".join(differing or ["Every outcome is the same."]))
    if undecided:
        print(f"Not compared, because runs are missing in {folder}: {', '.join(undecided)}.")
    return failed or int(bool(differing))


def _book(otherwise: str = "Run this in a checkout of the project.") -> Path:
    """Return the folder of the book's records. An installed package has no book."""
    if not RECORDS.parent.is_dir():
        raise RecordError(f"The recorded runs come with the book, not with the installed package. {otherwise}")
    return RECORDS


def _all_in(folder: Path) -> list[Record]:
    if found := read_all(folder):
        return found
    raise RecordError(f"There are no records in {folder}.")


def _print_comparisons(comparisons: Iterable[Comparison]) -> int:
    failed = 0
    for comparison in comparisons:
        print(comparison, flush=True)
        failed = failed or int(not comparison.passes)
    return failed


def _errors_by_epoch(record: Record) -> str:
    history, recipe = record.history, record.experiment.recipe
    curves = {"training": history.train, "validation": history.validation}
    epochs = range(recipe.measured_every, recipe.epochs + 1, recipe.measured_every)
    measured = zip(epochs, *(curve.percent.tolist() for curve in curves.values()), strict=False)
    lines = [
        f"{record.experiment.name}: errors in percent after each epoch",
        aligned(["epoch", *curves], ([epoch, *(f"{error:.2f}" for error in errors)] for epoch, *errors in measured)),
    ]
    if history.diverged:
        return "\n".join([*lines, "The run diverged: its loss ceased to be finite in the next epoch."])
    curves |= {"test": record.test} if record.test else {}
    counts = [f"{curve.errors[-1]} of {curve.images} {name} images" for name, curve in curves.items()]
    return "\n".join([*lines, f"Misclassified at the end: {', '.join(counts)}."])


def aligned(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay a table out as text in aligned columns. None is left empty; floats have two decimals and a sign.

    >>> print(aligned(["id", "effect"], [["C01", 1.279], ["Q1", None]]))
    id   effect
    ---  ------
    C01  +1.28
    Q1
    """
    lines = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:+z.2f}" if isinstance(value, float) else str(value)
