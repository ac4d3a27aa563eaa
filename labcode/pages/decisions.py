"""A decision in full: every contrast of a claim, and every check."""

from IPython.display import Markdown
from tabulate import tabulate

from labcode.study.claim import Decision
from labcode.study.statistics import NOT_DISTINGUISHABLE

EFFECT = "effect (95% interval)"


def show_decision(decision: Decision) -> Markdown:
    """Return the verdict on a claim with the effect of each contrast, then the verdict of each check.

    Parameters
    ----------
    decision : from `labcode.study.claim.Claim.decide`; its own runs are recorded, those of a check may be missing.

    >>> from labcode.study import CLAIMS
    >>> print(show_decision(CLAIMS["C01"].decide()).data.splitlines()[0])
    **C01, lab section 2.4.1: reproduced.** More hidden units converge faster on the training set.
    """
    claim = decision.claim
    contrasts = [
        [outcome.part.says, name, f"{v.interval} {v.unit}", f"{v.agreeing} of {v.seeds}", v.verdict]
        for outcome in decision.outcomes
        for name, v in outcome.verdicts.items()
    ]
    checks = [
        [words, check.verdict, check.deciding.interval, check.deciding.seeds]
        if check.outcomes
        else [words, "pending: not all runs are recorded"]
        for words, check in decision.checks.items()
    ]
    return Markdown(
        "\n\n".join(
            [
                f"**{claim.id}, lab section {claim.section}: {decision.verdict}.** {claim.sentence}",
                _table(["the lab", "contrast", EFFECT, "seeds that alone agree", "verdict"], contrasts),
                _robustness(decision),
                _table(["check", "verdict", EFFECT, "seeds"], checks),
            ]
        )
    )


def _table(headers: list[str], rows: list[list]) -> str:
    return tabulate(rows, headers, tablefmt="pipe")


def _robustness(decision: Decision) -> str:
    if decision.robust is None:
        return "Robustness is open: not every check is decided yet."
    if decision.robust:
        return "Robust: every check gives the same verdict."
    others = {check.verdict for check in decision.checks.values()} - {decision.verdict}
    if others == {NOT_DISTINGUISHABLE}:
        return "Not robust: not every check can decide."
    return "Not robust: the verdict changes with a check."
