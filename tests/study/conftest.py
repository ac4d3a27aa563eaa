"""Synthetic records of known truth, and the claims decided on them."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.files import gzipped
from labcode.study import CLAIMS, Record
from labcode.study.claim import AS_STATED
from labcode.study.records import _line, path_of
from labcode.study.studies import STUDY_1
from labcode.training import ErrorCurve, History


def synthetic_record(experiment, train, validation, wobble=0.0, test=None, diverged=False, cost=1.0):
    """A record with noise from its seed. Its errors fall over the epochs to the percentages given, or are those given
    for each measurement."""
    recipe = experiment.recipe
    measurements = recipe.epochs // recipe.measured_every
    rng = np.random.default_rng([experiment.seed, len(experiment.name)])
    fall = 1 if np.ndim(train) else 1 + 2 / np.arange(1, measurements + 1)
    zigzag = wobble * (-1.0) ** np.arange(measurements)

    def curve(percent, images, shift=0.0):
        noisy = percent * fall + shift + rng.normal(0, 0.02, measurements)
        return ErrorCurve(tuple(int(c) for c in np.clip(np.round(noisy * images / 100), 0, images)), images)

    steps = np.arange(1, measurements + 1) * -(-4_200 // recipe.batch_size) * recipe.measured_every
    history = History(
        online=curve(train, 4_200),
        train=curve(train, 1_800),
        validation=curve(validation, 1_800, zigzag),
        diverged=diverged,
        gradients=tuple(int(s * cost) for s in steps),
        seconds=tuple(float(s * cost) for s in steps),
        total_seconds=1.0,
    )
    tested = int(100 * (np.mean(validation) if test is None else test))
    record = Record(experiment, history, ErrorCurve((tested,), 10_000), {"engine": "synthetic"})
    if experiment.scale == "full":
        record = replace(record, fitted=ErrorCurve((int(np.mean(train) * 420),), 42_000))
    if experiment.scale == "own":
        record = replace(
            record, unseen=ErrorCurve((round(540 * (np.ravel(validation)[-1] - wobble) + rng.normal(0, 10)),), 54_000)
        )
    if experiment.scale != "tenth":
        places = sorted(rng.choice(10_000, tested, replace=False).tolist())
        record = replace(record, missed=tuple((place, 0) for place in places))
    return record


def write(records, folder):
    """Write whole archives: `labcode.study.records.save` adds one record, and reads all others each time."""
    archives = {}
    for record in sorted(records, key=lambda record: record.experiment.seed):
        archives.setdefault(path_of(record.experiment, folder), []).append(f"{_line(record)}\n")
    for path, lines in archives.items():
        path.write_bytes(gzipped("".join(lines)))


@pytest.fixture
def synthetic():
    return synthetic_record


@pytest.fixture
def decide_on(tmp_path):
    """Write the records that a claim needs in a study, each as ``truth(experiment)`` says, and decide it."""

    def decide_claim(name, truth, study=STUDY_1, stage=None, checked=True):
        claim = CLAIMS[name]
        stage = (study.stages or (0,))[0] if stage is None else stage
        wanted = [
            experiment
            for check in (AS_STATED, *(claim.checks_in(study) if checked else ()))
            for part in claim.parts
            for experiment in check.experiments(part.runs(study), study, stage)
        ]
        write([synthetic_record(experiment, **truth(experiment)) for experiment in dict.fromkeys(wanted)], tmp_path)
        return claim.decide(study, stage, tmp_path)

    return decide_claim
