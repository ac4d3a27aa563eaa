"""Tables of simulated studies: how often a claim is decided wrongly, and what studies of several sizes say."""

from collections.abc import Mapping, Sequence

from IPython.display import Markdown

from labcode.pages.tables import Cell, table
from labcode.study.outcomes import LISTED
from labcode.study.simulation import Simulated, at_least_one_wrong


def wrong_table(by_claim: Sequence[Sequence[Simulated]]) -> Markdown:
    """Return how often each claim is settled wrongly, by true effect, and how often at least one of them is.

    Parameters
    ----------
    by_claim : for each claim what `labcode.study.simulation.simulate` found, at the same effects.

    >>> print(wrong_table([[Simulated("C01", 8, 0.5, {}, 0.25)]]).data)
    | claim             | 0.5 margins   |
    |:------------------|:--------------|
    | C01               | 25.0%         |
    | at least one of 1 | 25%           |
    """
    rows: list[list[Cell]] = [[found[0].claim, *(f"{each.wrong:.1%}" for each in found)] for found in by_claim]
    together = [f"{at_least_one_wrong(found):.0%}" for found in zip(*by_claim, strict=True)]
    rows.append([f"at least one of {len(by_claim)}", *together])
    return table(["claim", *(f"{each.effect:g} margins" for each in by_claim[0])], rows)


def outcomes_table(by_size: Mapping[int, Sequence[Sequence[Simulated]]]) -> Markdown:
    """Return how often each outcome comes, averaged over the claims, by seeds of a study and true effect.

    Parameters
    ----------
    by_size : by number of seeds, for each claim what was simulated, at the same effects.

    >>> from labcode.study.outcomes import Outcome
    >>> once = [[Simulated("C01", 8, 0.5, {Outcome.OPEN: 0.75, Outcome.REPRODUCED: 0.25}, 0.25)]]
    >>> print(outcomes_table({8: once}).data)
    | seeds   | true effect   | reproduced   | open   |
    |:--------|:--------------|:-------------|:-------|
    | 8       | 0.5 margins   | 25%          | 75%    |
    """
    found = {
        (seeds, each[0].effect): {
            outcome: sum(one.shares.get(outcome, 0) for one in each) / len(each) for outcome in LISTED
        }
        for seeds, by_claim in by_size.items()
        for each in zip(*by_claim, strict=True)
    }
    shown = [outcome for outcome in LISTED if any(shares[outcome] for shares in found.values())]
    return table(
        ["seeds", "true effect", *(outcome.words for outcome in shown)],
        [
            [seeds, f"{effect:g} margins", *(f"{shares[outcome]:.0%}" for outcome in shown)]
            for (seeds, effect), shares in found.items()
        ],
    )
