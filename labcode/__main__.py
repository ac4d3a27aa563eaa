"""The command line: ``python -m labcode --help``."""

import argparse
import ast
import io
import os
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code. An error that the user can correct is one sentence on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # so that an output in ASCII can show every path
    try:
        options = _parse(sys.argv[1:] if arguments is None else arguments)
        code = options.act(options)
        sys.stdout.flush()  # or it would be found out too late that its reader is gone
        return code
    except KeyboardInterrupt as stop:
        print(f"\nInterrupted. {stop}".rstrip(), file=sys.stderr)
        return 130  # as a shell reports it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left, which nobody reads
        return 1
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        message = f"{package} is not installed; `pip install -e '.[book]'` in a checkout of the project installs it."
    except OSError as error:
        message = f"{error.filename}: {error.strerror}." if error.filename else str(error)
    except (ValueError, RuntimeError) as error:
        message = str(error)
    print(message, file=sys.stderr)
    return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labcode", description=__doc__.split(":")[0] + " of the book.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fetch = commands.add_parser("fetch", help="download the full MNIST set into the user's cache folder")
    fetch.set_defaults(act=_fetch)

    train = commands.add_parser("train", help="train one network, such as --width 32, and print its errors")
    train.add_argument("--seed", type=_value, default=0, help="of split, weights, order and dropout (default: 0)")
    train.add_argument("--save", type=Path, metavar="FILE", help="write the trained weights to FILE")
    if arguments[:1] == ["train"]:
        _add_settings(train)
    train.set_defaults(act=_train)

    run = commands.add_parser("run", help="train the recorded runs that are missing")
    run.add_argument("ablations", nargs="*", metavar="ABLATION", help="which ones (default: all)")
    run.add_argument(
        "--seeds",
        metavar="N|A:B",
        help="only seeds 0 to N-1 of those that were fixed; or seeds A to B-1, such as 0:64, fixed or not",
    )
    data = run.add_mutually_exclusive_group()
    data.add_argument("--study", help="whose runs: 2 or all-data (default: those of the first)")
    data.add_argument("--scale", help="of the data of seeds A to B-1: tenth (the default), own or full")
    _add_workers(run)
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--cluster", metavar="ADDRESS", help="use the workers of a Dask cluster, such as tcp://10.0.0.1:8786"
    )
    _add_device(where)
    run.add_argument("--records", type=Path, metavar="FOLDER", help="of the records (default: the book's)")
    run.set_defaults(act=_run)

    claims = commands.add_parser("claims", help="list every question and claim with its verdict")
    claims.add_argument("--json", action="store_true", help="print JSON instead of a table")
    claims.set_defaults(act=_claims)

    verify = commands.add_parser("verify", help="train some of the recorded runs again and compare")
    verify.add_argument("--sample", type=int, default=3, metavar="K", help="how many, drawn at random (default: 3)")
    verify.add_argument("--draw", type=int, default=0, metavar="N", help="which draw (default: 0)")
    _add_workers(verify)
    _add_device(verify)
    verify.set_defaults(act=_verify)

    compare = commands.add_parser("compare", help="compare a folder of records, and its verdicts, with the book's")
    compare.add_argument("folder", type=Path, metavar="FOLDER")
    compare.set_defaults(act=_compare)

    exam = commands.add_parser("exam", help="write an exam on Part I in three versions, with its proved answers")
    exam.add_argument("--seed", type=int, default=0, help="draws the questions (default: 0)")
    exam.add_argument("--folder", type=Path, default=Path(), help="of the two files (default: the working folder)")
    exam.set_defaults(act=_exam)

    bench = commands.add_parser("bench", help="measure what a training step costs on this machine")
    bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
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
    _add_device(other, "time steps of fleets: on a GPU (cuda), or of small ones on the CPU (cpu)")
    _add_workers(bench)
    bench.set_defaults(act=_bench)

    return parser.parse_args(arguments)


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="runs side by side")


def _add_device(
    command: argparse._ActionsContainer,
    does: str = "train runs of one shape in lockstep: on a GPU (cuda) or on the CPU (cpu)",
) -> None:
    command.add_argument("--device", metavar="DEVICE", help=does)


def _add_settings(command: argparse.ArgumentParser) -> None:
    """One option per field of the configuration. The fields come with PyTorch, so only `train` asks for them."""
    from dataclasses import fields

    from labcode.network import ConvNetConfig
    from labcode.study import Experiment
    from labcode.training import Recipe

    group = command.add_argument_group("settings", "as in labcode.network.ConvNetConfig and labcode.training.Recipe")
    scale = next(field for field in fields(Experiment) if field.name == "scale")
    for field in (scale, *fields(ConvNetConfig), *fields(Recipe)):
        option = f"--{field.name.replace('_', '-')}"
        group.add_argument(
            option, type=_value, default=argparse.SUPPRESS, metavar="VALUE", help=f"default: {field.default}"
        )


def _value(text: str) -> Any:
    """Read a value as in Python: 32, 0.5, True, (0.5, 0, 0.5); a word stands for itself. The settings check it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


# Each command imports what it needs, so that `--help` does not wait for PyTorch.


def _fetch(options: argparse.Namespace) -> int:
    from labcode.data.download import fetch, files_folder

    print(f"The full MNIST set is in {files_folder(fetch())}, as published.")
    return 0


def _train(options: argparse.Namespace) -> int:
    from labcode.study.commands import train

    settings = {name: value for name, value in vars(options).items() if name not in ("command", "act", "seed", "save")}
    return train(settings, options.seed, options.save)


def _run(options: argparse.Namespace) -> int:
    from labcode.study.commands import run_ablations

    where = options.workers, options.cluster, options.records, options.device
    try:
        return run_ablations(options.ablations, options.seeds, *where, options.scale, options.study)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Finished runs are kept; the same command resumes.") from None


def _claims(options: argparse.Namespace) -> int:
    from labcode.study.commands import list_claims

    return list_claims(options.json)


def _verify(options: argparse.Namespace) -> int:
    from labcode.study.commands import verify

    return verify(options.sample, options.draw, options.workers, options.device)


def _compare(options: argparse.Namespace) -> int:
    from labcode.study.commands import compare

    return compare(options.folder)


def _exam(options: argparse.Namespace) -> int:
    from labcode.derivation.exam import draw_exam
    from labcode.files import require_writable
    from labcode.pages.exam import write_exam

    require_writable(options.folder)
    for path in write_exam(draw_exam(options.seed), options.folder):
        print(path)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from labcode.bench import convolutions, fleets, memory, optimizers, steps, study_cost
    from labcode.checks import whole_number

    whole_number("--workers", options.workers, at_least=1)
    if options.suite:
        study_cost.main(options.workers, options.suite, options.json)
    elif options.device:
        fleets.main(options.device, options.json)
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
