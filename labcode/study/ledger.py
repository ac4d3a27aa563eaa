"""The ledger: every question, statement and claim of the lab, with its outcome."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcode.study.claim import AS_STATED, Claim, Decision
from labcode.study.lab import CLAIMS
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.rates import by_rate
from labcode.study.records import RECORDS, MissingRecordError
from labcode.study.replication import replication
from labcode.study.statistics import Verdict
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2

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
    outcome : ``"derived"`` for a question, ``"followed"`` for a statement of what was built.
    page : of the book that shows it.
    """

    id: str
    section: str
    says: str
    outcome: str
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
    """Decide ``claim`` from the records in ``folder``, reading no others.

    Study 2 decides at its highest stage of which all runs are recorded; until its first stage is, study 1 does. The
    claim is pending while runs of study 1 are missing too.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> decide(CLAIMS["C01"]).outcome.words, decide(CLAIMS["C01"], Path("empty")).outcome.words
    ('reproduced', 'pending')
    """
    for study, stage in (*((STUDY_2, stage) for stage in reversed(STUDY_2.stages)), (STUDY_1, 0)):
        try:
            return claim.decide(study, stage, folder)
        except MissingRecordError:
            continue
    return Decision(claim, ())


def with_all_data(claim: Claim, folder: Path = RECORDS) -> Decision | None:
    """Return what the runs with all the data say of ``claim``; None where they are not planned or not all recorded.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.
    """
    (stage,) = ALL_DATA.stages
    if not all(part.runs(ALL_DATA).registered[stage] for part in claim.parts):
        return None
    try:
        return claim.decide(ALL_DATA, stage, folder)
    except MissingRecordError:
        return None


def decisions(folder: Path = RECORDS) -> list[Decision]:
    """Decide every claim, in order of their ids, from the records in ``folder``.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound. A missing one only makes its claims pending.

    >>> [str(decision) for decision in decisions(Path("empty"))][:2]
    ['C01: pending', 'C02: pending']
    """
    return [decide(claim, folder) for claim in CLAIMS.values()]


def totals(found: Iterable[Decision]) -> dict[Outcome, int]:
    """Count decisions by outcome, leaving out outcomes that none has.

    >>> totals(decisions(Path("empty")))
    {<Outcome.PENDING: 7>: 17}
    """
    outcomes = [decision.outcome for decision in found]
    return {outcome: outcomes.count(outcome) for outcome in LISTED if outcome in outcomes}


def rows(folder: Path = RECORDS) -> list[dict[str, Any]]:
    """Return the whole ledger as rows for JSON, in the lab's order.

    Each row has an ``id``, a ``kind`` ("answer", "setup" or "claim"), the ``section`` of the lab, what the lab
    ``says``, the ``outcome`` and the ``page`` of the book. What does not apply is None.

    A claim has its ``rule`` too, and once decided

    - ``effect``, ``low``, ``high``, ``unit``, ``margin`` and ``seeds`` of the contrast on which its outcome hangs;
    - ``study``, and at which of its stages: ``stage`` 1 or 2, with ``registered``, the seeds of stage 2;
    - ``rates``: a ``label``, the ``p`` value of the interaction, a ``sentence``, and the ``effects`` by learning rate;
    - ``replication``, the probability that as many new seeds would say the same;
    - ``checks`` and ``full_data``, each with ``outcome``, ``effect``, ``low``, ``high``, ``unit`` and ``seeds``.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> [row["id"] for row in rows(Path("empty"))][:4]
    ['Q1', 'Q2', 'Q3', 'D1']
    """
    return [*map(_row_of_statement, STATEMENTS), *(row(claim, folder) for claim in CLAIMS.values())]


def row(claim: Claim, folder: Path = RECORDS) -> dict[str, Any]:
    """Return the claim's row of the ledger, from the records in ``folder``, reading no others.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> row(CLAIMS["C01"])["outcome"]
    'reproduced'
    """
    return _row_of_decision(decide(claim, folder), with_all_data(claim, folder))


DIGITS = 6
"""More than any page prints: a number that is rounded twice, 0.3148 to 0.315 to 0.32, would differ between pages."""

KEYS = (
    *("id", "kind", "section", "says", "outcome", "page"),
    *("effect", "low", "high", "unit", "margin", "seeds", "study", "stage", "registered"),
    *("rates", "full_data", "replication", "rule", "checks"),
)


def _row(**known: Any) -> dict[str, Any]:
    return {**dict.fromkeys(KEYS), "checks": {}, **known}


def _row_of_statement(statement: Statement) -> dict[str, Any]:
    return _row(
        id=statement.id,
        kind="answer" if statement.outcome == DERIVED else "setup",
        section=statement.section,
        says=statement.says,
        outcome=statement.outcome,
        page=statement.page,
    )


def _row_of_decision(decision: Decision, full_data: Decision | None) -> dict[str, Any]:
    claim = decision.claim
    row = _row(
        id=claim.id,
        kind="claim",
        section=claim.section,
        says=claim.sentence,
        page=claim.page,
        rule=" ".join(part.rule for part in claim.parts_by(AS_STATED, decision.study)),
        **_found(decision),
    )
    if decision.outcome is Outcome.PENDING:
        return row
    rates = by_rate(decision)
    return row | {
        "margin": decision.deciding.margin,
        "study": decision.study.name,
        "stage": decision.stage + 1,
        "registered": decision.registered,
        "rates": {
            "label": rates.label,
            "p": rates.p,
            "sentence": rates.sentence,
            "effects": {words: _numbers(verdict) for words, verdict in rates.effects.items()},
        },
        "full_data": full_data and _found(full_data),
        "replication": replication(decision),
        "checks": {words: _found(check) for words, check in decision.checks.items()},
    }


def _found(decision: Decision) -> dict[str, Any]:
    return {"outcome": decision.outcome.words} | (_numbers(decision.deciding) if decision.findings else {})


def _numbers(verdict: Verdict) -> dict[str, Any]:
    return {
        "effect": round(verdict.effect, DIGITS),
        "low": round(verdict.low, DIGITS),
        "high": round(verdict.high, DIGITS),
        "unit": verdict.unit,
        "seeds": verdict.seeds,
    }
