"""The command line: ``python -m labcode --help``."""

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code. Errors that a user can mend are one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m labcode", description=__doc__.split(":")[0] + " of the book.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fetch = commands.add_parser("fetch", help="bring the full MNIST set into the user's cache folder")
    fetch.set_defaults(act=_fetch)

    run = commands.add_parser("run", help="train the recorded runs that are missing")
    run.add_argument("ablations", nargs="*", metavar="ABLATION", help="which ones (default: all)")
    run.add_argument("--seeds", type=int, metavar="N", help="train seeds 0 to N-1 (default: the book's)")
    run.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="runs side by side (one a core)")
    run.add_argument("--records", type=Path, metavar="FOLDER", help="where the records lie (default: the book's)")
    run.set_defaults(act=_run)

    bench = commands.add_parser("bench", help="measure what a training step costs on this machine")
    bench.add_argument("--json", action="store_true", help="print JSON in place of a table")
    bench.set_defaults(act=_bench)

    options = parser.parse_args(arguments)
    try:
        return options.act(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


# Each command imports what it needs itself: `--help` should not wait for PyTorch.


def _fetch(options: argparse.Namespace) -> int:
    from labcode.fetch import fetch, files_folder

    print(f"The full MNIST set is in {files_folder(fetch())}, as published.")
    return 0


def _run(options: argparse.Namespace) -> int:
    from labcode.ablations import ABLATIONS, SEEDS
    from labcode.runs import RECORDS, missing, run_missing

    if unknown := [name for name in options.ablations if name not in ABLATIONS]:
        raise ValueError(f"Unknown ablation {unknown[0]!r}; accepted are {', '.join(ABLATIONS)}.")
    for name in ("seeds", "workers"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise ValueError(f"--{name} is {value}; it must be at least 1.")
    seeds = SEEDS if options.seeds is None else range(options.seeds)
    folder = options.records or RECORDS
    wanted = [e for name in options.ablations or ABLATIONS for e in ABLATIONS[name].experiments(seeds)]
    kept = len(wanted) - len(missing(wanted, folder))
    seconds = trained = 0
    for record in run_missing(wanted, folder, options.workers):
        trained += 1
        seconds += record.history.seconds
    print(f"{len(wanted)} runs: {kept} were there, {trained} trained ({seconds:.0f} seconds of training) in {folder}.")
    return 0


def _bench(options: argparse.Namespace) -> int:
    from labcode.bench import main as bench

    return bench(as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
