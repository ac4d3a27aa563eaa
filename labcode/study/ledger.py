"""The ledger: every question, statement and claim of the lab, with its outcome."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcode.study.claim import PENDING, Claim, Decision
from labcode.study.lab import CLAIMS
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.statistics import VERDICTS

DERIVED = "derived"
FOLLOWED = "followed"


@dataclass(frozen=True)
class Statement:
    """What the lab asks or says it built.

    Attributes
    ----------
    id : permanent.
    section : of the lab.
    says : the lab's words, paraphrased.
    verdict : ``"derived"`` for a question, ``"followed"`` for a statement of what was built.
    page : of the book that shows it.
    """

    id: str
    section: str
    says: str
    verdict: str
    page: str


STATEMENTS = (
    Statement("Q1", "1.1", "Logistic regression: ∂E/∂x_in from ∂E/∂x_out.", DERIVED, "backprop/logistic"),
    Statement("Q2", "1.2", "Softmax with inverse temperature β: its Jacobian.", DERIVED, "backprop/softmax"),
    Statement(
        "Q3", "1.3", "y = max(σ(x1), σ(x2)) + min(σ(x1), σ(x2)): ∂E/∂x1 and ∂E/∂x2.", DERIVED, "backprop/max_min"
    ),
    Statement("D1", "2.1", "60 000 images split at random 70/30, and 10 000 for testing.", FOLLOWED, "mnist/data"),
    Statement("D2", "2.4", "Ablations use a tenth of the data: 4 200 and 1 800 images.", FOLLOWED, "mnist/data"),
    Statement(
        "M1",
        "2.2",
        "Two stages of convolution, pooling and normalization, then a 2-layer classifier.",
        FOLLOWED,
        "mnist/model",
    ),
    Statement(
        "M2",
        "2.2",
        "The final model: 128 maps, 5x5 filters, Lp pooling 3x3 with stride 2, 256 hidden nodes, dropout 0.5, tanh.",
        FOLLOWED,
        "mnist/model",
    ),
    Statement(
        "T1",
        "2.3",
        "Pure stochastic training, batch size 1; the model is chosen on the validation set.",
        FOLLOWED,
        "mnist/training",
    ),
)
"""The lab's questions and statements of what was built, in its order."""


def decide(claim: Claim, folder: Path = RECORDS) -> Decision:
    """Decide ``claim`` from the records in ``folder``, reading no others; pending while runs of its own are missing.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> decide(CLAIMS["C01"]).verdict, decide(CLAIMS["C01"], Path("empty")).verdict
    ('reproduced', 'pending')
    """
    try:
        return claim.decide(folder)
    except MissingRecordError:
        return Decision(claim, ())


def decisions(folder: Path = RECORDS) -> list[Decision]:
    """Decide every claim, in order of their ids, from the records in ``folder``.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound. A missing one only makes its claims pending.

    >>> [str(decision) for decision in decisions(Path("empty"))][:2]
    ['C01: pending', 'C02: pending']
    """
    return [decide(claim, folder) for claim in CLAIMS.values()]


def totals(found: Iterable[Decision]) -> dict[str, int]:
    """Count decisions by verdict, leaving out verdicts that none has.

    >>> totals(decisions(Path("empty")))
    {'pending': 17}
    """
    verdicts = [decision.verdict for decision in found]
    return {verdict: verdicts.count(verdict) for verdict in (*VERDICTS, PENDING) if verdict in verdicts}


def rows(folder: Path = RECORDS) -> list[dict[str, Any]]:
    """Return the whole ledger as rows for JSON, in the lab's order.

    Each row has an ``id``, a ``kind`` ("answer", "setup" or "claim"), the ``section`` of the lab, what the lab
    ``says``, the ``verdict`` and the ``page`` of the book. A claim has its ``rule`` too, and once decided ``effect``,
    ``low``, ``high``, ``unit`` and ``seeds`` of the contrast on which its verdict hangs, whether it is ``robust``, and
    the verdict of each of its ``checks``. What does not apply is None.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> [row["id"] for row in rows(Path("empty"))][:4]
    ['Q1', 'Q2', 'Q3', 'D1']
    """
    return [*map(_row_of_statement, STATEMENTS), *map(_row_of_decision, decisions(folder))]


def _row_of_statement(statement: Statement) -> dict[str, Any]:
    return _row(
        id=statement.id,
        kind="answer" if statement.verdict == DERIVED else "setup",
        section=statement.section,
        says=statement.says,
        verdict=statement.verdict,
        page=statement.page,
    )


def _row_of_decision(decision: Decision) -> dict[str, Any]:
    claim = decision.claim
    row = _row(
        id=claim.id, kind="claim", section=claim.section, says=claim.sentence, verdict=decision.verdict, page=claim.page
    ) | {"rule": " ".join(part.rule for part in claim.parts)}
    if decision.verdict == PENDING:
        return row
    contrast = decision.deciding
    return row | {
        "effect": round(contrast.effect, 3),
        "low": round(contrast.low, 3),
        "high": round(contrast.high, 3),
        "unit": contrast.unit,
        "seeds": contrast.seeds,
        "robust": decision.robust,
        "checks": {words: check.verdict for words, check in decision.checks.items()},
    }


def _row(**known: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("effect", "low", "high", "unit", "seeds", "robust", "rule"))
    return {**known, **unknown, "checks": {}}
