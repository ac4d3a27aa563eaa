"""Claims at a glance: cards, their rules, and the headline of the front page."""

from collections.abc import Iterable
from pathlib import Path

from IPython.display import Markdown

from labcode.network.weights import FINAL_FILE, digest, load
from labcode.pages.tables import table
from labcode.study.claim import Claim, Decision
from labcode.study.lab import CLAIMS
from labcode.study.lab.final_model import FINAL_RUNS, LAB_TEST_ERROR
from labcode.study.ledger import decide, decisions, totals
from labcode.study.measures import error_on_test
from labcode.study.outcomes import Outcome
from labcode.study.rates import by_rate
from labcode.study.records import RECORDS
from labcode.study.samples import results


def claim_cards(*ids: str, folder: Path = RECORDS) -> Markdown:
    """Return claims as cards: the lab's sentence, the outcome, and the effect with its interval.

    Parameters
    ----------
    ids : the claims of the page; their cards link to the ledger. Without ids, all claims, each card linking to its
        page.
    folder : of the records.

    Raises
    ------
    ValueError : an id is not that of a claim.
    labcode.study.records.RecordError : a record is unsound.

    >>> "More hidden units converge faster" in claim_cards("C01").data
    True
    """
    columns = "1 1 2 2" if ids else "1 2 2 3"
    cards = [
        _card(decide(claim, folder), "/appendix/ledger", f"{claim.id} in the ledger")
        if ids
        else _card(decide(claim, folder), f"/{claim.page}", f"How {claim.id} is decided")
        for claim in _claims(ids or CLAIMS)
    ]
    return Markdown("\n\n".join([f":::::{{grid}} {columns}\n:gutter: 2", *cards, ":::::"]))


def _claims(ids: Iterable[str]) -> list[Claim]:
    if unknown := [name for name in ids if name not in CLAIMS]:
        raise ValueError(f"Unknown claim {unknown[0]!r}; accepted are {', '.join(CLAIMS)}.")
    return [CLAIMS[name] for name in ids]


def _card(decision: Decision, page: str, link: str) -> str:
    if decision.outcome is Outcome.PENDING:
        result = "Not all of its runs are recorded yet"
    else:
        contrast = decision.deciding
        result = (
            f"**{contrast.interval} {contrast.unit}**\\\n{seeds_of(decision)}\\\n"
            f"Learning rates: {by_rate(decision).label}"
        )
    return "\n".join(
        [
            f"::::{{grid-item-card}} {decision.claim.id} {_badge(decision.outcome)}",
            ":class-card: claim-card",
            "",
            decision.claim.sentence,
            "",
            result,
            "",
            f"[{link}]({page})",
            "::::",
        ]
    )


def seeds_of(decision: Decision) -> str:
    """Return what a decision rests on, in a few words: the study and its seeds.

    >>> seeds_of(CLAIMS["C01"].decide())
    'study 1 (exploration), 8 seeds'
    """
    seeds, registered = decision.deciding.seeds, decision.registered
    if registered is None:
        return f"{decision.study.name} (exploration), {seeds} seeds"
    return f"{decision.study.name}, {seeds} of {registered} seeds"


def _badge(outcome: Outcome, words: str = "") -> str:
    """The outcome as MyST; the book's style sheet gives it its color and its sign."""
    return f"[{words or outcome.words}]{{.verdict .verdict-{outcome.words.replace(' ', '-')}}}"


def headline(folder: Path = RECORDS) -> Markdown:
    """Return the lab's test accuracy, ours with its 95% interval, and the number of claims with each outcome.

    Without the final model's records, a sentence takes the place of our accuracy.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> "[99.54%]{.headline-number}" in headline().data
    True
    """
    found = decisions(folder)
    ours_is = next(decision for decision in found if decision.claim.id == "C17")
    if ours_is.outcome is Outcome.PENDING:
        ours = (
            f"{_badge(Outcome.PENDING)} Our accuracy will be shown here when the runs of the final model are recorded."
        )
    else:
        finding = ours_is.findings[-1]
        runs = results(finding.part.runs(ours_is.study), finding.seeds, folder)["final"]
        accuracy = -runs.of(error_on_test) + 100
        ours = (
            f"[{accuracy:.2f}%]{{.headline-number}} in this book, the mean over {accuracy.seeds} seeds "
            f"(95% interval {accuracy.low:.2f}% to {accuracy.high:.2f}%). {_badge(ours_is.outcome)}"
        )
    badges = [_badge(outcome, f"{count} {outcome.words}") for outcome, count in totals(found).items()]
    return Markdown(
        "\n".join(
            [
                ":::{div} headline",
                f"[{100 - LAB_TEST_ERROR:.2f}%]{{.headline-number}} of the test images correct: the lab, apparently in "
                "one run.",
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


def model_card(folder: Path = RECORDS) -> Markdown:
    """Return what to know about the network that ships with the book, from its file and its record.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> "940 170 parameters" in model_card().data
    True
    """
    net = load().net
    runs = results(FINAL_RUNS, folder=folder)["final"]
    best = min(runs.records, key=lambda record: min(record.history.validation.errors))
    training, test = ("unknown" if counted is None else counted.errors[0] for counted in (best.fitted, best.test))
    config, recipe = net.config, best.experiment.recipe
    parameters = f"{sum(weights.numel() for weights in net.parameters()):,}".replace(",", " ")
    rows = {
        "what it does": "reads a handwritten digit in an image of 28 by 28 pixels, made as MNIST was",
        "network": f"{config.stages} stages of {config.width} maps, {config.filter} by {config.filter} filters, "
        f"{config.activation}, Lp pooling {config.pool}/{config.pool_stride} with P = {config.exponent}, subtractive "
        f"normalization, {config.hidden} hidden nodes; {parameters} parameters",
        "data": "MNIST: 42 000 of its 60 000 training images; the other 18 000 chose the epoch; 10 000 test images",
        "recipe": f"SGD, batch size {recipe.batch_size}, learning rate {recipe.learning_rate:g} falling to 0 along "
        f"half a cosine, {recipe.epochs} epochs, dropout {', '.join(map(str, config.dropout))}; no augmentation",
        "errors": f"{test} of 10 000 test images, {min(best.history.validation.errors)} of 18 000 "
        f"validation images, {training} of 42 000 training images",
        "intended use": "teaching, and the page [Draw a digit](/mnist/draw)",
        "not for": "reading anything that matters: it was tested on digits of one collection, and takes whatever it is "
        "shown for one of ten digits",
        "file": f"`labcode/network/{FINAL_FILE.name}`, {FINAL_FILE.stat().st_size / 1e6:.1f} MB, safetensors; "
        "`labcode.network.weights.load()` reads it",
        "digest of the weights": f"`{digest(dict(net.state_dict()))[:16]}…`",
    }
    return table(["", "the network that ships with the book"], rows.items())


def show_rules(*ids: str) -> Markdown:
    """Return the lab's sentences and the rules that decide them, as the code states them.

    Raises
    ------
    ValueError : an id is not that of a claim.

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
