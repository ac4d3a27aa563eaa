"""The registration of the second study is the one that was committed before its first run, and the code keeps to it."""

import hashlib
import tomllib

import pytest

from labcode.study import CLAIMS, RECORDS
from labcode.study.outcomes import LISTED, Outcome

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
