"""The registration of the second study is the one that was committed before its first run, and the code keeps to it."""

import hashlib
import tomllib

import pytest

from labcode.study import ABLATIONS, CLAIMS, RECORDS
from labcode.study.checks import RATES
from labcode.study.claim import AS_STATED
from labcode.study.experiment import CHOOSING_SEEDS
from labcode.study.lab import experiments
from labcode.study.lab.final_model import FINAL_GRID, FINAL_MODEL_RUNS
from labcode.study.lab.validation import BOOTSTRAP_DRAWS, MAIN_SETTINGS
from labcode.study.measures import final_training, unseen_error, unseen_gap
from labcode.study.outcomes import LISTED, Outcome, comparable, directional, exists, reached, slight
from labcode.study.statistics import CONFIDENCE
from labcode.study.studies import ALL_DATA, STUDY_2

FILE = RECORDS.parent / "registration" / "study-2.toml"
SHA256 = "eec4df5a5b86ea39acd3c5dcceb7810159e10e5f5981f8900c7fbff5dd369610"


@pytest.fixture(scope="module")
def registered():
    return tomllib.loads(FILE.read_text("utf-8"))


def test_the_file_is_the_one_that_was_registered():
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256


def test_every_claim_is_registered(registered):
    assert list(registered["claims"]) == list(CLAIMS)


def test_every_outcome_of_an_effect_is_registered(registered):
    of_an_effect = {outcome.words for outcome in LISTED} - {Outcome.PARTLY.words, Outcome.PENDING.words}
    assert of_an_effect <= set(registered["outcomes"])


def settings(ablation, study=STUDY_2):
    """The names of an ablation's settings, without scale and seed."""
    runs = ablation.experiments([1000], {"scale": study.scale})
    return [run.setting.removeprefix(f"scale={study.scale}").removeprefix("_") or "baseline" for run in runs]


def test_the_settings_are_those_of_the_code(registered):
    main = registered["settings"]["main"]
    names = {"stages": "stages_padded", "stages_unpadded": "stages"}
    for name, listed in main.items():
        assert settings(ABLATIONS[names.get(name, name)]) == listed
    assert settings(ABLATIONS["optimizers"]) == registered["settings"]["conjugate_gradient"]["optimizers"]
    assert set(settings(MAIN_SETTINGS)) == {setting for listed in main.values() for setting in listed}
    everywhere = {run.setting for run in experiments(study=ALL_DATA)}
    assert everywhere == {f"scale=full_{setting}".removesuffix("_baseline") for setting in settings(MAIN_SETTINGS)}


def test_the_seeds_are_those_of_the_code(registered):
    seeds, first = registered["seeds"], registered["seeds"]["first"]
    assert (STUDY_2.scale, ALL_DATA.scale) == (registered["data"]["scale"], "full")
    stages = {"main": seeds["stages"], "cg": seeds["stages_of_conjugate_gradient"]}
    stages["final"] = seeds["stages_of_final_model"]
    main = [ABLATIONS[name] for name in ("hidden_units", "batch_size", "activations", "pooling", "filters", "dropout")]
    main += [ABLATIONS["stages"], ABLATIONS["stages_padded"], MAIN_SETTINGS]
    for kind, ablations in {"main": main, "cg": [ABLATIONS["optimizers"]], "final": [FINAL_MODEL_RUNS]}.items():
        for ablation in ablations:
            found = [AS_STATED.seeds_of(ablation, STUDY_2, stage) for stage in STUDY_2.stages]
            assert found == [range(first, first + count) for count in stages[kind]]
            if kind == "main":
                conditions = {check.seeds_of(ablation, STUDY_2, 1) for check in RATES}
                assert conditions == {range(first, first + seeds["seeds_of_conditions"])}
    for ablation in main[:-1]:
        assert ALL_DATA.seeds(ablation, 2) == range(first, first + seeds["seeds_with_all_data"])
    assert [CHOOSING_SEEDS[0], CHOOSING_SEEDS[-1]] == seeds["choosing"]
    assert {run.seed for run in experiments(study=STUDY_2)} == set(range(first, first + seeds["stages"][1]))


def test_the_margins_are_those_of_the_code(registered):
    margins = registered["margins"]
    for claim in CLAIMS.values():
        for part in claim.parts_by(AS_STATED, STUDY_2):
            unit = "percentage points to the lab's figure" if part.decided_by is reached else part.measure.unit
            assert part.decided_by is exists or part.measure.margin == margins[unit], claim.id
    assert registered["interval"]["level"] == CONFIDENCE
    assert f"{BOOTSTRAP_DRAWS:_} draws".replace("_", " ") in registered["interval"]["C16"]
    assert (STUDY_2.overlap, ALL_DATA.overlap) == (0, 0.3 / 0.7)


RULES = {
    "(slight)": slight,
    "comparable": comparable,
    "is reached": reached,
    "not every setting converges": exists,
}


def test_the_rules_are_those_of_the_code(registered):
    """Which part is decided by which rule and read off what, by the words of the registration."""
    for name, claim in registered["claims"].items():
        listed = claim["parts"]
        if name == "C15":
            listed = [registered["claims"][each.removeprefix("as ")]["parts"][0] for each in listed]
        parts = CLAIMS[name].parts_by(AS_STATED, STUDY_2)
        assert len(parts) == len(listed)
        for part, words in zip(parts, listed, strict=True):
            rule = next((rule for sign, rule in RULES.items() if sign in words), directional)
            assert part.decided_by is rule, words
            assert bool(part.beside.get("steps")) == ("(trend)" in words), words
            assert (part.ablation.name == "stages_padded") == ("padded networks" in words), words
            if words.startswith("unseen error less training error"):
                assert part.measure is unseen_gap
            elif words.startswith("unseen error"):
                assert part.measure is unseen_error
            elif words.startswith("training error at the last epoch"):
                assert part.measure is final_training


def test_the_final_models_grid_is_that_of_the_code(registered):
    final = registered["final_model"]
    recipes = {(level["epochs"], level["learning_rate"]) for level in FINAL_GRID.levels.values()}
    grid = final["grid"]
    assert recipes == {(epochs, rate) for epochs in grid["epochs"] for rate in grid["learning_rate"]}
    seeds = AS_STATED.seeds_of(FINAL_MODEL_RUNS, STUDY_2, 1)
    assert [seeds[0], seeds[-1]] == final["seeds"]
