"""Write the parts of the README that the book's own data decide, and the files for archives: `make readme`.

A part stands between `<!-- name -->` and `<!-- end of name -->`.
"""

import json
from collections import Counter
from statistics import median

from command import ROOT, one_sentence
from measure import LOCKS, MEASURED, SET_UP
from metadata import codecheck, codemeta
from picture import NUMBERS, PICTURE

from labcode.errors import LabcodeError
from labcode.files import write_whole
from labcode.pages.outcomes import Entry, numbers
from labcode.study import ABLATIONS, CLAIMS, Experiment
from labcode.study.ledger import rows
from labcode.study.outcomes import LISTED
from labcode.study.records import read_all
from labcode.study.studies import FIRST_SEED, STUDY_1, STUDY_2

WATTS = {"core": 10, "GPU": 1000}
"""Assumed, with memory, power supply and cooling: a busy core of a server needs about 4 W, a large GPU 700 W."""


def claims() -> list[Entry]:
    """Return the claims of the ledger."""
    return [row for row in rows() if row["kind"] == "claim"]


def results() -> str:
    """Return the totals and one row per claim."""
    found = claims()
    counts = Counter(row["outcome"] for row in found)
    totals = ", ".join(f"{counts[each.words]} {each.words}" for each in LISTED if counts[each.words])
    lines = [
        f"Of {len(found)} claims: {totals}.",
        "",
        "| | the lab | outcome | effect (95% interval) | seeds | to train its runs again |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        link = f"[{row['id']}](book/{row['page']}.ipynb)"
        lines.append(f"| {link} | {row['says']} | {row['outcome']} | {numbers(row)} | {seeds(row)} | `{again(row)}` |")
    return "\n".join(lines)


def seeds(row: Entry) -> str:
    """Return how many seeds decide the claim, of how many that are registered."""
    if row["study"] == STUDY_2.name:
        return f"{row['seeds']} of {row['registered']}"
    return f"{row['seeds']} (exploration)" if row["seeds"] else ""


def again(row: Entry) -> str:
    """Return the command that trains the runs of a claim again, into a folder of their own."""
    study = STUDY_2 if row["study"] == STUDY_2.name else STUDY_1
    names = list(dict.fromkeys(part.runs(study).name for part in CLAIMS[row["id"]].parts))
    if not set(names) <= ABLATIONS.keys():
        names = []  # it looks at runs of all ablations
    seeds = [f"--scale {study.scale}", f"--seeds {FIRST_SEED}:{FIRST_SEED + row['seeds']}"] if study is STUDY_2 else []
    return " ".join(["python -m labcode run", *names, *seeds, "--records again"])


def costs() -> str:
    """Return what the commands take, as measured."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    machine, commands, download = found["machine"], found["commands"], found["download_mb"]
    set_up, disk = commands.pop(SET_UP), sum(found["disk_mb"].values())
    needs = json.loads((MEASURED.parent / "memory.json").read_text(encoding="utf-8"))
    times = [each.history.total_seconds for each in read_all() if each.experiment.setting == Experiment(seed=0).setting]
    rows = [
        ["set up, once, before the first command", set_up, size(disk), size(sum(download.values()))],
        *([f"`{name}`", taken, "", ""] for name, taken in commands.items()),
        ["`python -m labcode train`", {"seconds": median(times), "memory_mb": needs["baseline"]}, "", ""],
    ]
    lines = ["| command | time | memory | disk | download |", "|---|---|---|---|---|"]
    for name, taken, *sizes in rows:
        lines.append(f"| {name} | {span(taken['seconds'])} | {size(taken['memory_mb'])} | {' | '.join(sizes)} |")
    lines += [
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, on {machine['date']}; other programs were a load of "
        f"{machine['load_before']}. The last row is one run of the baseline, as recorded. Of the download, "
        f"{size(download[LOCKS[1]])} are PyTorch's CUDA build, which the CPU-only build saves.",
    ]
    return "\n".join(lines)


def energy() -> str:
    """Return what the recorded runs took, with an estimate of their energy."""
    hours, recorded = Counter(), read_all()
    for each in recorded:
        kind = "core" if each.provenance.get("device", "cpu") == "cpu" else "GPU"
        hours[kind] += each.history.total_seconds / 3600
    used = " and ".join(f"{count:.0f} hours of one {kind}" for kind, count in hours.items())
    assumed = " and ".join(f"{WATTS[kind]} W per {kind}" for kind in hours)
    spent = sum(WATTS[kind] * count for kind, count in hours.items()) / 1000
    return (
        f"The {len(recorded)} recorded runs took {used}, about {spent:.1f} kWh. That is an estimate: energy was not "
        f"measured, and we assume {assumed}, with memory, power supply and cooling."
    )


def span(seconds: float) -> str:
    """Return a time in words.

    >>> span(41), span(200), span(9000)
    ('41 s', '3 min', '2.5 h')
    """
    minutes = seconds / 60
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def size(megabytes: float) -> str:
    """Return a size in words.

    >>> size(12.3), size(2345)
    ('12 MB', '2.3 GB')
    """
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def picture() -> str:
    """Return the picture of the page that trains, with its numbers in words."""
    shown = json.loads(NUMBERS.read_text(encoding="utf-8"))
    (first, *_, last), epochs = shown["validation"], len(shown["validation"])
    words = (
        f"The page that trains in the browser: a network of width {shown['width']} with seed {shown['seed']} errs on "
        f"{first} of 1 800 validation images after the first epoch, and on {last} after epoch {epochs}."
    )
    return f"![{words}]({PICTURE.relative_to(ROOT).as_posix()})"


PARTS = {"picture": picture, "results": results, "costs": costs, "energy": energy}


def readme() -> str:
    """Return the README with its parts written again.

    Raises
    ------
    LabcodeError : the marks of a part are missing.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, write in PARTS.items():
        begin, end = f"<!-- {name}, by `make readme` -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise LabcodeError(f"README.md has no part {name}: {begin.strip()} and {end} mark it.")
        text = f"{before}{begin}\n{write()}\n\n{end}{rest.partition(end)[2]}"
    return text


@one_sentence()
def main() -> None:
    for name, write in {"README.md": readme, "codemeta.json": codemeta, "codecheck.yml": codecheck}.items():
        if write_whole(ROOT / name, write()):
            print(f"{name} was written again.")


if __name__ == "__main__":
    main()
