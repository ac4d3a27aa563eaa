"""Tables of simulated studies: how often a claim is decided wrongly, and what studies of several sizes say."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown

from labcode.pages.diagrams import lines
from labcode.pages.figures import show
from labcode.pages.tables import Cell, table
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.simulation import Simulated, at_least_one_wrong
from labcode.study.statistics import SMALLEST_DIFFERENCE, power


def wrong_table(by_claim: Sequence[Sequence[Simulated]]) -> Markdown:
    """Return how often each claim is settled wrongly, by true effect, and how often at least one of them is.

    Parameters
    ----------
    by_claim : for each claim what `labcode.study.simulation.simulate` found, at the same effects.

    >>> print(wrong_table([[Simulated("C01", 8, 0.5, {}, 0.25)]]).data)
    | true effect in margins   | 0.5   |
    |:-------------------------|:------|
    | C01                      | 25.0% |
    | at least one of 1        | 25%   |
    """
    rows: list[list[Cell]] = [[found[0].claim, *(f"{each.wrong:.1%}" for each in found)] for found in by_claim]
    together = [f"{at_least_one_wrong(found):.0%}" for found in zip(*by_claim, strict=True)]
    rows.append([f"at least one of {len(by_claim)}", *together])
    return table(["true effect in margins", *(f"{each.effect:g}" for each in by_claim[0])], rows)


def outcomes_table(by_size: Mapping[int, Sequence[Sequence[Simulated]]]) -> Markdown:
    """Return how often each outcome comes, averaged over the claims, by seeds of a study and true effect.

    Parameters
    ----------
    by_size : by number of seeds, for each claim what was simulated, at the same effects.

    >>> once = [[Simulated("C01", 8, 0.5, {Outcome.OPEN: 0.75, Outcome.REPRODUCED: 0.25}, 0.25)]]
    >>> print(outcomes_table({8: once}).data)
    | seeds   | true effect in margins   | reproduced   | open   |
    |:--------|:-------------------------|:-------------|:-------|
    | 8       | 0.5                      | 25%          | 75%    |
    """
    found = {
        (seeds, effect): shares for seeds, by_claim in by_size.items() for effect, shares in averages(by_claim).items()
    }
    shown = [outcome for outcome in LISTED if any(shares[outcome] for shares in found.values())]
    return table(
        ["seeds", "true effect in margins", *(outcome.words for outcome in shown)],
        [
            [seeds, f"{effect:g}", *(f"{shares[outcome]:.0%}" for outcome in shown)]
            for (seeds, effect), shares in found.items()
        ],
    )


def averages(by_claim: Sequence[Sequence[Simulated]]) -> dict[float, dict[Outcome, float]]:
    """Return how often each outcome comes, averaged over the claims, by true effect.

    >>> averages([[Simulated("C01", 8, 0.5, {Outcome.OPEN: 1.0}, 0)]])[0.5][Outcome.OPEN]
    1.0
    """
    return {
        each[0].effect: {outcome: sum(one.shares.get(outcome, 0) for one in each) / len(each) for outcome in LISTED}
        for each in zip(*by_claim, strict=True)
    }


STUDIES, SPREAD = 2_000, 0.2
SIZES = (1, 3, 8, 16, 64)
EFFECTS = np.linspace(0, 0.6, 13)


def show_power(name: str) -> dict[int, list[float]]:
    """Show the share of simulated studies that reproduce a claim, against the true effect, by number of seeds.

    Parameters
    ----------
    name : as in `labcode.pages.show`.

    Returns
    -------
    by number of seeds, the shares at the effects of `EFFECTS`.

    >>> show_power("fig-power")  # doctest: +SKIP
    """
    shares = {n: [power(effect, SPREAD, n, STUDIES, np.random.default_rng(0)) for effect in EFFECTS] for n in SIZES}
    curves = {f"{n} seeds" if n > 1 else "1 seed": share for n, share in shares.items()}
    told = "; ".join(f"{n}: {s[0]:.0%} at no effect, {s[6]:.0%} at 0.3 points" for n, s in curves.items())
    show(
        lines(EFFECTS, {"share of studies that reproduce": curves}, "true effect (percentage points)"),
        alt=f"Share of simulated studies that reproduce a claim, against the true effect, by number of seeds. {told}.",
        caption=f"**Simulated**: {STUDIES} studies per point; seeds spread by {SPREAD} points. With one seed, a "
        f"difference of {SMALLEST_DIFFERENCE} points or more counts. "
        "To run it again: `python tools/chapters appendix/evidence`.",
        name=name,
    )
    return shares
