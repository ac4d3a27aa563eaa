"""Compare two records of one experiment: equal on equal machines, elsewhere within an image per epoch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from labcode.study.experiment import Experiment
from labcode.study.measures import errors
from labcode.study.records import Record

SAME_MACHINE = ("engine", "numerics", "torch", "numpy", "processor")
"""What must agree in the provenance of two records before their counts must be equal.

A record that is older than the numerics version counts as version 1: trained again, such records gave equal counts.
"""

ALLOWED = 1.0
"""Validation images, of 1 800, by which an epoch may differ on average on another machine, which sums in another order.

Of 20 runs trained a second time on another processor, 18 differ by less: by 0.35 at most. The other two, ReLU and
conjugate gradient, magnify rounding, and differ by 7 and 5. Two different seeds of one setting differ by 1.3 or more.
"""


@dataclass(frozen=True)
class Comparison:
    """Two records of one experiment, compared.

    Attributes
    ----------
    experiment : that both record.
    equal : whether every count agrees.
    must_be_equal : whether both were made by the same engine, numerics, versions and kind of processor. How a fleet
        rounds depends on which runs it trains together, so its counts need not be equal.
    difference : by how many of 1 800 validation images an epoch differs on average, whichever way.
    """

    experiment: Experiment
    equal: bool
    must_be_equal: bool
    difference: float

    @property
    def passes(self) -> bool:
        """Whether the second record reproduces the first."""
        return self.equal or (not self.must_be_equal and self.difference <= ALLOWED)

    def __str__(self) -> str:
        if self.equal:
            return f"{self.experiment.name}: equal"
        allowed = "must be equal" if self.must_be_equal else f"{ALLOWED:g} is allowed"
        said = "differs" if self.passes else "DIFFERS TOO MUCH"
        return f"{self.experiment.name}: {said} by {self.difference:.2f} of 1 800 images per epoch ({allowed})"


def compare(recorded: Record, again: Record) -> Comparison:
    """Compare two records of one experiment.

    Raises
    ------
    ValueError : the experiments differ.

    >>> from dataclasses import replace
    >>> from labcode.study.records import read
    >>> record, other_seed = read(Experiment(seed=0)), read(Experiment(seed=1))
    >>> print(compare(record, replace(record, history=other_seed.history, provenance={})))
    baseline_seed=0: DIFFERS TOO MUCH by 4.50 of 1 800 images per epoch (1 is allowed)
    """
    if recorded.experiment != again.experiment:
        raise ValueError(f"{recorded.experiment.name} and {again.experiment.name} are different experiments.")
    apart = np.abs(errors(recorded, "validation") - errors(again, "validation"))
    return Comparison(
        recorded.experiment,
        equal=_counts(recorded) == _counts(again),
        must_be_equal=_made_by(again, "engine") != "fleet"
        and all(_made_by(recorded, key) == _made_by(again, key) for key in SAME_MACHINE),
        difference=float(apart.mean() * 18),
    )


def compare_with(recorded: Iterable[Record], again: Iterable[Record]) -> Iterator[Comparison]:
    """Compare each of ``again`` with the record of the same experiment.

    Raises
    ------
    ValueError : an experiment was not recorded.

    >>> from labcode.study.records import read
    >>> recorded = [read(Experiment(seed)) for seed in range(3)]
    >>> print(*compare_with(recorded, again=recorded[:1]))
    baseline_seed=0: equal
    """
    known = {record.experiment: record for record in recorded}
    for record in again:
        if record.experiment not in known:
            raise ValueError(f"{record.experiment.name} is not among the records to compare with.")
        yield compare(known[record.experiment], record)


def _made_by(record: Record, key: str) -> str | None:
    return record.provenance.get(key, "1" if key == "numerics" else None)


def _counts(record: Record) -> tuple:
    history = record.history
    curves = (history.online, history.train, history.validation)
    return *curves, history.diverged, history.gradients, record.test, record.fitted, record.missed, record.unseen
