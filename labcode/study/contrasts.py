"""Contrasts: from a measure and one seed's records to one number, positive when it agrees with the lab.

Each function here returns contrasts by name; a part of a claim holds when all of its contrasts do.
"""

from collections.abc import Callable, Iterable, Mapping

from labcode.study.measures import Measure
from labcode.study.records import Record
from labcode.study.statistics import fitted_fall

Records = Mapping[str, Record]
"""One seed's records, by level."""

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


def fall(measure: Measure, records: Iterable[Record], along: Callable[[Record], float]) -> float:
    """Return how far the measure falls from the smallest to the largest setting, along `fitted_fall`.

    Parameters
    ----------
    measure : whose fall is meant.
    records : one per level.
    along : the setting that varies, as a number above 0.
    """
    found = list(records)
    return fitted_fall([along(record) for record in found], [measure(record) for record in found])


def falls(name: str, along: Callable[[Record], float]) -> Contrasts:
    """Return, under ``name``, how far the measure falls over all levels, along the line fitted in log2 of a setting.

    >>> from labcode.study.lab.hidden_units import HIDDEN_UNITS
    >>> from labcode.study.measures import best_validation
    >>> contrasts = falls("width 16 to 128", lambda record: record.experiment.network.width)
    >>> round(contrasts["width 16 to 128"](best_validation, HIDDEN_UNITS.records(seeds=[0])[0]), 2)
    0.17
    """
    return {name: lambda measure, records: fall(measure, records.values(), along)}


def rises(name: str, along: Callable[[Record], float]) -> Contrasts:
    """Return, under ``name``, how far the measure rises over all levels: the opposite of `falls`."""
    return {name: lambda measure, records: -fall(measure, records.values(), along)}


def reaches(percent: float, label: str) -> Contrasts:
    """Return by how much the measure at ``label`` is below a figure of the lab.

    >>> list(reaches(0.46, label="final"))
    ["below the lab's 0.46%"]
    """
    return {f"below the lab's {percent:.2f}%": lambda measure, records: percent - measure(records[label])}
