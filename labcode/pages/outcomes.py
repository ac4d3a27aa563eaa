"""How outcomes and entries of the ledger are written, on every page alike: sign, color, numbers, whose they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from labcode.pages.sentences import minus
from labcode.study.outcomes import Outcome
from labcode.study.statistics import Verdict, with_interval
from labcode.study.studies import STUDY_1

Entry = Mapping[str, Any]
"""A row of `labcode.study.ledger.rows`, or one of its checks."""

EFFECT = "effect (95% interval)"
"""The heading of a column of effects."""

SIGNS = {
    Outcome.REPRODUCED: "✓",
    Outcome.RIGHT_BUT_SMALL: "+",
    Outcome.PARTLY: "◐",
    Outcome.NO_DIFFERENCE: "=",
    Outcome.REVERSED_BUT_SMALL: "−",
    Outcome.REVERSED: "✗",
    Outcome.OPEN: "?",
    Outcome.PENDING: "…",
}
"""What marks each outcome beside its color, here and in ``book/_assets/claims.css``."""


def kind(outcome: str) -> str:
    """Return the class by which the style sheet colors an outcome.

    >>> kind("right but small")
    'verdict-right-but-small'
    """
    return f"verdict-{outcome.replace(' ', '-')}"


def badge(outcome: str) -> str:
    """Return an outcome as MyST; the book's style sheet gives it its color and its sign.

    >>> badge("open")
    '[open]{.verdict .verdict-open}'
    """
    return f"[{outcome}]{{.verdict .{kind(outcome)}}}"


def numbers(entry: Entry) -> str:
    """Return an effect with its interval and unit; nothing, while it is pending.

    >>> numbers({"effect": 0.05, "low": -0.25, "high": 0.35, "unit": "percentage points"})
    '+0.05 (−0.25 to +0.35) points'
    >>> numbers({"effect": -62.2, "low": -169.4, "high": 44.9, "unit": "percent"})
    '−62 (−169 to +45) percent'
    """
    if entry["effect"] is None:
        return ""
    shown = with_interval(*(entry[name] for name in ("effect", "low", "high", "unit")))
    return f"{minus(shown)} {entry['unit'].removeprefix('percentage ')}"


def effect(verdict: Verdict) -> str:
    """Return the effect of a contrast with its interval and unit.

    >>> from labcode.study import CLAIMS
    >>> effect(CLAIMS["C01"].decide().deciding)
    '+1.28 (+0.96 to +1.60) points'
    """
    return numbers({name: getattr(verdict, name) for name in ("effect", "low", "high", "unit")})


def seed_numbers(verdicts: Iterable[Verdict]) -> str:
    """Return how many seeds contrasts have.

    >>> from labcode.study import CLAIMS
    >>> seed_numbers([CLAIMS["C01"].decide().deciding])
    '8'
    """
    return " or ".join(map(str, sorted({verdict.seeds for verdict in verdicts})))


def whose(entry: Entry) -> str:
    """Return which study decided, and how many seeds of those that it registered.

    >>> whose({"study": "study 2", "seeds": 16, "registered": 64})
    'study 2, 16 of 64 seeds'
    >>> whose({"study": "study 1", "seeds": 8, "registered": None})
    'exploration, 8 seeds'
    """
    if entry["study"] == STUDY_1.name:
        return f"exploration, {entry['seeds']} seeds"
    of = "" if entry["seeds"] == entry["registered"] else f" of {entry['registered']}"
    return f"{entry['study']}, {entry['seeds']}{of} seeds"


def again(entry: Entry) -> str:
    """Return how often another study of the same size would say the same.

    >>> again({"seeds": 8, "replication": 0.664})
    'A new study of 8 seeds would say the same in 66 of 100 cases.'
    """
    return f"A new study of {entry['seeds']} seeds would say the same in {of_100(entry['replication'])} cases."


def of_100(share: float) -> str:
    """Return a share as so many of 100; one that is nearly 1, and is not, does not become all.

    >>> of_100(0.664), of_100(0.997), of_100(1.0)
    ('66 of 100', 'more than 99 of 100', '100 of 100')
    """
    return "more than 99 of 100" if 0.995 <= share < 1 else f"{100 * share:.0f} of 100"
