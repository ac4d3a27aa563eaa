"""Records as files: written whole, read back equal, refused by name when damaged, altered or of another experiment."""

import hashlib
import json
from dataclasses import replace

import pytest

from labcode.network import ConvNetConfig
from labcode.study import Experiment, RecordError
from labcode.study.records import path_of, provenance, read, save
from labcode.training import ErrorCurve


def test_a_record_reads_back_as_it_was_written(tiny, record, stored):
    assert stored.name == f"{tiny.name}.json"
    assert read(tiny, stored.parent) == record
    assert stored.stat().st_size < 2_500


def test_a_record_says_what_made_it(record):
    assert set(record.provenance) >= {
        "engine",
        "labcode",
        "numerics",
        "torch",
        "numpy",
        "python",
        "processor",
        "finished",
    }
    assert all(record.provenance.values())


def test_a_missing_record_is_named_with_the_command_that_makes_it(tiny, tmp_path):
    with pytest.raises(RecordError, match=r"no record width=1_.*seed=0.json in .*`python -m labcode run`"):
        read(tiny, tmp_path)


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def resign(content):
    content.pop("sha256")
    canonical = json.dumps(content, sort_keys=True).encode()
    content["sha256"] = hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["measured"]["validation"]["errors"].__setitem__(0, 7),
        lambda c: c["measured"]["test"]["errors"].__setitem__(0, 46),
        lambda c: c["experiment"]["network"].__setitem__("width", 2),
        lambda c: c["measured"].__setitem__("diverged", True),
        lambda c: c["seconds"].__setitem__("total", 1e6),
        lambda c: c["provenance"].__setitem__("torch", "2.0.0"),
        lambda c: c.__setitem__("sha256", "0" * 64),
    ],
)
def test_one_altered_number_is_noticed(tiny, stored, edit):
    change(stored, edit)
    with pytest.raises(RecordError, match=f"{tiny.name}.json was altered"):
        read(tiny, stored.parent)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["measured"].pop("validation"),
        lambda c: c["measured"]["train"].__setitem__("errors", [5000]),
        lambda c: c["measured"]["train"].__setitem__("errors", [0.5]),
        lambda c: c["experiment"]["network"].__setitem__("depth", 2),
        lambda c: c["experiment"]["network"].__setitem__("activation", "softplus"),
        lambda c: c["experiment"].pop("seed"),
        lambda c: c.pop("provenance"),
        lambda c: c["provenance"].__setitem__("torch", 2.14),
        lambda c: c["seconds"].__setitem__("training", ["1.0"]),
        lambda c: c["measured"].__setitem__("diverged", 0),
        lambda c: c.__setitem__("schema", 2),
        lambda c: c.__setitem__("comment", "looks fine"),
    ],
)
def test_a_record_of_another_shape_is_refused_by_name(tiny, stored, edit):
    change(stored, lambda content: (edit(content), resign(content)))
    with pytest.raises(RecordError, match=f"{tiny.name}.json is damaged"):
        read(tiny, stored.parent)


def test_a_file_that_is_no_json_is_refused_by_name(tiny, stored):
    stored.write_text(stored.read_text()[:100])
    with pytest.raises(RecordError, match=f"{tiny.name}.json is damaged"):
        read(tiny, stored.parent)


def test_a_record_of_another_experiment_is_refused(tiny, record, stored):
    other = tiny.vary(epochs=2)
    stored.rename(stored.with_name(f"{other.name}.json"))
    with pytest.raises(RecordError, match="is of another experiment"):
        read(other, stored.parent)


def test_a_setting_added_later_does_not_orphan_old_records(tiny, stored):
    """As if ``normalize`` were newer than the record: its default is what the record was made with."""

    def forget(content):
        del content["experiment"]["network"]["normalize"]
        resign(content)

    change(stored, forget)
    assert read(tiny, stored.parent).experiment == tiny


def test_what_only_some_scales_measure_survives_the_file(tiny, record, stored, tmp_path):
    assert not {"fitted", "missed", "unseen"} & set(json.loads(stored.read_text())["measured"])
    own = replace(record, fitted=ErrorCurve((3,), 42_000), missed=((7, 1), (9, 4)), unseen=ErrorCurve((1_500,), 54_000))
    save(own, tmp_path)
    assert read(tiny, tmp_path) == own


def test_dropout_survives_the_file(tiny, record, tmp_path):
    experiment = replace(tiny, network=ConvNetConfig(dropout=(0.5, 0, 0)))
    save(replace(record, experiment=experiment), tmp_path)
    assert read(experiment, tmp_path).experiment == experiment


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"total": ', '"total": 1.0, "total": ', r"'total' stands in it twice"),
        ('"diverged": false', '"diverged": false, "diverged": true', r"'diverged' stands in it twice"),
        ('"total": ', '"total": NaN, "rest": ', "NaN is no number of JSON"),
        ('"total": ', '"total": -Infinity, "rest": ', "-Infinity is no number of JSON"),
        ('"total": ', '"total": -', r"Expected `float` >= 0.0 - at `\$.seconds.total`"),
    ],
)
def test_what_python_reads_leniently_is_refused(tiny, stored, old, new, sentence):
    stored.write_text(stored.read_text().replace(old, new))
    with pytest.raises(RecordError, match=rf"{tiny.name}.json is damaged \({sentence}\)"):
        read(tiny, stored.parent)


def test_a_folder_or_a_broken_link_with_a_records_name_is_a_sentence(tiny, stored):
    stored.unlink()
    stored.symlink_to("nowhere")
    with pytest.raises(RecordError, match=f"{tiny.name}.json is a link to a file that does not exist"):
        read(tiny, stored.parent)
    stored.unlink()
    stored.mkdir()
    with pytest.raises(RecordError, match=f"{tiny.name}.json cannot be read: Is a directory"):
        read(tiny, stored.parent)


def test_the_books_own_first_record_holds_what_its_text_says():
    path = path_of(Experiment(seed=0))
    assert path.name == "baseline_seed=0.json"
    content = json.loads(path.read_text())
    record = read(Experiment(seed=0))
    assert list(record.history.validation.errors) == content["measured"]["validation"]["errors"]
    assert list(record.history.seconds) == content["seconds"]["training"]
    assert record.test.errors == (126,)


def test_provenance_names_the_engine():
    assert provenance("hand")["engine"] == "hand"
