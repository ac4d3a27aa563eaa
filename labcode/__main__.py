"""The command line: ``python -m labcode --help``."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labcode.study.reproduction import Comparison


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code. Errors that a user can mend are one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m labcode", description=__doc__.split(":")[0] + " of the book.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fetch = commands.add_parser("fetch", help="bring the full MNIST set into the user's cache folder")
    fetch.set_defaults(act=_fetch)

    run = commands.add_parser("run", help="train the recorded runs that are missing")
    run.add_argument("ablations", nargs="*", metavar="ABLATION", help="which ones (default: all)")
    run.add_argument("--seeds", type=int, metavar="N", help="only seeds 0 to N-1 (default: all that were fixed)")
    _add_workers(run)
    run.add_argument("--cluster", metavar="ADDRESS", help="use a Dask cluster's workers, such as tcp://10.0.0.1:8786")
    run.add_argument("--records", type=Path, metavar="FOLDER", help="where the records lie (default: the book's)")
    run.set_defaults(act=_run)

    claims = commands.add_parser("claims", help="print what became of every question and claim")
    claims.add_argument("--json", action="store_true", help="print JSON in place of a table")
    claims.set_defaults(act=_claims)

    verify = commands.add_parser("verify", help="train some of the recorded runs again and compare")
    verify.add_argument("--sample", type=int, default=3, metavar="K", help="how many, drawn at random (default: 3)")
    verify.add_argument("--draw", type=int, default=0, metavar="N", help="which draw (default: 0)")
    _add_workers(verify)
    verify.set_defaults(act=_verify)

    compare = commands.add_parser("compare", help="compare a folder of records, and its verdicts, with the book's")
    compare.add_argument("folder", type=Path, metavar="FOLDER")
    compare.set_defaults(act=_compare)

    bench = commands.add_parser("bench", help="measure what a training step costs on this machine")
    bench.add_argument("--json", action="store_true", help="print JSON in place of a table")
    other = bench.add_mutually_exclusive_group()
    other.add_argument(
        "--suite",
        nargs="?",
        const="sampled",
        metavar="HOW",
        help="time one seed of every ablation: sampled (the default) takes minutes, trained does all of it",
    )
    other.add_argument("--memory", action="store_true", help="measure what a run takes of it, in megabytes, as JSON")
    other.add_argument("--optimizers", action="store_true", help="measure a gradient within a step of each, as JSON")
    other.add_argument("--convolutions", action="store_true", help="measure the two ways to convolve, as JSON")
    _add_workers(bench)
    bench.set_defaults(act=_bench)

    options = parser.parse_args(arguments)
    try:
        return options.act(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="runs side by side")


# Each command imports what it needs itself: `--help` should not wait for PyTorch.


def _fetch(options: argparse.Namespace) -> int:
    from labcode.data.download import fetch, files_folder

    print(f"The full MNIST set is in {files_folder(fetch())}, as published.")
    return 0


def _run(options: argparse.Namespace) -> int:
    from labcode.study.lab import ABLATIONS, experiments
    from labcode.study.records import RECORDS
    from labcode.study.sweep import missing, run_missing

    if unknown := [name for name in options.ablations if name not in ABLATIONS]:
        raise ValueError(f"Unknown ablation {unknown[0]!r}; accepted are {', '.join(ABLATIONS)}.")
    _require_at_least_1(options, "seeds", "workers")
    names = options.ablations or ABLATIONS
    wanted = [e for name in names for e in ABLATIONS[name].experiments()] + experiments(options.ablations or None)
    wanted = [e for e in dict.fromkeys(wanted) if options.seeds is None or e.seed < options.seeds]
    folder = options.records or RECORDS
    kept = len(wanted) - len(missing(wanted, folder))
    seconds, trained = 0.0, 0
    for record in run_missing(wanted, folder, options.workers, options.cluster):
        trained += 1
        seconds += record.history.total_seconds
    print(f"{len(wanted)} runs: {kept} were there, {trained} trained ({seconds:.0f} seconds of training) in {folder}.")
    return 0


def _claims(options: argparse.Namespace) -> int:
    import json

    from labcode.study.ledger import as_text, rows

    ledger = rows()
    if options.json:
        print(json.dumps(ledger, indent=2, ensure_ascii=False))
        return 0
    print(as_text(ledger))
    return 0


def _verify(options: argparse.Namespace) -> int:
    import random
    import tempfile

    from labcode.study.records import RECORDS, read_all
    from labcode.study.reproduction import compare_with
    from labcode.study.sweep import run_missing

    _require_at_least_1(options, "sample", "workers")
    if not (recorded := read_all(RECORDS)):
        raise ValueError(f"There are no records in {RECORDS}.")
    drawn = random.Random(options.draw).sample(recorded, min(options.sample, len(recorded)))
    with tempfile.TemporaryDirectory() as folder:
        again = run_missing([record.experiment for record in drawn], Path(folder), options.workers)
        return _print_comparisons(compare_with(recorded, again))


def _compare(options: argparse.Namespace) -> int:
    from labcode.study.ledger import decisions
    from labcode.study.records import RECORDS, read_all
    from labcode.study.reproduction import compare_with

    if not (found := read_all(options.folder)):
        raise ValueError(f"There are no records in {options.folder}.")
    failed = _print_comparisons(compare_with(read_all(RECORDS), found))
    differing = [
        (ours, theirs)
        for ours, theirs in zip(decisions(RECORDS), decisions(options.folder), strict=True)
        if ours.verdict != theirs.verdict
    ]
    for ours, theirs in differing:
        print(f"{ours.claim.id}: {ours.verdict} in the book, {theirs.verdict} in {options.folder}")
    if not differing:
        print("Every verdict is the same.")
    return failed or bool(differing)


def _print_comparisons(comparisons: "Iterable[Comparison]") -> int:
    failed = 0
    for comparison in comparisons:
        print(comparison)
        failed += not comparison.passes
    return int(failed > 0)


def _require_at_least_1(options: argparse.Namespace, *names: str) -> None:
    for name in names:
        if (value := getattr(options, name)) is not None and value < 1:
            raise ValueError(f"--{name} is {value}; it must be at least 1.")


def _bench(options: argparse.Namespace) -> int:
    from labcode.bench import convolutions, memory, optimizers, steps, study_cost

    _require_at_least_1(options, "workers")
    if options.suite:
        study_cost.main(options.workers, options.suite, options.json)
    elif options.memory:
        memory.main()
    elif options.optimizers:
        optimizers.main()
    elif options.convolutions:
        convolutions.main()
    else:
        steps.main(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
