"""Reproduction: equal where it must be, within an image elsewhere, and a record of the book trained again."""

from dataclasses import replace
from itertools import combinations, groupby

import pytest

from labcode.study import Experiment
from labcode.study.lab.final_model import FINAL_RUNS
from labcode.study.lab.learning_rate import LEARNING_RATES
from labcode.study.records import RECORDS, read, read_all
from labcode.study.reproduction import ALLOWED, compare, compare_with
from labcode.study.run import run
from labcode.training import ErrorCurve

AGAIN = RECORDS.parent / "measurements" / "again"


@pytest.fixture(scope="module")
def family():
    return [read(LEARNING_RATES.experiment("0.003", seed)) for seed in LEARNING_RATES.seeds]


def shifted(record, by, **provenance):
    """The same record with ``by`` more validation errors at each epoch, made elsewhere if so said."""
    curve = record.history.validation
    history = replace(record.history, validation=ErrorCurve(tuple(int(e + by) for e in curve.errors), curve.images))
    return replace(record, history=history, provenance=record.provenance | provenance)


def test_a_record_equals_itself_whatever_made_it(family):
    for again in (family[0], shifted(family[0], 0, processor="another")):
        found = compare(family[0], again)
        assert found.equal
        assert found.passes
        assert str(found).endswith(": equal")


def test_on_the_same_machine_one_error_more_is_too_many(family):
    first, again = (shifted(family[0], by, numerics="1") for by in (0, 1))
    found = compare(first, again)
    assert found.must_be_equal
    assert not found.passes
    assert "DIFFERS TOO MUCH by 1.00 of 1 800 images per epoch (must be equal)" in str(found)


def test_what_the_final_model_is_judged_by_is_compared_too():
    ours = read(FINAL_RUNS.experiment("final", 0))
    fitted = replace(ours.fitted, errors=(ours.fitted.errors[0] + 1,))
    assert compare(ours, ours).equal
    assert not compare(ours, replace(ours, fitted=fitted)).equal
    assert not compare(ours, replace(ours, missed=ours.missed[1:])).equal
    assert not compare(ours, replace(ours, unseen=ours.fitted)).equal


@pytest.mark.parametrize("where", [{"processor": "another"}, {"torch": "2.0.0"}, {"numerics": "0"}])
def test_elsewhere_an_image_per_epoch_is_allowed_and_no_more(family, where):
    within, beyond = (compare(family[0], shifted(family[0], by, **where)) for by in (ALLOWED, ALLOWED + 1))
    assert within.difference == pytest.approx(ALLOWED)
    assert within.passes
    assert not beyond.passes
    assert "1 is allowed" in str(beyond)


def test_differences_in_both_directions_do_not_cancel(family):
    curve = family[0].history.validation
    errors = tuple(count + (2 if epoch % 2 else -2) for epoch, count in enumerate(curve.errors))
    history = replace(family[0].history, validation=replace(curve, errors=errors))
    assert compare(family[0], replace(family[0], history=history)).difference == pytest.approx(2)


def test_what_cannot_be_compared_is_refused(family):
    with pytest.raises(ValueError, match="are different experiments"):
        compare(family[0], family[1])
    with pytest.raises(ValueError, match="is not among the records"):
        list(compare_with(family, [read(LEARNING_RATES.experiment("0.001", 100))]))


def test_the_allowance_passes_the_same_seed_and_fails_another_seed():
    """On real records: 20 runs of seed 0 trained again on another processor, and all pairs of seeds of one setting."""
    recorded = [record for record in read_all() if record.experiment.scale == "tenth" and not record.history.diverged]
    again = list(compare_with(recorded, read_all(AGAIN)))
    apart = {each.experiment.setting: each.difference for each in again}
    assert sorted(setting for setting, images in apart.items() if images > ALLOWED) == [
        "activation=relu",
        "optimizer=cg",
    ]
    assert sorted(apart.values())[-3] < 0.4

    def settings(record):
        return record.experiment.setting

    by_setting = [list(group) for _, group in groupby(sorted(recorded, key=settings), key=settings)]
    others = [
        compare(one, replace(other, experiment=one.experiment)).difference
        for group in by_setting
        for one, other in combinations(group, 2)
    ]
    assert len(others) > 1_000
    assert min(others) > ALLOWED


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
        assert abs(again.history.validation.errors[0] - first["validation"].errors[0]) <= 2
