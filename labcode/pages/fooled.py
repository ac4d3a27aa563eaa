"""A form that draws some of the recorded seeds and decides the claims from them; ``book/_assets/seeds.js`` moves it."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
from scipy import stats

from labcode.pages.outcomes import SIGNS, kind
from labcode.study.claim import Decision
from labcode.study.outcomes import LISTED, Outcome
from labcode.study.statistics import CONFIDENCE

DRAWS = 1_000
"""As many draws are counted, unless there are fewer."""


def shares(decision: Decision, count: int) -> dict[Outcome, float]:
    """Return how often each outcome comes if ``count`` of the recorded seeds decide.

    Counted over all draws without replacement if there are at most a thousand, else over a thousand drawn at random.

    Parameters
    ----------
    decision : of a claim; not pending.
    count : of seeds, from 1, when each stands for itself, to as many as the claim has.

    >>> from labcode.study import CLAIMS
    >>> shares(CLAIMS["C01"].decide(), 1)
    {<Outcome.REPRODUCED: 0>: 1.0}
    """
    places = draws(seeds_of(decision), count)
    found = decision.redraw(lambda seeds: places if seeds > 1 else np.zeros((len(places), 1), dtype=int))
    return {outcome: float((found == outcome).mean()) for outcome in Outcome if (found == outcome).any()}


def fooled(decision: Decision, count: int) -> float:
    """Return how often ``count`` of the seeds say something else than all seeds, and are sure of it.

    >>> from labcode.study import CLAIMS
    >>> fooled(CLAIMS["C01"].decide(), 1)
    0
    """
    return sum(
        share for outcome, share in shares(decision, count).items() if outcome not in (decision.outcome, Outcome.OPEN)
    )


def in_reach(decision: Decision) -> bool:
    """Return whether one seed could say what all seeds say: a sign for each part of the claim.

    A single number has no interval, so it is never open, and *no difference that matters* only if it is exactly 0.

    >>> from labcode.study import CLAIMS
    >>> in_reach(CLAIMS["C01"].decide()), in_reach(CLAIMS["C02"].decide())
    (True, False)
    """
    return not {Outcome.OPEN, Outcome.NO_DIFFERENCE} & {finding.outcome for finding in decision.findings}


def seeds_of(decision: Decision) -> int:
    """Return how many seeds all parts of a claim have.

    What is decided by existence has none: its one number is in every draw.

    >>> from labcode.study import CLAIMS
    >>> seeds_of(CLAIMS["C16"].decide())
    8
    """
    return min(len(finding.seeds) for finding in decision.findings if len(finding.seeds) > 1)


def draws(seeds: int, count: int) -> np.ndarray:
    """Return draws of ``count`` of ``seeds`` places without replacement, (draws, count).

    >>> draws(3, 2).tolist(), draws(64, 8).shape
    ([[0, 1], [0, 2], [1, 2]], (1000, 8))
    """
    found = list(islice(combinations(range(seeds), count), DRAWS + 1))
    if len(found) <= DRAWS:
        return np.array(found)
    rng = np.random.default_rng(count)
    return rng.random((DRAWS, seeds)).argsort(axis=1)[:, :count]


@dataclass(frozen=True, eq=False)
class SeedDraws:
    """Claims decided by some of their recorded seeds: a form to draw them, and how often one seed says what all say.

    Attributes
    ----------
    decisions : of the claims; none of them pending.

    >>> from labcode.study import CLAIMS
    >>> SeedDraws([CLAIMS["C01"].decide()])
    C01, 8 seeds: reproduced. One seed alone: reproduced in 100%.
    """

    decisions: Sequence[Decision]

    def __repr__(self) -> str:
        return "\n".join(
            f"{each.claim.id}, {seeds_of(each)} seeds: {each.outcome.words}. One seed alone: "
            + ", ".join(f"{outcome.words} in {share:.0%}" for outcome, share in shares(each, 1).items())
            + "."
            for each in self.decisions
        )

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script reads: claims with every contrast of every seed, outcomes, Student's quantiles."""
        most = max(map(seeds_of, self.decisions))
        return {
            "claims": [_claim(decision) for decision in self.decisions],
            "outcomes": [{"words": each.words, "sign": SIGNS[each], "rank": LISTED.index(each)} for each in Outcome],
            # By number of seeds; nothing for 0 and 1.
            "quantiles": [None, None, *(float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) for n in range(2, most + 1))],
        }

    def _repr_html_(self) -> str:
        first = max(range(len(self.decisions)), key=lambda place: fooled(self.decisions[place], 1))
        options = [
            f"<option{' selected' * (place == first)}>{each.claim.id} {html.escape(each.claim.sentence)}</option>"
            for place, each in enumerate(self.decisions)
        ]
        rows = [
            f'<tr><th scope="row"><a href="../{each.claim.page}.html">{each.claim.id}</a></th>'
            f'<td><span class="verdict {kind(each.outcome.words)}">{each.outcome.words}</span></td>'
            + "".join(f"<td>{'' if share is None else _percent(share)}</td>" for share in _counted(each, 1))
            + "</tr>"
            for each in self.decisions
        ]
        data = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")
        return _PAGE.format(options="\n".join(options), rows="\n".join(rows), data=data)


def _claim(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.claim.id,
        "says": decision.claim.sentence,
        "seeds": seeds_of(decision),
        "outcome": decision.outcome,
        "parts": [
            [
                {
                    "name": name,
                    "values": verdict.values[: seeds_of(decision)].tolist(),
                    "rule": verdict.rule.__name__,
                    "margin": verdict.margin,
                    "unit": verdict.unit,
                    "overlap": verdict.overlap,
                    "shared": verdict.shared,
                }
                for name, verdict in finding.verdicts.items()
            ]
            for finding in decision.findings
        ],
    }


def _counted(decision: Decision, count: int) -> tuple[float, float, float | None]:
    """How often ``count`` seeds say what all say, are fooled, and say nothing: None if all seeds say nothing."""
    found = shares(decision, count)
    undecided = None if decision.outcome == Outcome.OPEN else found.get(Outcome.OPEN, 0.0)
    return found.get(decision.outcome, 0.0), fooled(decision, count), undecided


def _percent(share: float) -> str:
    # Half a percent goes up, as in the page's script.
    return "<1%" if 0 < share < 0.005 else f"{int(100 * share + 0.5)}%"


_PAGE = """\
<section class="seeds" aria-label="Draw some of the seeds">
<p class="seeds-unable">This browser does not run the page's script, so no other seeds can be drawn. The table counts
what one seed alone says.</p>
<div class="seeds-work" hidden>
<div class="seeds-choices">
<label>claim <select class="seeds-claim">
{options}
</select></label>
<label>seeds drawn: <span class="seeds-number"></span>
<input class="seeds-count" type="range" min="1" max="8" step="1" value="1"></label>
<button type="button" class="seeds-again">Draw others</button>
</div>
<p class="seeds-says"></p>
<p class="seeds-outcome"></p>
<ul class="seeds-contrasts"></ul>
<div class="seeds-shares"></div>
<p class="seeds-status" role="status"></p>
</div>
<table class="table seeds-table">
<caption class="seeds-caption">How often one seed says what all seeds say</caption>
<thead><tr><th scope="col">claim</th><th scope="col">all seeds say</th><th scope="col">the same</th>
<th scope="col">another</th><th scope="col">open</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<script type="application/json" class="seeds-data">{data}</script>
<script>
// Before the first paint, so that nothing moves.
document.querySelector(".seeds-unable").hidden = true;
document.querySelector(".seeds-work").hidden = false;
</script>
</section>
"""
