"""The second study's outcomes, computed again from the text of the records by the words of its registration.

Nothing here uses the package's measures, contrasts, intervals or rules: it is what an auditor would write.
"""

import gzip
import json
import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from labcode.study import CLAIMS, RECORDS
from labcode.study.ledger import decide
from labcode.study.studies import STUDY_2

# --- what a line of an archive says, in percent -----------------------------------------------------------------


@cache
def lines(setting):
    """What the runs of a setting, named as in the registration, measured, by seed."""
    name = "scale=own" if setting == "baseline" else f"scale=own_{setting}"
    with gzip.open(RECORDS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as archive:
        return {line["experiment"]["seed"]: line["measured"] for line in map(json.loads, archive)}


def curve(measured, part, epochs=20):
    counted = measured[part]
    percent = [100 * errors / counted["images"] for errors in counted["errors"]]
    return np.array(percent + [90.0] * (epochs - len(percent)))  # a run that diverged guesses from there on


def unseen(measured):
    return 90.0 if measured["diverged"] else 100 * measured["unseen"]["errors"][0] / 54_000


def training(measured):
    return curve(measured, "train")[-1]


def early(measured):
    return curve(measured, "train")[:5].mean()


def gap(measured):
    return unseen(measured) - training(measured)


def steadiness(measured):
    change = np.abs(np.diff(curve(measured, "validation")[-11:])).mean()
    return 100 * math.log(max(change, 100 / 18_000))


def epochs_to_8(measured):
    reached = [epoch for epoch, error in enumerate(curve(measured, "validation"), 1) if error <= 8]
    return min(reached, default=21)


# --- contrasts: from the values of a measure, by setting, to one number per seed ---------------------------------


def above(this, *others):
    return [lambda v, other=other: v(this) - v(other) for other in others]


def below(this, *others):
    return [lambda v, other=other: v(other) - v(this) for other in others]


def falling(positions, sign=1):
    """The fall along the least squares line, from the least to the most."""
    x = np.array(list(positions.values()), dtype=float)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum() * (x.max() - x.min())
    return [lambda v: -sign * sum(weight * v(each) for weight, each in zip(weights, positions, strict=True))]


WIDER = falling({"width=16": 4, "width=32": 5, "baseline": 6, "width=128": 7})
DEEPER = falling({"stages=1_padding=2": 1, "padding=2": 2, "stages=3_padding=2": 3})
LARGER = falling({"baseline": 0, **{f"batch_size={size}": math.log2(size) for size in (10, 30, 100)}}, sign=-1)
SHALLOW = ("stages=1_padding=2", "padding=2", "stages=3_padding=2")
DROPPED = (
    "dropout=0.5,0.5,0.5",
    "baseline",
    *(f"dropout={where}" for where in ("0.5,0.0,0.0", "0.0,0.5,0.0", "0.0,0.0,0.5")),
)
RELU, SIGMOID = "activation=relu", "activation=sigmoid"

PARTS = {
    "C01": [(early, WIDER, 0.2, "")],
    "C02": [(unseen, WIDER, 0.2, "")],
    "C03": [(unseen, DEEPER, 0.2, "")],
    "C04": [(early, below(*SHALLOW), 0.2, ""), (unseen, above(*SHALLOW), 0.2, ""), (gap, above(*SHALLOW), 0.2, "")],
    "C05": [(training, LARGER, 0.2, ""), (unseen, LARGER, 0.2, "")],
    "C10": [
        (unseen, above(SIGMOID, "baseline", RELU), 0.2, ""),
        (epochs_to_8, [lambda v: v(SIGMOID) - np.maximum(v("baseline"), v(RELU))], 1, ""),
    ],
    "C11": [
        (unseen, below("baseline", RELU), 0.2, "comparable"),
        (steadiness, below("baseline", RELU), 25, ""),
        (unseen, below("baseline", RELU), 0.2, "slight"),
    ],
    "C12": [(unseen, below("pool=3", "baseline", "pool=3_pool_stride=3"), 0.2, "")],
    "C13": [(unseen, below("filter=7", "filter=3", "baseline"), 0.2, "")],
    "C14": [(unseen, below(*DROPPED), 0.2, ""), (gap, below(*DROPPED), 0.2, "")],
    "C15": [(unseen, DEEPER, 0.2, ""), (unseen, WIDER, 0.2, "")],
}

# --- rules -------------------------------------------------------------------------------------------------------

ORDER = [
    "reproduced",
    "right but small",
    "open",
    "no difference that matters",
    "reversed but small",
    "reversed",
]


def interval(values):
    mean, n = values.mean(), len(values)
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    return mean, mean - half, mean + half


def outcome(mean, low, high, margin, kind):
    within = -margin < low and high < margin
    if kind == "comparable":
        return "reproduced" if within else "reversed" if low >= margin or high <= -margin else "open"
    if low > 0:
        return "reproduced" if mean >= margin or kind == "slight" else "right but small"
    if high < 0:
        return "reversed" if mean <= -margin else "reversed but small"
    return "no difference that matters" if within else "open"


def worst(outcomes):
    return max(outcomes, key=ORDER.index)


def whole(outcomes):
    right = [each in ORDER[:2] for each in outcomes]
    return "partly" if any(right) and not all(right) else worst(outcomes)


@pytest.mark.parametrize("claim", PARTS)
def test_the_outcome_is_that_of_the_registrations_words(claim):
    decision = decide(CLAIMS[claim])
    if decision.study != STUDY_2:
        return  # its runs are not all recorded, and nobody looks before
    outcomes = []
    for (measure, contrasts, margin, kind), finding in zip(PARTS[claim], decision.findings, strict=True):

        def values(setting, measure=measure, seeds=finding.seeds):
            return np.array([measure(lines(setting)[seed]) for seed in seeds])

        found = [interval(contrast(values)) for contrast in contrasts]
        shown = [(each.effect, each.low, each.high) for each in finding.verdicts.values()]
        np.testing.assert_allclose(shown, found, rtol=1e-9, atol=1e-9)
        outcomes.append(worst([outcome(*each, margin, kind) for each in found]))
        assert finding.outcome.words == outcomes[-1]
    assert decision.outcome.words == whole(outcomes)


def test_the_claims_that_were_decided_first_are_among_them():
    decided = {name for name in PARTS if decide(CLAIMS[name]).study == STUDY_2}
    assert decided >= {"C03", "C04", "C10", "C11", "C12", "C13", "C14"}
