"""Tables and lists over the whole study, for the ledger and the reproducibility report."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from IPython.display import Markdown

from labcode.pages.outcomes import EFFECT, Entry, badge, effect, numbers, of_100, whose
from labcode.pages.sentences import Sentence, say
from labcode.pages.tables import Cell, table
from labcode.study.ablation import BASELINE
from labcode.study.claim import AS_STATED, Decision
from labcode.study.experiment import Experiment
from labcode.study.lab import ABLATIONS, CLAIMS, THE_LABS, experiments
from labcode.study.lab.final_model import FINAL_GRID, FINAL_GRID_SEED
from labcode.study.ledger import STATEMENTS, decisions, row, totals
from labcode.study.measures import Measure
from labcode.study.records import RECORDS, Record, find
from labcode.study.reproduction import ALLOWED, Comparison
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2


def totals_sentence(folder: Path = RECORDS) -> Sentence:
    """Return the number of claims with each outcome, and for which of them the exploration stands in.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> totals_sentence(Path("empty"))
    Of 17 claims: **17** pending.
    """
    decided = decisions(folder)
    found = ", ".join(f"**{count}** {outcome.words}" for outcome, count in totals(decided).items())
    explored = [each.claim.id for each in decided if each.findings and each.study == STUDY_1]
    stands = f" For {', '.join(explored)} the exploration stands in, whose runs are older than today's rules."
    return say("Of {count} claims: {found}.{stands}", count=len(CLAIMS), found=found, stands=stands * bool(explored))


def statements_table() -> Markdown:
    """Return the lab's questions and its statements of what was built, each with a link to its page.

    >>> "| [Q1](/backprop/logistic) | 1.1 " in statements_table().data
    True
    """
    return table(
        ["id", "lab section", "the lab", "result"],
        [[f"[{each.id}](/{each.page})", each.section, each.says, each.outcome] for each in STATEMENTS],
    )


def claims_table(folder: Path = RECORDS) -> Markdown:
    """Return one row per claim of the ledger: its outcome, the effect on which it hangs, and how far to trust it.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> "pending" in claims_table(Path("empty")).data
    True
    """
    return table(
        ["id", "outcome", EFFECT, "decided by", "learning rates", "ten times the images", "a new study agrees"],
        [
            [f"[{found['id']}](/{found['page']})", badge(found["outcome"]), *_trust(found)]
            for found in (row(claim, folder) for claim in CLAIMS.values())
        ],
    )


def _trust(found: Entry) -> list[Cell]:
    if found["effect"] is None:
        return [""] * 5
    more = found["full_data"]
    return [
        numbers(found),
        whose(found),
        found["rates"]["label"],
        f"{more['outcome']}, {numbers(more)}" if more else "not run",
        of_100(found["replication"]),
    ]


def claims_list() -> Markdown:
    """Return the lab's claims as a list.

    >>> claims_list().data.splitlines()[0]
    '- **C01** (lab section 2.4.1). More hidden units converge faster on the training set.'
    """
    return Markdown(
        "\n".join(f"- **{each.id}** (lab section {each.section}). {each.sentence}" for each in CLAIMS.values())
    )


def results_table(folder: Path = RECORDS) -> Markdown:
    """Return one row per part of a claim: its outcome, its weakest contrast, and how many seeds say so alone.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> "pending: 0 of 32 runs recorded" in results_table(Path("empty")).data
    True
    """
    return table(
        ["claim", "statement", "outcome", "contrast", EFFECT, "seeds that alone agree"],
        [row for decision in decisions(folder) for row in _result_rows(decision, folder)],
    )


def _result_rows(decision: Decision, folder: Path) -> Iterable[list[str]]:
    link, parts = _link(decision), decision.claim.parts
    if not decision.findings:
        runs = {run for part in parts for run in part.runs().experiments()}
        recorded = sum(find(run, folder) is not None for run in runs)
        says = "; ".join(part.says for part in parts)
        yield [link, says, f"pending: {recorded} of {len(runs)} runs recorded", "", "", ""]
    for finding in decision.findings:
        name, weakest = min(finding.verdicts.items(), key=lambda named: named[1].effect)
        alone = f"{weakest.agreeing} of {weakest.seeds}"
        yield [link, finding.part.says, badge(finding.outcome.words), name, effect(weakest), alone]
        link = ""


def _link(decision: Decision) -> str:
    return f"[{decision.claim.id}](/{decision.claim.page})"


def networks_table(final: Experiment) -> Markdown:
    """Return parameters and multiply-adds of the baseline, the final model, and all levels that change them.

    >>> from labcode.study.lab.final_model import FINAL_RUNS
    >>> final = FINAL_RUNS.experiment("final", seed=0)
    >>> [cell.strip() for cell in networks_table(final).data.splitlines()[2].split("|")[1:-1]]
    ['baseline', '310 346', '11.7']
    """
    networks = {"baseline": Experiment(0).network, "final model": final.network} | {
        f"{ablation.factor} {label}": ablation.experiment(label, 0).network
        for ablation in THE_LABS
        for label, level in ablation.levels.items()
        if level != BASELINE
    }
    rows: dict[tuple[int, int], list[Cell]] = {}
    for name, network in networks.items():
        row: list[Cell] = [name, network.parameters, f"{network.multiply_adds / 1e6:.1f}"]
        rows.setdefault((network.parameters, network.multiply_adds), row)
    return table(["network", "parameters", "million multiply-adds per image"], rows.values())


def settings_table(columns: Mapping[str, Experiment]) -> Markdown:
    """Return the settings of experiments side by side, without those that no claim varies.

    >>> print(settings_table({"baseline": Experiment(0)}).data.splitlines()[2])
    | `width`         | 64         |
    """
    network = ("width", "stages", "filter", "pool", "pool_stride", "exponent", "activation", "normalize", "hidden")
    recipe = ("optimizer", "learning_rate", "decay", "batch_size", "epochs", "choice")
    names = [("network", name) for name in (*network, "dropout")] + [("recipe", name) for name in recipe]
    return table(
        ["setting", *columns],
        [
            [f"`{name}`", *(str(getattr(getattr(each, part), name) or "none") for each in columns.values())]
            for part, name in names
        ],
    )


def measures_list() -> Markdown:
    """Return every number that a rule or a check reads off a run, in words, with the claims whose rules read it.

    >>> measures_list().data.splitlines()[0]
    '- the mean training error (dropout off) over the first 5 epochs (C01, C04, C07)'
    """
    readers: dict[Measure, dict[str, None]] = {}
    for claim in CLAIMS.values():
        for study in (STUDY_2, STUDY_1):
            for check in (AS_STATED, *claim.checks_in(study)):
                for part in claim.parts_by(check, study):
                    readers.setdefault(part.measure, {})[claim.id] = None
    return Markdown(
        "\n".join(f"- the {measure.words.rstrip(',')} ({', '.join(ids)})" for measure, ids in readers.items())
    )


def retrained_table(comparisons: Iterable[Comparison]) -> Markdown:
    """Return, for each run that was trained a second time, by how much it differs, and whether that is allowed.

    >>> print(retrained_table([Comparison(Experiment(0), False, False, 0.1)]).data.splitlines()[2])
    | baseline    | 0.10                                     | yes        |
    """
    return table(
        ["seed 0 of", "images of 1 800 that differ, per epoch", "within 1"],
        [
            [
                each.experiment.name.removesuffix("_seed=0"),
                "every count is equal" if each.equal else each.difference,
                "yes" if each.difference <= ALLOWED else "no",
            ]
            for each in comparisons
        ],
    )


def runs_sentence(records: Iterable[Record]) -> Sentence:
    """Return how many different runs each study has, and how many of them are recorded.

    >>> print(str(runs_sentence([]))[:67])
    The first study has 503 different runs, of which 0 are recorded; th
    """
    first = {run for ablation in ABLATIONS.values() for run in ablation.experiments()} | {*experiments()}
    second = {*experiments(study=STUDY_2), *FINAL_GRID.experiments([FINAL_GRID_SEED])}
    planned = [first, second, {*experiments(study=ALL_DATA)}]
    made = {record.experiment for record in records}
    return say(
        "The first study has {counts[0]} different runs, of which {found[0]} are recorded; the second registered "
        "{counts[1]}, of which {found[1]} are, and {counts[2]} with ten times the images, of which {found[2]} are.",
        counts=[f"{len(runs):,}".replace(",", " ") for runs in planned],
        found=[len(runs & made) for runs in planned],
    )


def runs_table(records: Iterable[Record]) -> Markdown:
    """Return, for each ablation, its runs, those of its checks included, and their processor time.

    >>> print(runs_table([]).data.splitlines()[0])
    | `python -m labcode run ...`   | runs   | recorded   | median seconds   | hours of one core   |
    """
    seconds = {record.experiment: record.history.total_seconds for record in records}
    rows: list[list[Cell]] = []
    for name, ablation in ABLATIONS.items():
        runs = {*ablation.experiments(), *experiments([name])}
        if not runs:  # only other studies have them
            continue
        done = [seconds[run] for run in runs if run in seconds]
        cost: list[Cell] = [round(median(done)), f"{sum(done) / 3600:.1f}"] if done else ["", ""]
        rows.append([f"`{name}`", len(runs), len(done), *cost])
    return table(["`python -m labcode run ...`", "runs", "recorded", "median seconds", "hours of one core"], rows)
