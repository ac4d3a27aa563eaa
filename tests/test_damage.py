"""Damage to a file is a sentence of its own kind or makes no difference: never another error, never another value.

A byte is changed, left out or put in, a stretch overwritten, or the end cut off. `make search` draws new damages.
"""

import gzip
import hashlib
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode.data import MnistUnavailableError, download, mnist, read_full, read_tenth
from labcode.network import ConvNet, ConvNetConfig, TrainedNet, WeightsError, weights
from labcode.seeds import stream
from labcode.study import RecordError
from labcode.study.records import path_of, read, read_all, save
from labcode.training.checkpoints import Checkpoint, CheckpointError

EXAMPLES = settings(max_examples=150)


@st.composite
def damages(draw):
    """A function from a file's content to damaged content."""
    # Headers hold more that can go wrong than weights do, so half of the places lie among the first bytes.
    place, early = draw(st.floats(0, 1, exclude_max=True)), draw(st.booleans())
    put = draw(
        st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"{", b"[" * 5000, b"NaN", b"1e999", b"\xff"])
    )
    kind = draw(st.sampled_from(["flip", "drop", "put", "over", "cut"]))

    def damage(content):
        at = int(place * (min(len(content), 2_000) if early else len(content)))
        if kind == "flip":
            return content[:at] + bytes([content[at] ^ (1 << put[0] % 8)]) + content[at + 1 :]
        length = {"drop": 1, "put": 0, "over": len(put), "cut": len(content)}[kind]
        return content[:at] + (b"" if kind in ("drop", "cut") else put) + content[at + length :]

    return damage


def outcome(read_file, error):
    """What is read, or None for a refusal of the right kind."""
    try:
        return read_file()
    except error:
        return None


@EXAMPLES
@given(damages(), st.booleans())
def test_a_damaged_record(record, tmp_path_factory, damage, packed):
    """Damaged as it lies on the disk, and within an archive that is whole."""
    folder = tmp_path_factory.mktemp("records")
    path = save(record, folder)
    data = path.read_bytes()
    path.write_bytes(damage(data) if packed else gzip.compress(damage(gzip.decompress(data))))
    for read_file in (lambda: read(record.experiment, folder), lambda: read_all(folder)[0]):
        assert outcome(read_file, RecordError) in (None, record)


@EXAMPLES
@given(st.sampled_from(["seconds", "measured", "provenance", "experiment"]), st.data())
def test_a_record_that_was_changed_and_signed_again(record, tmp_path_factory, part, data):
    """Whoever changes a record can sign it too: what it then holds must still be a record of its own experiment."""
    folder = tmp_path_factory.mktemp("records")
    path = save(record, folder)
    content = json.loads(gzip.decompress(path.read_bytes()))
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
    owner, key = data.draw(st.sampled_from(list(inner(content[part]))))
    owner[key] = data.draw(values)
    del content["sha256"]
    content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_bytes(gzip.compress(f"{json.dumps(content)}\n".encode()))
    found = outcome(lambda: read(record.experiment, folder), RecordError)
    assert found is None or found.experiment == record.experiment
    assert found is None or all(np.isfinite([*found.history.seconds, found.history.total_seconds]))


def inner(value):
    """Every place within nested objects and lists, as its owner and its key."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from inner(value[key])


@pytest.fixture(scope="module")
def trained():
    net = ConvNet(ConvNetConfig(width=1, hidden=2, dropout=(0.5, 0.25, 0)), stream(0, "initial weights"))
    return TrainedNet(net, mean=26.25, deviation=70.5)


@EXAMPLES
@given(damages())
def test_damaged_weights(trained, tmp_path_factory, damage):
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    weights.save(path, trained)
    path.write_bytes(damage(path.read_bytes()))
    found = outcome(lambda: weights.load(path), WeightsError)
    if found is not None:
        assert (found.net.config, found.mean, found.deviation) == (trained.net.config, 26.25, 70.5)
        assert weights.digest(found.net.state_dict()) == weights.digest(trained.net.state_dict())


@EXAMPLES
@given(damages())
def test_a_damaged_checkpoint(tmp_path_factory, damage):
    checkpoint = Checkpoint(tmp_path_factory.mktemp("checkpoint") / "net.safetensors", {"seed": 3, "rate": 0.01})
    tensors = {"weights/a": torch.arange(40.0), "streams/b": torch.Generator().get_state()[:64]}
    checkpoint.save(tensors, {"curves": {"online": [7, 5]}, "total_seconds": 1.5})
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    found = outcome(checkpoint.load, CheckpointError)
    if found is not None:
        assert found[1] == {"curves": {"online": [7, 5]}, "total_seconds": 1.5}
        assert found[0].keys() == tensors.keys()
        assert all(torch.equal(found[0][name], tensors[name]) for name in tensors)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Four small files in MNIST's format, by name."""
    random, files = np.random.default_rng(0), {}
    for part, count in (("train", 5), ("t10k", 2)):
        for name, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            header = np.array([0x0800 + len(shape), *shape], ">u4").tobytes()
            files[f"{part}-{name}-ubyte"] = header + random.integers(0, 10, shape, np.uint8).tobytes()
    return files


@EXAMPLES
@given(st.integers(0, 3), damages())
def test_a_damaged_file_of_the_full_set(published, tmp_path_factory, number, damage):
    root = tmp_path_factory.mktemp("mnist")
    folder = download.files_folder(root)
    folder.mkdir(parents=True)
    for name, content in published.items():
        (folder / name).write_bytes(content)
    victim = folder / list(published)[number]
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in published.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "FILES", digests)
        expected = read_full(root)
        victim.write_bytes(damage(victim.read_bytes()))
        if (found := outcome(lambda: read_full(root), MnistUnavailableError)) is not None:
            for part, whole in zip(found, expected, strict=True):
                np.testing.assert_array_equal(part.pixels, whole.pixels)
                np.testing.assert_array_equal(part.labels, whole.labels)


@settings(max_examples=20)
@given(damages())
def test_a_damaged_tenth(tmp_path_factory, damage):
    path = tmp_path_factory.mktemp("tenth") / "tenth.npz"
    content = mnist.TENTH_FILE.read_bytes()
    path.write_bytes(damage(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "TENTH_FILE", path)
        assert outcome(read_tenth, MnistUnavailableError) is None or path.read_bytes() == content


@pytest.mark.parametrize("name", ["missing", "folder", "link"])
def test_a_record_that_is_no_file(record, tmp_path, name):
    path = path_of(record.experiment, tmp_path)
    if name == "folder":
        path.mkdir()
    elif name == "link":
        path.symlink_to("nowhere")
    with pytest.raises(RecordError, match=path.name):
        read(record.experiment, tmp_path)
