"""Contrasts: from a measure and one seed's records to one number, positive when it agrees with the lab.

Each function here returns contrasts by name; a part of a claim holds when all of its contrasts do.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from labcode.study.measures import Measure
from labcode.study.records import Record
from labcode.study.statistics import fitted_fall

Records = Mapping[str, Record]
"""One seed's records, by level."""

Positions = Mapping[str, float]
"""Where each level stands on the axis along which a trend is fitted, from the least to the most."""

Contrast = Callable[[Measure, Records], float]
Contrasts = dict[str, Contrast]


def lower(label: str, than: Iterable[str]) -> Contrasts:
    """Return, for each other label, by how much the measure at ``label`` is below that at the other.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> from labcode.study.measures import best_validation
    >>> records = HIDDEN_UNITS.records(seeds=[0])[0]
    >>> contrasts = lower("128", than=["16", "64"])
    >>> {name: round(contrast(best_validation, records), 2) for name, contrast in contrasts.items()}
    {'128 below 16': 0.22, '128 below 64': 0.11}
    """

    def contrast(other: str) -> Contrast:
        return lambda measure, records: measure(records[other]) - measure(records[label])

    return {f"{label} below {other}": contrast(other) for other in than}


def higher(label: str, than: Iterable[str]) -> Contrasts:
    """Return, for each other label, by how much the measure at ``label`` is above that at the other.

    >>> from labcode.study.lab.stages import STAGES
    >>> from labcode.study.measures import gap
    >>> records = STAGES.records(seeds=[0])[0]
    >>> contrasts = higher("1", than=["2", "3"])
    >>> {name: round(contrast(gap, records), 2) for name, contrast in contrasts.items()}
    {'1 above 2': 1.2, '1 above 3': 1.19}
    """

    def contrast(other: str) -> Contrast:
        return lambda measure, records: measure(records[label]) - measure(records[other])

    return {f"{label} above {other}": contrast(other) for other in than}


def fall(measure: Measure, records: Records, positions: Positions) -> float:
    """Return how far the measure falls from the least to the most, along the line fitted to all levels."""
    return fitted_fall(list(positions.values()), [measure(records[label]) for label in positions])


def falling(name: str, positions: Positions) -> tuple[Contrasts, dict[str, Contrasts]]:
    """Return what decides that more is less, the trend, and what is shown beside it: each step, and the two ends.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> from labcode.study.measures import best_validation
    >>> records = HIDDEN_UNITS.records(seeds=[0])[0]
    >>> trend, beside = falling("width 16 to 128", {"16": 4, "32": 5, "64": 6, "128": 7})
    >>> round(trend["width 16 to 128"](best_validation, records), 2), list(beside["steps"])
    (0.17, ['32 below 16', '64 below 32', '128 below 64'])
    """
    return {name: lambda measure, records: fall(measure, records, positions)}, _beside(lower, list(positions))


def rising(name: str, positions: Positions) -> tuple[Contrasts, dict[str, Contrasts]]:
    """Return what decides that more is more: the opposite of `falling`."""
    return {name: lambda measure, records: -fall(measure, records, positions)}, _beside(higher, list(positions))


def _beside(direction: Callable[[str, Iterable[str]], Contrasts], labels: list[str]) -> dict[str, Contrasts]:
    steps: Contrasts = {}
    for less, more in pairwise(labels):
        steps |= direction(more, [less])
    return {"steps": steps, "ends": direction(labels[-1], labels[:1])}


def reaches(percent: float, label: str) -> Contrasts:
    """Return by how much the measure at ``label`` is below a figure of the lab.

    >>> list(reaches(0.46, label="final"))
    ["below the lab's 0.46%"]
    """
    return {f"below the lab's {percent:.2f}%": lambda measure, records: percent - measure(records[label])}
