"""Mutation tests: change a module of labcode in one small place, and see whether a test fails.

A mutant is a module with one change: of a number, a comparison, an operator. It is killed if a test of the module or an
example in its documentation fails or does not end; a mutant that survives shows what no test checks. Cosmic Ray makes
the changes and keeps the results. (mutmut is several times faster, but skips every function with a decorator, which
includes those under `torch.no_grad`: the step of conjugate gradient and the hand-written gradient.)

Everything happens on a copy in `.mutants`, where results are kept: an interrupted run continues, and survivors are
tested again, since there may be new tests for them. A module that changed starts from nothing.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".mutants"
PYTHON = ROOT / ".venv" / "bin" / "python"

# The modules to test by default: those that readers rely on most come first.
MODULES = [
    "study/statistics",
    "training/conjugate_gradient",
    "network/manual_layers",
    "network/backprop",
    "network/layers",
    "derivation/proof",
    "derivation/chain",
    "derivation/expressions",
]
# Tests of a module are those of its own name; these modules are tested by others, or by others as well.
TESTS = {
    "derivation/expressions": ["derivation/test_expressions", "derivation/test_proof"],
    "network/manual_layers": ["network/test_backprop"],
    "training/fleet_layers": ["training/test_fleet_network", "training/test_exponents"],
    "training/fleet_graph": ["training/test_fleet"],
}

# Changes that show nothing about the tests: an operator that the values do not support always fails.
POINTLESS = [
    r"core/ReplaceBinaryOperator_\w+_(RShift|LShift|BitOr|BitAnd|BitXor|Mod|FloorDiv|Pow)",
    r"core/ReplaceBinaryOperator_BitOr_\w+",  # between types
    r"core/ReplaceUnaryOperator_\w+_(Invert|Not)",
    r"core/ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)",
    r"core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)",
]

NOT_DRAWN = "not in the sample"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help=f"such as network/layers (default: {', '.join(MODULES)})"
    )
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="mutants per module (default: 40)")
    options = parser.parse_args()
    for module in options.modules:
        for path in (f"labcode/{module}.py", *tests_of(module)):
            if not (ROOT / path).is_file():
                parser.error(f"{module!r} has no {path}; a module is given as network/layers")
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    for module in options.modules or MODULES:
        examine(module, options.sample)


def tests_of(module: str) -> list[str]:
    """Return the paths of the tests of a module."""
    room, _, name = module.rpartition("/")
    return [f"tests/{test}.py" for test in TESTS.get(module, [f"{room}/test_{name}".lstrip("/")])]


def examine(module: str, sample: int) -> None:
    """Test ``sample`` mutants of ``module``, drawn at random but the same each time; print the survivors."""
    folder, session = prepare(module)
    os.environ["PYTHONPATH"] = str(folder)
    tests = [str(PYTHON), "-m", "pytest", "-x", "-q", "-n", "0", "--doctest-modules"]
    tests += [f"labcode/{module}.py", *tests_of(module)]
    before = processor_seconds()
    subprocess.run(tests, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # without a change, they pass
    # An endless loop is recognized by its processor time: a busy machine kills no mutant.
    limit = max(30, round(6 * (processor_seconds() - before)))
    command = ["sh", "-c", f"ulimit -t {limit} && exec {shlex.join(tests)}"]
    write_settings(folder / "settings.toml", module, shlex.join(command))
    if not session.exists():
        cosmic_ray(folder, "cosmic-ray", "init", "settings.toml", str(session))
        cosmic_ray(folder, "cr-filter-operators", str(session), "settings.toml")
    with sqlite3.connect(session) as database:
        database.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED' OR output = ?", [NOT_DRAWN])
    with use_db(str(session), WorkDB.Mode.open) as results:
        total = draw(results, sample)
    cosmic_ray(folder, "cosmic-ray", "exec", "settings.toml", str(session))
    with use_db(str(session), WorkDB.Mode.open) as results:
        report(module, results, total)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prepare(module: str) -> tuple[Path, Path]:
    """Copy the code and the tests; return the copy's folder and the file that keeps the module's results."""
    name_of_copy = module.replace("/", "-")
    folder = FOLDER / name_of_copy
    for name in ("labcode", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "site"))
    shutil.copy(ROOT / "conftest.py", folder)
    # The settings of every test are made with modules of the tools.
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = -p no:cacheprovider\npythonpath = {ROOT / 'tools'}\n")
    # Another version of the module has other mutants, so its digest is part of the name.
    digest = hashlib.sha256((ROOT / "labcode" / f"{module}.py").read_bytes()).hexdigest()[:12]
    return folder, FOLDER / f"{name_of_copy}-{digest}.sqlite"


def write_settings(path: Path, module: str, command: str) -> None:
    path.write_text(
        "[cosmic-ray]\n"
        f'module-path = "labcode/{module}.py"\n'
        "timeout = 36000\n"
        "excluded-modules = []\n"
        f"test-command = {json.dumps(command)}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {json.dumps(POINTLESS)}\n"
    )


def cosmic_ray(folder: Path, tool: str, *arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name(tool), *arguments], cwd=folder, check=True)


def draw(results: WorkDB, sample: int) -> int:
    """Skip all mutants but those that are drawn and not killed yet; return how many there are in all."""
    outcomes = dict(results.results)
    # Mutants that Cosmic Ray's filter left out have a result already.
    worthwhile = [
        item
        for item in results.work_items
        if item.job_id not in outcomes or outcomes[item.job_id].output != "Filtered operator"
    ]
    worthwhile.sort(key=lambda item: (item.mutations[0].operator_name, item.mutations[0].occurrence))
    random.Random(0).shuffle(worthwhile)
    left_out = [item.job_id for item in worthwhile[sample:] if item.job_id not in killed(results)]
    results.set_multiple_results(left_out, WorkResult(WorkerOutcome.SKIPPED, NOT_DRAWN))
    return len(worthwhile)


def killed(results: WorkDB) -> set[str]:
    return {job for job, result in results.results if result.worker_outcome != WorkerOutcome.SKIPPED}


def report(module: str, results: WorkDB, total: int) -> None:
    tested = [(item, result) for item, result in results.completed_work_items if result.test_outcome]
    survivors = [(item, result) for item, result in tested if not result.is_killed]
    share = 1 - len(survivors) / len(tested)
    print(f"{module}: {len(tested)} of {total} mutants tested, {len(tested) - len(survivors)} killed ({share:.0%})")
    for item, result in sorted(survivors, key=lambda pair: pair[0].mutations[0].start_pos):
        (mutation,) = item.mutations
        changed = [line for line in (result.diff or "").splitlines() if re.match(r"[-+](?![-+])", line)]
        print(f"  line {mutation.start_pos[0]}, {mutation.operator_name.removeprefix('core/')}")
        print("".join(f"    {line}\n" for line in changed), end="")


if __name__ == "__main__":
    main()
