"""A decision: the effects of its contrasts at a glance, and in full with every check."""

from collections.abc import Iterable, Mapping
from textwrap import fill

from IPython.display import Markdown
from matplotlib.figure import Figure

from labcode.pages.figures import PALETTE, panels, show
from labcode.pages.outcomes import EFFECT, SIGNS, again, effect, seed_numbers
from labcode.pages.sentences import minus
from labcode.pages.tables import Cell, table
from labcode.study.claim import Decision
from labcode.study.outcomes import Outcome, directional
from labcode.study.rates import by_rate
from labcode.study.replication import replication
from labcode.study.statistics import POINTS, SMALLEST_DIFFERENCE, with_interval

WIDEST = 58
"""Characters of a label that a phone's width holds."""

Effect = tuple[float, float, float]
"""Mean, lower and upper end of an interval."""


def show_decision(decision: Decision) -> Markdown:
    """Return the outcome of a claim with each contrast, the effect of the learning rate, and the checks.

    Parameters
    ----------
    decision : from `labcode.study.claim.Claim.decide`; its own runs are recorded, those of a check may be missing.

    >>> from labcode.study import CLAIMS
    >>> print(show_decision(CLAIMS["C01"].decide()).data.splitlines()[0])
    **C01, lab section 2.4.1: reproduced.** More hidden units converge faster on the training set.
    """
    claim = decision.claim
    contrasts: list[list[Cell]] = [
        [says, name, effect(v), f"{v.agreeing} of {v.seeds}", v.outcome.words]
        for finding in decision.findings
        for says, verdicts in (
            (finding.part.says, finding.verdicts),
            *((f"shown beside: {form}", named) for form, named in finding.beside.items()),
        )
        for name, v in verdicts.items()
    ]
    checks: list[list[Cell]] = [
        [words, check.outcome.words, effect(check.deciding), check.deciding.seeds]
        if check.findings
        else [words, "pending: not all runs are recorded"]
        for words, check in decision.checks.items()
    ]
    entry = {"seeds": decision.deciding.seeds, "replication": replication(decision)}
    return Markdown(
        "\n\n".join(
            [
                f"**{claim.id}, lab section {claim.section}: {decision.outcome.words}.** {claim.sentence}",
                table(["the lab", "contrast", EFFECT, "seeds that alone agree", "outcome"], contrasts).data,
                f"{minus(by_rate(decision).sentence)} {again(entry)}",
                table(["check", "outcome", EFFECT, "seeds"], checks).data,
            ]
        )
    )


def show_effects(*decisions: Decision, name: str) -> None:
    """Show the effect of each contrast of some claims with its interval, for a phone's width.

    Parameters
    ----------
    decisions : none of them pending. Contrasts in another unit than the first are left out.
    name : as in `labcode.pages.show`.

    >>> from labcode.study import CLAIMS
    >>> show_effects(CLAIMS["C03"].decide(), name="fig-effects")  # doctest: +SKIP
    """
    found = {
        f"{finding.part.says}: {contrast}": verdict
        for decision in decisions
        for finding in decision.findings
        for contrast, verdict in finding.verdicts.items()
    }
    margin, unit = next((verdict.margin, verdict.unit) for verdict in found.values())
    shown = {label: verdict for label, verdict in found.items() if verdict.unit == unit}
    others = " Effects in other units are in the tables of the page." * (len(shown) < len(found))
    found = shown
    told = "; ".join(f"{label}, {verdict.interval}, {verdict.outcome}" for label, verdict in found.items())
    studies = " and ".join(sorted({decision.study.name for decision in decisions}))
    show(
        draw_effects({label: (v.effect, v.low, v.high) for label, v in found.items()}, margin, unit),
        alt=f"Effects in {unit} with their 95% intervals. {told}.",
        caption=f"**Recorded**: {studies}, {seed_numbers(found.values())} seeds. A dot is the mean difference, a line "
        "its 95% interval; right of 0 agrees with the lab. The gray band holds what is too small to matter: up to "
        f"{margin:g} {unit}.{others} To run it again: `python tools/chapters {decisions[0].claim.page}`.",
        name=name,
    )


def draw_effects(effects: Mapping[str, Effect], margin: float, unit: str) -> Figure:
    """Draw effects with their intervals over the band of what is too small to matter.

    Parameters
    ----------
    effects : by label, the mean and both ends of the interval, in ``unit``.

    >>> draw_effects({"2 below 1": (0.8, 0.5, 1.1)}, 0.2, "percentage points").axes[0].get_xlabel()
    'effect (percentage points)'
    """
    labels = _labels(effects)
    lines = max(label.count("\n") for label in labels) + 1
    figure, (axes,) = panels(1, width=4.4, height=0.7 + (0.3 + 0.15 * lines) * len(effects))
    axes.axvspan(-margin, margin, color="0.5", alpha=0.18, linewidth=0)
    axes.axvline(0, color="0.5", linewidth=1, linestyle="--")
    for place, (mean, low, high) in enumerate(effects.values()):
        axes.plot([low, high], [place, place], color=PALETTE[5], linewidth=1.5)
        axes.plot(mean, place, "o", color=PALETTE[0])
    for place, label in enumerate(labels):  # above its line: beside it, a long one would leave no room for the line
        axes.text(0, place - 0.25, label, fontsize=9, va="bottom", transform=axes.get_yaxis_transform())
    axes.set(xlabel=f"effect ({unit})", ylim=(len(effects) - 0.5, -0.9))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return figure


def _labels(names: Iterable[str]) -> list[str]:
    """Name what stands before a colon once, where it is the same in successive names; break long labels."""
    labels, before = [], None
    for name in names:
        part, _, contrast = name.rpartition(": ")
        labels.append(contrast if part == before else fill(name, WIDEST))
        before = part
    return labels


EXAMPLES: tuple[Effect, ...] = (
    (0.35, 0.15, 0.55),
    (0.1, 0.03, 0.17),
    (0.03, -0.08, 0.14),
    (-0.1, -0.17, -0.03),
    (-0.35, -0.55, -0.15),
    (0.12, -0.2, 0.44),
)


def show_outcomes(name: str) -> list[Outcome]:
    """Show made-up intervals, one for each outcome of the usual rule, and return what the rule makes of them.

    Parameters
    ----------
    name : as in `labcode.pages.show`.

    >>> show_outcomes("fig-outcomes")  # doctest: +SKIP
    """
    found = [Outcome(int(directional(*effect, SMALLEST_DIFFERENCE))) for effect in EXAMPLES]
    effects = {f"{outcome.words} {SIGNS[outcome]}": effect for outcome, effect in zip(found, EXAMPLES, strict=True)}
    told = "; ".join(
        f"{outcome.words}: {with_interval(*effect)}" for outcome, effect in zip(found, EXAMPLES, strict=True)
    )
    show(
        draw_effects(effects, SMALLEST_DIFFERENCE, POINTS),
        alt=f"Six made-up effects with their intervals, by the outcome that the rule gives them. {told}.",
        caption="**Made up**: a dot is a mean, a line its interval, the gray band the margin to both sides of 0.",
        name=name,
    )
    return found
