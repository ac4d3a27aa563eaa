"""Records in archives: written whole, read back equal, refused by name when damaged or of another experiment."""

import gzip
import hashlib
import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from labcode.network import ConvNetConfig
from labcode.study import Experiment, MissingRecordError, RecordError, records
from labcode.study.records import find, path_of, provenance, read, read_all, save
from labcode.training import ErrorCurve


def test_a_record_reads_back_as_it_was_written(tiny, record, stored):
    assert stored.name == f"{tiny.setting}.jsonl.gz"
    assert read(tiny, stored.parent) == find(tiny, stored.parent) == record
    assert stored.stat().st_size < 1_000


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
    with pytest.raises(RecordError, match=r"no record width=1_.*seed=0 in .*gz; `python -m labcode run`"):
        read(tiny, tmp_path)


def test_a_record_is_missing_where_its_archive_holds_other_seeds_alone(tiny, stored):
    other = replace(tiny, seed=1)
    assert find(other, stored.parent) is None
    with pytest.raises(MissingRecordError, match=rf"no record {other.name} in {stored.parent.name}/{stored.name};"):
        read(other, stored.parent)


@pytest.fixture
def change(edit_archive):
    """A function that changes the content of the only record of an archive."""

    def change_content(path, edit):
        def change_line(lines):
            (content,) = map(json.loads, lines)
            edit(content)
            return [json.dumps(content)]

        edit_archive(path, change_line)

    return change_content


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
def test_one_altered_number_is_noticed(tiny, stored, change, edit):
    change(stored, edit)
    with pytest.raises(RecordError, match=f"The record of seed 0 in {stored.name} was altered"):
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
def test_a_record_of_another_shape_is_refused_by_name(tiny, stored, change, edit):
    change(stored, lambda content: (edit(content), resign(content)))
    with pytest.raises(RecordError, match=rf"^(The record of seed 0 in|Line 1 of) {stored.name} is damaged"):
        read(tiny, stored.parent)


@pytest.mark.parametrize(("length", "sentence"), [(100, "The record of seed 0 in"), (10, "Line 1 of")])
def test_a_line_that_is_no_json_is_refused_by_name(tiny, stored, edit_archive, length, sentence):
    edit_archive(stored, lambda lines: [lines[0][:length]])
    with pytest.raises(RecordError, match=f"^{sentence} {stored.name} is damaged .*delete its line and run it again"):
        read(tiny, stored.parent)


def test_a_record_in_the_archive_of_another_setting_is_refused(tiny, stored):
    other = tiny.vary(epochs=2)
    moved = stored.rename(path_of(other, stored.parent))
    for read_file in (lambda: read(other, stored.parent), lambda: read_all(stored.parent)):
        with pytest.raises(RecordError, match=f"seed 0 in {moved.name} is of another experiment, {tiny.name};"):
            read_file()


# Archives


@pytest.fixture
def thrice(tiny, record, tmp_path):
    """An archive of seeds 0, 2 and 10."""
    for seed in (10, 0, 2):
        path = save(replace(record, experiment=replace(tiny, seed=seed)), tmp_path)
    return path


def test_seeds_stand_in_rising_order_however_they_came(tiny, record, thrice, tmp_path):
    for seed in (0, 10, 2):
        again = save(replace(record, experiment=replace(tiny, seed=seed)), tmp_path / "again")
    assert again.read_bytes() == thrice.read_bytes()
    assert [each.experiment.seed for each in read_all(tmp_path)] == [0, 2, 10]
    text = gzip.decompress(thrice.read_bytes()).decode()
    assert [json.loads(line)["experiment"]["seed"] for line in text.splitlines()] == [0, 2, 10]


def test_an_archive_names_neither_a_time_nor_a_system(thrice):
    assert thrice.read_bytes()[:10] == bytes.fromhex("1f8b 08 00 00000000 02 ff")  # RFC 1952, section 2.3


def test_a_saved_record_takes_the_place_of_the_old_one_and_leaves_the_other_lines_as_they_are(tiny, record, thrice):
    # As a line from before a setting was added: saving its neighbor must not write it anew.
    before = gzip.decompress(thrice.read_bytes()).decode().splitlines()
    content = json.loads(before[0])
    del content["experiment"]["network"]["normalize"]
    resign(content)
    before[0] = json.dumps(content)
    thrice.write_bytes(gzip.compress("\n".join([*before, ""]).encode()))
    newer = replace(record, experiment=replace(tiny, seed=2), provenance={"engine": "another"})
    assert save(newer, thrice.parent) == thrice
    after = gzip.decompress(thrice.read_bytes()).decode().splitlines()
    assert (after[0], after[2]) == (before[0], before[2])
    assert read(newer.experiment, thrice.parent) == newer


def test_a_record_that_is_there_is_not_written_again(tiny, record, thrice):
    """Another zlib compresses the same lines to other bytes: no commit should be about that."""
    thrice.write_bytes(gzip.compress(gzip.decompress(thrice.read_bytes()), 1))
    before = thrice.read_bytes()
    save(record, thrice.parent)
    assert thrice.read_bytes() == before


@pytest.mark.parametrize(
    ("change_lines", "sentence"),
    [
        (lambda lines: [*lines, lines[-1]], "seed 10 in .* comes after that of seed 10"),
        (lambda lines: [lines[1], lines[0], lines[2]], "seed 0 in .* comes after that of seed 2"),
        (lambda lines: [*lines, ""], "Line 4 of .* is damaged"),
        (lambda lines: [], "is damaged .its last line is not whole"),
    ],
)
def test_lines_that_do_not_make_an_archive_are_refused(tiny, record, thrice, edit_archive, change_lines, sentence):
    edit_archive(thrice, change_lines)
    for refused in (lambda: read(tiny, thrice.parent), lambda: read_all(thrice.parent)):
        with pytest.raises(RecordError, match=sentence):
            refused()
    before = thrice.read_bytes()
    with pytest.raises(RecordError, match=sentence):
        save(replace(record, experiment=replace(tiny, seed=3)), thrice.parent)
    assert thrice.read_bytes() == before


def test_an_archive_cut_off_anywhere_is_refused_by_name(tiny, thrice):
    whole = thrice.read_bytes()
    for length in range(len(whole)):
        thrice.write_bytes(whole[:length])
        with pytest.raises(RecordError, match=f"^The archive {thrice.name} is damaged .*restore it"):
            read(tiny, thrice.parent)


def test_an_archive_of_a_last_line_without_end_is_refused(tiny, thrice):
    thrice.write_bytes(gzip.compress(gzip.decompress(thrice.read_bytes())[:-1]))
    with pytest.raises(RecordError, match=r"is damaged \(its last line is not whole\)"):
        read(tiny, thrice.parent)


def test_an_archive_is_taken_apart_once_until_its_bytes_change(tiny, record, thrice, monkeypatch):
    taken, take = [], records._taken_apart
    monkeypatch.setattr(records, "_taken_apart", lambda *given: (taken.append(given), take(*given))[1])
    assert len([read(replace(tiny, seed=seed), thrice.parent) for seed in (0, 2, 10)]) == len(read_all(thrice.parent))
    assert len(taken) == 1
    # Other bytes of the same length, at the same time.
    now, data = thrice.stat(), bytearray(thrice.read_bytes())
    data[len(data) // 2] ^= 1
    thrice.write_bytes(data)
    os.utime(thrice, ns=(now.st_atime_ns, now.st_mtime_ns))
    with pytest.raises(RecordError, match="is damaged"):
        read(tiny, thrice.parent)


CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_line_in_contributing_adds_the_records_of_another_folder_as_they_are(thrice, tmp_path):
    (code,) = re.findall(r'^python -c "(from labcode.study.records .*)"$', CONTRIBUTING, re.MULTILINE)
    (into := tmp_path / "into").mkdir()
    exec(code.replace("'FOLDER'", repr(str(thrice.parent))).replace("RECORDS", f"Path({str(into)!r})"), {})
    assert (into / thrice.name).read_bytes() == thrice.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="the command is of a POSIX shell")
def test_the_line_in_contributing_takes_a_seed_out_of_an_archive(tiny, record, thrice):
    (command,) = re.findall(r"^gzip -dc \S+ \| grep .*$", CONTRIBUTING, re.MULTILINE)
    for name in set(re.findall(r"\S+\.jsonl\.gz", command)):
        command = command.replace(name, thrice.name)
    subprocess.run(["bash", "-euc", command.replace('"seed": 3', '"seed": 2')], cwd=thrice.parent, check=True)
    assert [each.experiment.seed for each in read_all(thrice.parent)] == [0, 10]
    save(replace(record, experiment=replace(tiny, seed=2)), thrice.parent)
    assert [each.experiment.seed for each in read_all(thrice.parent)] == [0, 2, 10]


# Fields


def test_a_setting_added_later_does_not_orphan_old_records(tiny, stored, change):
    """As if ``normalize`` were newer than the record: its default is what the record was made with."""

    def forget(content):
        del content["experiment"]["network"]["normalize"]
        resign(content)

    change(stored, forget)
    assert read(tiny, stored.parent).experiment == tiny


def test_what_only_some_scales_measure_survives_the_file(tiny, record, stored, tmp_path):
    assert not {"fitted", "missed", "unseen"} & set(json.loads(gzip.decompress(stored.read_bytes()))["measured"])
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
def test_what_python_reads_leniently_is_refused(tiny, stored, edit_archive, old, new, sentence):
    edit_archive(stored, lambda lines: [lines[0].replace(old, new)])
    with pytest.raises(RecordError, match=rf"{stored.name} is damaged \({sentence}\)"):
        read(tiny, stored.parent)


def test_a_folder_or_a_broken_link_with_an_archives_name_is_a_sentence(tiny, stored):
    stored.unlink()
    stored.symlink_to("nowhere")
    with pytest.raises(RecordError, match=f"{stored.name} is a link to a file that does not exist"):
        read(tiny, stored.parent)
    stored.unlink()
    stored.mkdir()
    with pytest.raises(RecordError, match=f"{stored.name} cannot be read: Is a directory"):
        read(tiny, stored.parent)


def test_the_books_own_first_record_holds_what_its_text_says():
    path = path_of(Experiment(seed=0))
    assert path.name == "baseline.jsonl.gz"
    content = json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])
    record = read(Experiment(seed=0))
    assert list(record.history.validation.errors) == content["measured"]["validation"]["errors"]
    assert list(record.history.seconds) == content["seconds"]["training"]
    assert record.test.errors == (126,)


def test_provenance_names_the_engine():
    assert provenance("hand")["engine"] == "hand"
