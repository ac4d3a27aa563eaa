"""A decision: the effects of its contrasts at a glance, and in full with every check."""

from IPython.display import Markdown
from tabulate import tabulate

from labcode.pages.figures import PALETTE, panels, show
from labcode.study.claim import Decision
from labcode.study.statistics import NOT_DISTINGUISHABLE, SMALLEST_DIFFERENCE

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


def show_effects(decision: Decision, name: str) -> None:
    """Show the effect of each contrast of a claim with its interval, for a phone's width.

    Parameters
    ----------
    decision : all of whose contrasts are in percentage points.
    name : as in `labcode.pages.show`.

    >>> from labcode.study import CLAIMS
    >>> show_effects(CLAIMS["C03"].decide(), "fig-effects")  # doctest: +SKIP
    """
    effects = {label: verdict for outcome in decision.outcomes for label, verdict in outcome.verdicts.items()}
    figure, (axes,) = panels(1, width=4.4, height=1.1 + 0.3 * len(effects))
    axes.axvline(0, color="0.5", linewidth=1)
    axes.axvline(SMALLEST_DIFFERENCE, color="0.5", linewidth=1, linestyle="--")
    for row, verdict in enumerate(effects.values()):
        axes.plot([verdict.low, verdict.high], [row, row], color=PALETTE[5], linewidth=1.5)
        axes.plot(verdict.effect, row, "o", color=PALETTE[0])
    axes.set(xlabel="effect (percentage points)", ylim=(len(effects) - 0.5, -0.5))
    axes.set_yticks(range(len(effects)), effects)
    told = "; ".join(f"{label} {verdict.interval}" for label, verdict in effects.items())
    show(
        figure,
        alt=f"Effects in percentage points with their 95% intervals: {told}.",
        caption="**Recorded**: effects with their 95% intervals; right of 0 agrees with the lab. The dashed line is at "
        f"{SMALLEST_DIFFERENCE}, the smallest difference that we say matters.",
        name=name,
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
