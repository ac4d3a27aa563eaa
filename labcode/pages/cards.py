"""Claims at a glance: cards, their rules, and the headline of the front page."""

from collections.abc import Iterable
from pathlib import Path

from IPython.display import Markdown

from labcode.network.weights import FINAL_FILE, digest, load
from labcode.pages.outcomes import Entry, again, badge, numbers, whose
from labcode.pages.tables import table
from labcode.study.claim import AS_STATED, Claim
from labcode.study.lab import CLAIMS
from labcode.study.lab.final_model import FINAL_RUNS, LAB_TEST_ERROR
from labcode.study.ledger import decide, row
from labcode.study.rates import SAID
from labcode.study.records import RECORDS
from labcode.study.samples import results
from labcode.study.studies import STUDY_2


def claim_cards(*ids: str, folder: Path = RECORDS) -> Markdown:
    """Return claims as cards: the lab's sentence, the outcome, the effect, and how far it can be trusted.

    Parameters
    ----------
    ids : of the claims.
    folder : of the records.

    Raises
    ------
    ValueError : an id is not that of a claim.
    labcode.study.records.RecordError : a record is unsound.

    >>> "More hidden units converge faster" in claim_cards("C01").data
    True
    """
    cards = [_card(row(claim, folder)) for claim in _claims(ids)]
    return Markdown("\n\n".join([":::::{grid} 1 1 2 2\n:gutter: 2", *cards, ":::::"]))


def _claims(ids: Iterable[str]) -> list[Claim]:
    if unknown := [name for name in ids if name not in CLAIMS]:
        raise ValueError(f"Unknown claim {unknown[0]!r}; accepted are {', '.join(CLAIMS)}.")
    return [CLAIMS[name] for name in ids]


def _card(found: Entry) -> str:
    lines = ["Not all of its runs are recorded yet"] if found["effect"] is None else [*_result(found)]
    return "\n".join(
        [
            f"::::{{grid-item-card}} {found['id']} {badge(found['outcome'])}",
            ":class-card: claim-card",
            "",
            found["says"],
            "",
            "\\\n".join(lines),
            "",
            f"[{found['id']} in the ledger](/appendix/ledger)",
            "::::",
        ]
    )


def _result(found: Entry) -> Iterable[str]:
    """The lines of a card: effect, study, learning rates, ten times the images, another study."""
    yield f"**{numbers(found)}**"
    yield f"{whose(found).capitalize()}."
    yield f"{SAID[found['rates']['label']]}."
    if more := found["full_data"]:
        yield f"With ten times the images: {more['outcome']}, {numbers(more)}."
    yield again(found)


def headline(folder: Path = RECORDS) -> Markdown:
    """Return the lab's test accuracy and ours with its 95% interval.

    Without the final model's records, a sentence takes the place of our accuracy.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> "[99.54%]{.headline-number}" in headline().data
    True
    """
    found, lab = decide(CLAIMS["C17"], folder), 100 - LAB_TEST_ERROR
    if not found.findings:
        ours = "Our accuracy will be shown here when the runs of the final model are recorded."
    else:
        (better,) = found.findings[-1].verdicts.values()  # than the lab, on the test set
        ours = (
            f"[{lab + better.effect:.2f}%]{{.headline-number}} in this book, the mean over {better.seeds} seeds "
            f"(95% interval {lab + better.low:.2f}% to {lab + better.high:.2f}%)."
        )
    return Markdown(
        "\n".join(
            [
                ":::{div} headline",
                f"[{lab:.2f}%]{{.headline-number}} of the test images correct: the lab, apparently in one run.",
                "",
                ours,
                ":::",
            ]
        )
    )


def model_card() -> Markdown:
    """Return what to know about the network that ships with the book, from its file and its record.

    Raises
    ------
    labcode.study.records.RecordError : a record is missing or unsound.

    >>> "940 170 parameters" in model_card().data
    True
    """
    net = load().net
    runs = results(FINAL_RUNS)["final"]
    best = min(runs.records, key=lambda record: min(record.history.validation.errors))
    training, test = ("unknown" if counted is None else counted.errors[0] for counted in (best.fitted, best.test))
    config, recipe = net.config, best.experiment.recipe
    parameters = f"{config.parameters:,}".replace(",", " ")
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
        "digest of the weights": f"`{digest(net.state_dict())[:16]}…`",
    }
    return table(["", "the network that ships with the book"], rows.items())


def show_rules(*ids: str) -> Markdown:
    """Return the lab's sentences and the rules that decide them in study 2, as the code states them.

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
                    *(f"- *{part.says}*: {part.rule}" for part in claim.parts_by(AS_STATED, STUDY_2)),
                ]
            )
            for claim in _claims(ids)
        )
    )
