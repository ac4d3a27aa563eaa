"""How often would a claim be decided wrongly? Studies simulated at the spreads of the records.

A simulated study draws the contrasts of a claim from a normal distribution with the covariance that they have over the
recorded seeds, around a true effect, counted in margins, that is the same for all of them. Its seeds have images of
their own, as in study 2, so its intervals are plain.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from labcode.study.claim import Decision, Finding
from labcode.study.outcomes import Outcome, all_hold, exists, in_parts, reached
from labcode.study.statistics import Rule, interval

EFFECTS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""True effects, in margins."""

SEEDS = (8, 16, 64)
STUDIES = 2_000


@dataclass(frozen=True)
class Simulated:
    """What simulated studies of one claim say at one true effect.

    Attributes
    ----------
    claim : its id.
    seeds : per study.
    effect : the truth, in margins. Where the lab's figure is to be reached, it is by how much ours falls short.
    shares : of the studies, by outcome.
    wrong : share of the studies that settle a part of the claim on an outcome that is not true.
    """

    claim: str
    seeds: int
    effect: float
    shares: dict[Outcome, float]
    wrong: float


def simulate(decision: Decision, seeds: int, effects: Iterable[float] = EFFECTS) -> list[Simulated]:
    """Return what studies of a claim would say at several true effects.

    What is decided by existence keeps its outcome: it cannot be wrong.

    >>> from labcode.study import CLAIMS
    >>> none, twice = simulate(CLAIMS["C01"].decide(), 64, [0, 2])
    >>> none.shares[Outcome.NO_DIFFERENCE] > 0.9, twice.shares[Outcome.REPRODUCED] > 0.9
    (True, True)
    """
    rng = np.random.default_rng(seeds)
    existing = [finding for finding in decision.findings if finding.part.decided_by is exists]
    parts = [finding for finding in decision.findings if finding not in existing]
    noise = _noise(parts, seeds, rng)
    found = []
    for effect in effects:
        outcomes = [_outcome(*each, effect) for each in zip(parts, noise, strict=True)]
        true = [list(true_outcomes(finding.part.decided_by, effect)) for finding in parts]
        wrong = ~np.all([np.isin(*each) for each in zip(outcomes, true, strict=True)], axis=0)
        claim = in_parts([*outcomes, *(np.full(STUDIES, finding.outcome) for finding in existing)])
        shares = {each: float((claim == each).mean()) for each in Outcome if (claim == each).any()}
        found.append(Simulated(decision.claim.id, seeds, effect, shares, float(wrong.mean())))
    return found


def true_outcomes(rule: Rule, effect: float) -> set[Outcome]:
    """Return the outcomes that say nothing wrong about a true effect, in margins: open, and those that fit it.

    On the edge of two outcomes both fit. Of an effect smaller than the margin it is also true that no difference
    matters.

    >>> from labcode.study.outcomes import directional
    >>> [outcome.words for outcome in sorted(true_outcomes(directional, 0.5))]
    ['right but small', 'open', 'no difference that matters']
    """
    near = _signed(rule, effect) * np.array([0.999, 1.0, 1.001])
    fitting = {Outcome(int(each)) for each in rule(near, near, near, 1.0)}
    if abs(effect) < 1:
        fitting.add(Outcome.NO_DIFFERENCE)
    return fitting | {Outcome.OPEN}


def at_least_one_wrong(simulated: Iterable[Simulated]) -> float:
    """Return the chance that at least one of several claims is settled wrongly, if they are independent.

    >>> at_least_one_wrong([Simulated("C01", 8, 0, {}, 0.5), Simulated("C02", 8, 0, {}, 0.5)])
    0.75
    """
    return float(1 - np.prod([1 - each.wrong for each in simulated]))


def coverage(values: np.ndarray, seeds: int) -> float:
    """Return how often the interval of ``seeds`` draws from ``values`` (recorded seeds,) holds their mean.

    The recorded values stand for all seeds, whatever the shape of their distribution.

    >>> round(coverage(np.arange(100.0), 16), 2)
    0.95
    """
    drawn = np.random.default_rng(seeds).choice(values, (STUDIES, seeds))
    _, low, high = interval(drawn)
    return float(((low <= values.mean()) & (values.mean() <= high)).mean())


def _outcome(finding: Finding, noise: np.ndarray, effect: float) -> np.ndarray:
    """Outcomes (studies,) of a part whose intervals are ``noise`` (contrasts, 3, studies) if there is no effect."""
    rule = finding.part.decided_by
    outcomes = []
    for intervals, verdict in zip(noise, finding.verdicts.values(), strict=True):
        mean, low, high = intervals + _signed(rule, effect) * verdict.margin
        outcomes.append(rule(mean, low, high, verdict.margin))
    return all_hold(outcomes)


def _signed(rule: Rule, effect: float) -> float:
    return -effect if rule is reached else effect


def _noise(parts: list[Finding], seeds: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw studies without a true effect: for each part its intervals, (contrasts, 3, studies).

    Parts with the same recorded seeds are drawn together.
    """
    drawn: dict[range, np.ndarray] = {}
    for recorded in {finding.seeds for finding in parts}:
        values = np.concatenate([finding.values for finding in parts if finding.seeds == recorded])
        spread = np.linalg.svd(values - values.mean(axis=1, keepdims=True), full_matrices=False)
        mixing = spread.U * spread.S / np.sqrt(len(recorded) - 1)  # times independent normals: the covariance
        normals = rng.normal(size=(STUDIES, mixing.shape[1], seeds))
        drawn[recorded] = np.einsum("cr,srn->csn", mixing, normals)
    found = []
    for finding in parts:
        count = len(finding.verdicts)
        mine, drawn[finding.seeds] = drawn[finding.seeds][:count], drawn[finding.seeds][count:]
        shared = [rng.normal(0, verdict.shared, (STUDIES, 1)) for verdict in finding.verdicts.values()]
        found.append(
            np.array(
                [
                    interval(values + luck, shared=verdict.shared)
                    for values, luck, verdict in zip(mine, shared, finding.verdicts.values(), strict=True)
                ]
            )
        )
    return found
