"""Write the parts of the README that the book's own data decide, and the files for archives: `make readme`.

A part stands between `<!-- name -->` and `<!-- end of name -->`.
"""

import json
from collections import Counter
from statistics import median
from typing import Any

from measure import LOCKS, MEASURED, SET_UP
from metadata import ROOT, codecheck, codemeta
from picture import NUMBERS, PICTURE

from labcode.files import write_whole
from labcode.study import ABLATIONS, CLAIMS, Experiment
from labcode.study.ledger import rows
from labcode.study.outcomes import LISTED
from labcode.study.records import read_all
from labcode.study.studies import FIRST_SEED, STUDY_1, STUDY_2

WATTS = {"core": 10, "GPU": 1000}
"""Assumed, with memory, power supply and cooling: a busy core of a server needs about 4 W, a large GPU 700 W."""

Row = dict[str, Any]


def claims() -> list[Row]:
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
        lines.append(f"| {link} | {row['says']} | {row['outcome']} | {effect(row)} | {seeds(row)} | `{again(row)}` |")
    return "\n".join(lines)


def effect(row: Row) -> str:
    """Return the effect with its interval and unit; nothing if the claim is pending."""
    if row["effect"] is None:
        return ""
    unit = row["unit"].removeprefix("percentage ")
    return f"{row['effect']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) {unit}"


def seeds(row: Row) -> str:
    """Return how many seeds decide the claim, of how many that are registered."""
    if row["study"] == STUDY_2.name:
        return f"{row['seeds']} of {row['registered']}"
    return f"{row['seeds']} (exploration)" if row["seeds"] else ""


def again(row: Row) -> str:
    """Return the command that trains the runs of a claim again, into a folder of their own."""
    study = STUDY_2 if row["study"] == STUDY_2.name else STUDY_1
    names = list(dict.fromkeys(part.runs(study).name for part in CLAIMS[row["id"]].parts))
    if not set(names) <= ABLATIONS.keys():
        names = []  # it looks at runs of all ablations
    seeds = [f"--scale {study.scale}", f"--seeds {FIRST_SEED}:{FIRST_SEED + row['seeds']}"] if study is STUDY_2 else []
    return " ".join(["python -m labcode run", *names, *seeds, "--records again"])


def costs() -> str:
    """Return what the commands take, as measured, and what the recorded runs took."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    commands, download, disk = found["commands"], found["download_mb"], found["disk_mb"]
    set_up = commands.pop(SET_UP)
    lines = ["| command | time | memory | disk | download |", "|---|---|---|---|---|"]
    first = f"{size(sum(disk.values()))} | {size(sum(download.values()))}"
    lines.append(
        f"| set up, once, with the first command | {span(set_up['seconds'])} | {size(set_up['memory_mb'])} | {first} |"
    )
    lines += [
        f"| `{name}` | {span(each['seconds'])} | {size(each['memory_mb'])} | | |" for name, each in commands.items()
    ]
    baseline = Experiment(seed=0)
    recorded = read_all()
    one = [
        each.history.total_seconds for each in recorded if each.experiment.vary(seed=0) == baseline and not on_gpu(each)
    ]
    needs = json.loads((MEASURED.parent / "memory.json").read_text(encoding="utf-8"))
    lines.append(
        f"| `python -m labcode train`, one run of the baseline | {span(median(one))} | {size(needs['baseline'])} | | |"
    )
    machine = found["machine"]
    hours = Counter()
    for each in recorded:
        hours["GPU" if on_gpu(each) else "core"] += each.history.total_seconds / 3600
    used = " and ".join(f"{count:.0f} hours of one {kind}" for kind, count in hours.items())
    energy = sum(WATTS[kind] * count for kind, count in hours.items()) / 1000
    assumed = ", ".join(f"{WATTS[kind]} W per {kind}" for kind in hours)
    lines += [
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, on {machine['date']}. The load of other programs was "
        f"{machine['load_before']}. Of the download, {size(download[LOCKS[1]])} are PyTorch's CUDA build, which the "
        "CPU-only build saves.",
        "",
        f"The {len(recorded)} recorded runs took {used}. That is about {energy:.1f} kWh, an estimate: energy was not "
        f"measured, and we assume {assumed}, with memory, power supply and cooling.",
    ]
    return "\n".join(lines)


def on_gpu(record) -> bool:
    """Whether a GPU made the record."""
    return record.provenance.get("device", "cpu") != "cpu"


def span(seconds: float) -> str:
    """Return a time in words.

    >>> span(41), span(200), span(9000)
    ('41 s', '3 min', '2.5 h')
    """
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )


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


PARTS = {"picture": picture, "results": results, "costs": costs}


def readme() -> str:
    """Return the README with its parts written again."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, write in PARTS.items():
        begin, end = f"<!-- {name}, by `make readme` -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"README.md has no part {name}: {begin.strip()} and {end} mark it.")
        text = f"{before}{begin}\n{write()}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    for name, write in {"README.md": readme, "codemeta.json": codemeta, "codecheck.yml": codecheck}.items():
        if write_whole(ROOT / name, write()):
            print(f"{name} was written again.")


if __name__ == "__main__":
    main()
