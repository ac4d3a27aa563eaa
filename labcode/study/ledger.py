"""The ledger: every question, statement and claim of the lab on one list, with what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labcode.study.claim import Claim
from labcode.study.claims import CLAIMS
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.statistics import VERDICTS

DERIVED = "derived"
FOLLOWED = "followed"
PENDING = "pending"


@dataclass(frozen=True)
class Entry:
    """One row of the ledger.

    Attributes
    ----------
    id, kind, section : permanent id; ``"answer"``, ``"setup"`` or ``"claim"``; section of the lab.
    says : the lab's words, paraphrased.
    verdict : ``"derived"`` for an answer, ``"followed"`` for a statement of what was built, the verdict for a claim, or
        ``"pending"`` while runs are missing.
    page : of the book, where it is shown.
    effect, low, high, unit, seeds : of the contrast on which the verdict hangs; None where there is none.
    robust : whether every check gives the same verdict; None where there is no verdict, or runs of a check are missing.
    rule : what decides it.
    again : the verdict of each check, by its words; empty where there is no verdict.
    """

    id: str
    kind: str
    section: str
    says: str
    verdict: str
    page: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    seeds: int | None = None
    robust: bool | None = None
    rule: str | None = None
    again: Mapping[str, str] = field(default_factory=dict)

    @property
    def effect_with_interval(self) -> str:
        """Effect, 95% interval and unit as text; empty where there is no verdict yet.

        >>> Entry("C01", "claim", "2.4.1", "a.", "reproduced", "p", 1.0, 0.8, 1.2, "epochs").effect_with_interval
        '+1.00 (+0.80 to +1.20) epochs'
        """
        return "" if self.effect is None else f"{self.effect:+z.2f} ({self.low:+z.2f} to {self.high:+z.2f}) {self.unit}"

    @property
    def survives(self) -> str:
        """Whether the verdict is robust; where it is not, how many checks gave which other verdict.

        A check that cannot decide is another matter than one that decides the other way.

        >>> Entry(
        ...     "C01", "claim", "2.4.1", "a.", "reproduced", "p", robust=False,
        ...     again={"a third": "contradicted", "three times": "reproduced"},
        ... ).survives
        'no: 1 of 2 contradicted'
        """
        if self.robust is not False:
            return "yes" if self.robust else "open"
        others = Counter(verdict for verdict in self.again.values() if verdict != self.verdict)
        found = [f"{others[verdict]} of {len(self.again)} {verdict}" for verdict in VERDICTS if verdict in others]
        return f"no: {', '.join(found)}"


ANSWERS = (
    Entry("Q1", "answer", "1.1", "Logistic regression: ∂E/∂x_in from ∂E/∂x_out.", DERIVED, "backprop/logistic"),
    Entry("Q2", "answer", "1.2", "Softmax with inverse temperature β: its Jacobian.", DERIVED, "backprop/softmax"),
    Entry(
        "Q3",
        "answer",
        "1.3",
        "y = max(σ(x1), σ(x2)) + min(σ(x1), σ(x2)): ∂E/∂x1 and ∂E/∂x2.",
        DERIVED,
        "backprop/max_min",
    ),
)

SETUP = (
    Entry("D1", "setup", "2.1", "60 000 images split at random 70/30, and 10 000 for testing.", FOLLOWED, "mnist/data"),
    Entry("D2", "setup", "2.4", "Ablations use a tenth of the data: 4 200 and 1 800 images.", FOLLOWED, "mnist/data"),
    Entry(
        "M1",
        "setup",
        "2.2",
        "Two stages of convolution, pooling and normalization, then a 2-layer classifier.",
        FOLLOWED,
        "mnist/model",
    ),
    Entry(
        "M2",
        "setup",
        "2.2",
        "The final model: 128 maps, 5x5 filters, Lp pooling 3x3 with stride 2, 256 hidden nodes, dropout 0.5, tanh.",
        FOLLOWED,
        "mnist/model",
    ),
    Entry(
        "T1",
        "setup",
        "2.3",
        "Pure stochastic training, batch size 1; the model is chosen on the validation set.",
        FOLLOWED,
        "mnist/training",
    ),
)

PAGES = {
    "2.4.1": "mnist/hidden_units",
    "2.4.2": "mnist/stages",
    "2.4.3": "mnist/batch_size",
    "2.4.4": "mnist/optimizers",
    "2.4.5": "mnist/activations",
    "2.4.6": "mnist/pooling",
    "2.4.7": "mnist/filters",
    "2.4.8": "mnist/dropout",
    "2.5": "mnist/conclusion",
}
"""Which page shows a section's claims; the ledger itself, where none is written yet."""


def entries(folder: Path = RECORDS) -> list[Entry]:
    """Return the whole ledger, in the lab's order, decided from the records in ``folder``.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound. A missing one only makes its claims pending.

    >>> [entry.id for entry in entries()][:4]
    ['Q1', 'Q2', 'Q3', 'D1']
    """
    return [*ANSWERS, *SETUP, *(entry_of(claim, folder) for claim in CLAIMS.values())]


def entry_of(claim: Claim, folder: Path = RECORDS) -> Entry:
    """Return the row of one claim; of the records in ``folder`` only those that decide it are read.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound. A missing one only makes the claim pending.

    >>> entry_of(CLAIMS["C01"]).id
    'C01'
    """
    rule = " ".join(part.rule for part in claim.parts)
    row: dict[str, Any] = {
        "kind": "claim",
        "section": claim.section,
        "says": claim.sentence,
        "page": PAGES.get(claim.section, "appendix/ledger"),
        "rule": rule,
    }
    try:
        decision = claim.decide(folder)
    except MissingRecordError:
        return Entry(claim.id, verdict=PENDING, **row)
    contrast = decision.deciding
    return Entry(
        claim.id,
        verdict=decision.verdict,
        effect=round(contrast.effect, 3),
        low=round(contrast.low, 3),
        high=round(contrast.high, 3),
        unit=contrast.unit,
        seeds=contrast.seeds,
        robust=decision.robust,
        again=decision.verdicts_again,
        **row,
    )


def totals(ledger: list[Entry]) -> dict[str, int]:
    """Count the claims by verdict; verdicts that no claim has are left out.

    >>> sum(totals(entries()).values())
    17
    """
    found = [entry.verdict for entry in ledger if entry.kind == "claim"]
    return {verdict: found.count(verdict) for verdict in (*VERDICTS, PENDING) if verdict in found}
