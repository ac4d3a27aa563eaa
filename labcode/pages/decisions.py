"""A decision: the effects of its contrasts at a glance, and in full with every check."""

from IPython.display import Markdown
from tabulate import tabulate

from labcode.pages.figures import PALETTE, panels, show
from labcode.study.claim import Decision
from labcode.study.rates import by_rate

EFFECT = "effect (95% interval)"


def show_decision(decision: Decision) -> Markdown:
    """Return the outcome of a claim with the effect of each contrast, then learning rates, then the other checks.

    Parameters
    ----------
    decision : from `labcode.study.claim.Claim.decide`; its own runs are recorded, those of a check may be missing.

    >>> from labcode.study import CLAIMS
    >>> print(show_decision(CLAIMS["C01"].decide()).data.splitlines()[0])
    **C01, lab section 2.4.1: reproduced.** More hidden units converge faster on the training set.
    """
    claim = decision.claim
    contrasts = [
        [says, name, f"{v.interval} {v.unit}", f"{v.agreeing} of {v.seeds}", v.outcome.words]
        for finding in decision.findings
        for says, verdicts in (
            (finding.part.says, finding.verdicts),
            *((f"shown beside: {form}", named) for form, named in finding.beside.items()),
        )
        for name, v in verdicts.items()
    ]
    checks = [
        [words, check.outcome.words, f"{check.deciding.interval} {check.deciding.unit}", check.deciding.seeds]
        if check.findings
        else [words, "pending: not all runs are recorded"]
        for words, check in decision.checks.items()
    ]
    return Markdown(
        "\n\n".join(
            [
                f"**{claim.id}, lab section {claim.section}: {decision.outcome.words}.** {claim.sentence}",
                _table(["the lab", "contrast", EFFECT, "seeds that alone agree", "outcome"], contrasts),
                by_rate(decision).sentence,
                _table(["check", "outcome", EFFECT, "seeds"], checks),
            ]
        )
    )


def show_effects(decision: Decision, name: str) -> None:
    """Show the effect of each contrast of a claim with its interval, for a phone's width.

    Parameters
    ----------
    decision : all of whose contrasts have one unit and margin.
    name : as in `labcode.pages.show`.

    >>> from labcode.study import CLAIMS
    >>> show_effects(CLAIMS["C03"].decide(), "fig-effects")  # doctest: +SKIP
    """
    effects = {label: verdict for finding in decision.findings for label, verdict in finding.verdicts.items()}
    margin, unit = decision.deciding.margin, decision.deciding.unit
    figure, (axes,) = panels(1, width=4.4, height=1.1 + 0.3 * len(effects))
    axes.axvline(0, color="0.5", linewidth=1)
    axes.axvline(margin, color="0.5", linewidth=1, linestyle="--")
    for row, verdict in enumerate(effects.values()):
        axes.plot([verdict.low, verdict.high], [row, row], color=PALETTE[5], linewidth=1.5)
        axes.plot(verdict.effect, row, "o", color=PALETTE[0])
    axes.set(xlabel=f"effect ({unit})", ylim=(len(effects) - 0.5, -0.5))
    axes.set_yticks(range(len(effects)), effects)
    told = "; ".join(f"{label} {verdict.interval}" for label, verdict in effects.items())
    show(
        figure,
        alt=f"Effects in {unit} with their 95% intervals: {told}.",
        caption="**Recorded**: effects with their 95% intervals; right of 0 agrees with the lab. The dashed line is at "
        f"{margin:g}, the smallest difference that we say matters.",
        name=name,
    )


def _table(headers: list[str], rows: list[list]) -> str:
    return tabulate(rows, headers, tablefmt="pipe")
