"""What the other studies say of claims: the exploration that came first, and the runs with ten times the images."""

from IPython.display import Markdown

from labcode.pages.curves import show_ablation
from labcode.pages.outcomes import effect
from labcode.study.ablation import Ablation
from labcode.study.claim import Claim, Decision
from labcode.study.lab import CLAIMS
from labcode.study.ledger import decide, with_all_data
from labcode.study.outcomes import Outcome
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2


def with_ten_times_the_images(*ids: str) -> Markdown:
    """Return what the runs with all the data say of some claims, or that they are not recorded, as a list.

    Parameters
    ----------
    ids : of the claims.

    Raises
    ------
    labcode.study.records.RecordError : a record is unsound.

    >>> print(with_ten_times_the_images("C07").data)
    - **C07**: no such runs are planned.
    """
    return Markdown("\n".join(f"- **{name}**: {_with_all_data(CLAIMS[name])}" for name in ids))


def _with_all_data(claim: Claim) -> str:
    if found := with_all_data(claim):
        return f"{_found(found)}."
    (stage,) = ALL_DATA.stages
    planned = all(part.runs(ALL_DATA).registered[stage] for part in claim.parts)
    return "registered, and not all recorded yet." if planned else "no such runs are planned."


def _found(decision: Decision) -> str:
    return f"{decision.outcome}, {effect(decision.deciding)}, {decision.deciding.seeds} seeds"


def exploration(ablation: Ablation, *ids: str) -> Markdown | None:
    """Return what study 1, the exploration, said of some claims, and whether study 2 says the same, as a list.

    Where study 2 decides them all, show the learning curves of study 1 instead, with all this in their caption; else
    the page has them already.

    Parameters
    ----------
    ablation : whose curves are meant.
    ids : of the claims.

    Raises
    ------
    labcode.study.records.RecordError : a record of study 1 is missing, or any is unsound.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> "**C01**: reproduced" in exploration(HIDDEN_UNITS, "C01").data
    True
    """
    decided = {name: decide(CLAIMS[name]) for name in ids}
    said = [f"**{name}**: {_explored(decision)}" for name, decision in decided.items()]
    if all(decision.study == STUDY_2 for decision in decided.values()):
        show_ablation(ablation, note=" ".join(said))
        return None
    return Markdown("\n".join(f"- {line}" for line in said))


def _explored(decision: Decision) -> str:
    explored = decision.claim.decide(STUDY_1)
    if decision.study == STUDY_1:
        return f"{_found(explored)}. This is what the card shows until the runs of study 2 are recorded."
    return f"{_found(explored)}. Study 2 {_compared(explored, decision)}: {_found(decision)}."


def _compared(explored: Decision, decision: Decision) -> str:
    """What study 2 does to an outcome of the exploration; one that was open is not contradicted."""
    if decision.outcome == explored.outcome:
        same = all(
            one.outcome == other.outcome for one, other in zip(explored.findings, decision.findings, strict=True)
        )
        return "says the same" if same else "says the same of the whole, though not of each part"
    if explored.outcome is Outcome.OPEN:
        return "decides it"
    return "leaves it open" if decision.outcome is Outcome.OPEN else "says otherwise"
