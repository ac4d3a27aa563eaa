"""Compare two records of one experiment: equal on equal machines, elsewhere within the spread of the seeds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from labcode.study.experiment import Experiment
from labcode.study.measures import errors, settled
from labcode.study.records import Record
from labcode.study.statistics import SMALLEST_DIFFERENCE

SAME_MACHINE = ("engine", "numerics", "torch", "numpy", "processor")
"""What must agree in the provenance of two records before their counts must be equal.

A record that is older than the numerics version counts as version 1: trained again, such records gave equal counts.
"""

SPREADS = 3
"""Standard deviations over seeds by which a run on another machine may differ: another order of summation gives another
trajectory, which differs at most as another seed's does."""


@dataclass(frozen=True)
class Comparison:
    """Two records of one experiment, compared.

    Attributes
    ----------
    experiment : that both record.
    equal : whether every count agrees.
    must_be_equal : whether both were made by the same engine, numerics, versions and kind of processor. How a fleet
        rounds depends on which runs it trains together, so its counts need not be equal.
    difference, tolerance : of the validation error over the last 3 epochs, in percentage points.
    """

    experiment: Experiment
    equal: bool
    must_be_equal: bool
    difference: float
    tolerance: float

    @property
    def passes(self) -> bool:
        """Whether the second record reproduces the first."""
        return self.equal or (not self.must_be_equal and self.difference <= self.tolerance)

    def __str__(self) -> str:
        if self.equal:
            return f"{self.experiment.name}: equal"
        allowed = "must be equal" if self.must_be_equal else f"{self.tolerance:.2f} is allowed"
        said = "differs" if self.passes else "DIFFERS TOO MUCH"
        return f"{self.experiment.name}: {said} by {self.difference:.2f} percentage points ({allowed})"


def compare(recorded: Record, again: Record, siblings: Iterable[Record]) -> Comparison:
    """Compare two records of one experiment.

    Parameters
    ----------
    recorded, again : of the same experiment.
    siblings : records that differ from it only in the seed; their spread gives the tolerance. With fewer than 3, the
        tolerance is the smallest difference that matters.

    Raises
    ------
    ValueError : the experiments differ, or a sibling is of another experiment.

    >>> from labcode.study.records import read
    >>> record, other_seed = read(Experiment(seed=0)), read(Experiment(seed=1))
    >>> print(compare(record, replace(record, history=other_seed.history, provenance={}), siblings=[]))
    baseline_seed=0: differs by 0.11 percentage points (0.20 is allowed)
    """
    if recorded.experiment != again.experiment:
        raise ValueError(f"{recorded.experiment.name} and {again.experiment.name} are different experiments.")
    family = list(siblings)
    if any(sibling.experiment.setting != recorded.experiment.setting for sibling in family):
        raise ValueError(f"A sibling of {recorded.experiment.name} differs from it in more than the seed.")
    return Comparison(
        recorded.experiment,
        equal=_counts(recorded) == _counts(again),
        must_be_equal=_made_by(again, "engine") != "fleet"
        and all(_made_by(recorded, key) == _made_by(again, key) for key in SAME_MACHINE),
        difference=abs(_settled(recorded) - _settled(again)),
        tolerance=_tolerance(family),
    )


def _tolerance(family: list[Record]) -> float:
    if len(family) < 3:
        return SMALLEST_DIFFERENCE
    return float(SPREADS * np.std([_settled(record) for record in family], ddof=1))


def compare_with(recorded: Iterable[Record], again: Iterable[Record]) -> Iterator[Comparison]:
    """Compare each of ``again`` with the record of the same experiment; its siblings come from ``recorded`` too.

    Raises
    ------
    ValueError : an experiment was not recorded.

    >>> from labcode.study.records import read
    >>> recorded = [read(Experiment(seed)) for seed in range(3)]
    >>> print(*compare_with(recorded, again=recorded[:1]))
    baseline_seed=0: equal
    """
    families: dict[str, dict[int, Record]] = {}
    for record in recorded:
        families.setdefault(record.experiment.setting, {})[record.experiment.seed] = record
    for record in again:
        family = families.get(record.experiment.setting, {})
        if record.experiment.seed not in family:
            raise ValueError(f"{record.experiment.name} is not among the records to compare with.")
        yield compare(family[record.experiment.seed], record, family.values())


def _settled(record: Record) -> float:
    return settled(errors(record, "validation"))


def _made_by(record: Record, key: str) -> str | None:
    return record.provenance.get(key, "1" if key == "numerics" else None)


def _counts(record: Record) -> tuple:
    history = record.history
    curves = (history.online, history.train, history.validation)
    return *curves, history.diverged, history.gradients, record.test, record.fitted, record.missed, record.unseen
