"""Reproduction: equal where it must be, within the seeds' spread elsewhere, and a record of the book trained again."""

from dataclasses import replace

import numpy as np
import pytest

from labcode.study import Experiment
from labcode.study.lab.final_model import FINAL_RUNS
from labcode.study.lab.learning_rate import LEARNING_RATES
from labcode.study.records import read
from labcode.study.reproduction import compare, compare_with
from labcode.study.run import run
from labcode.training import ErrorCurve


@pytest.fixture(scope="module")
def family():
    return [read(LEARNING_RATES.experiment("0.003", seed)) for seed in LEARNING_RATES.seeds]


def shifted(record, by, **provenance):
    """The same record with ``by`` more validation errors at each epoch, made elsewhere if so said."""
    curve = record.history.validation
    history = replace(record.history, validation=ErrorCurve(tuple(e + by for e in curve.errors), curve.images))
    return replace(record, history=history, provenance=record.provenance | provenance)


def test_a_record_equals_itself_whatever_made_it(family):
    for again in (family[0], shifted(family[0], 0, processor="another")):
        found = compare(family[0], again, family)
        assert found.equal
        assert found.passes
        assert str(found).endswith(": equal")


def test_on_the_same_machine_one_error_more_is_too_many(family):
    first, again = (shifted(family[0], by, numerics="1") for by in (0, 1))
    found = compare(first, again, family)
    assert found.must_be_equal
    assert not found.passes
    assert "DIFFERS TOO MUCH by 0.06 percentage points (must be equal)" in str(found)


def test_what_the_final_model_is_judged_by_is_compared_too():
    ours = read(FINAL_RUNS.experiment("final", 0))
    fitted = replace(ours.fitted, errors=(ours.fitted.errors[0] + 1,))
    assert compare(ours, ours, [ours]).equal
    assert not compare(ours, replace(ours, fitted=fitted), [ours]).equal
    assert not compare(ours, replace(ours, missed=ours.missed[1:]), [ours]).equal
    assert not compare(ours, replace(ours, unseen=ours.fitted), [ours]).equal


@pytest.mark.parametrize("where", [{"processor": "another"}, {"torch": "2.0.0"}, {"numerics": "0"}])
def test_elsewhere_the_spread_of_the_seeds_is_allowed_and_no_more(family, where):
    settled = [np.mean(record.history.validation.errors[-3:]) / 18 for record in family]
    allowed = 3 * np.std(settled, ddof=1)
    just_within, just_beyond = (int(allowed * 18) + extra for extra in (0, 1))
    found = compare(family[0], shifted(family[0], just_within, **where), family)
    assert found.tolerance == pytest.approx(allowed)
    assert found.passes
    assert not compare(family[0], shifted(family[0], just_beyond, **where), family).passes


def test_what_cannot_be_compared_is_refused(family):
    with pytest.raises(ValueError, match="are different experiments"):
        compare(family[0], family[1], family)
    stranger = read(LEARNING_RATES.experiment("0.001", 100))
    with pytest.raises(ValueError, match="differs from it in more than the seed"):
        compare(family[0], family[0], [*family, stranger])
    with pytest.raises(ValueError, match="is not among the records"):
        list(compare_with(family, [stranger]))


def test_without_a_spread_the_smallest_difference_that_matters_is_allowed(family):
    elsewhere = {"processor": "another"}
    assert compare(family[0], shifted(family[0], 3, **elsewhere), family[:2]).passes  # 3 of 1 800 are 0.17%
    assert not compare(family[0], shifted(family[0], 4, **elsewhere), family[:2]).passes


def test_each_is_compared_with_its_own_recording(family):
    again = [shifted(family[1], 1), family[2]]
    assert [found.equal for found in compare_with(family, again)] == [False, True]


def test_a_recorded_run_trained_again_gives_its_curve(family):
    """The first epoch of a recorded run, for real: it does not depend on how many follow."""
    recorded = read(Experiment(100))
    again = run(
        replace(recorded.experiment, recipe=replace(recorded.experiment.recipe, epochs=1)), progress=False
    ).record
    first = {
        part: replace(getattr(recorded.history, part), errors=getattr(recorded.history, part).errors[:1])
        for part in ("online", "train", "validation")
    }
    if again.provenance["processor"] == recorded.provenance["processor"]:
        assert {part: getattr(again.history, part) for part in first} == first
    else:
        spread = np.std([record.history.validation.errors[0] for record in family], ddof=1)
        assert abs(again.history.validation.errors[0] - first["validation"].errors[0]) <= 3 * spread
