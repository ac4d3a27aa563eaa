"""A file of weights gives the same network back; any other file is refused with a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from labcode.data import load as load_mnist
from labcode.data import read_tenth
from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig, HandProp, TrainedNet, weights
from labcode.network.weights import WeightsError, load, save
from labcode.seeds import stream

CONFIG = ConvNetConfig(width=3, pool=3, activation="relu", hidden=5, dropout=(0.0, 0.5, 0.5))


def trained(config=CONFIG, dtype=torch.float32):
    return TrainedNet(ConvNet(config, stream(0, "initial weights"), dtype), mean=26.03, deviation=70.1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_load_returns_what_was_saved(path, dtype):
    before = trained(dtype=dtype)
    save(path, before)
    after = load(path)
    assert after.net.config == before.net.config
    assert (after.mean, after.deviation) == (before.mean, before.deviation)
    assert after.net.state_dict().keys() == before.net.state_dict().keys()
    for name, value in after.net.state_dict().items():
        assert value.dtype == dtype
        assert torch.equal(value, before.net.state_dict()[name]), name


def test_weights_in_another_memory_layout_are_saved_with_the_same_values(path):
    before = trained()
    plain = {name: value.clone() for name, value in before.net.state_dict().items()}
    HandProp(before.net)  # moves the filters to channels-last memory
    assert not before.net.stages[1].convolution.weight.is_contiguous()
    save(path, before)
    for name, value in load_file(path).items():
        assert torch.equal(value, plain[name]), name


def test_the_final_model_takes_less_than_four_megabytes(path):
    save(path, trained(FINAL_MODEL))
    assert 940_170 * 4 < path.stat().st_size < 4e6


def test_the_file_is_readable_by_all(path):
    save(path, trained())
    assert path.stat().st_mode & 0o777 == 0o644


def test_images_are_prepared_as_for_the_training():
    mnist, (_, test) = load_mnist("tenth", seed=0), read_tenth()
    net = TrainedNet(trained().net, mnist.mean, mnist.deviation)
    assert torch.equal(net.prepare(test.pixels[:50]), mnist.test.pixels[:50])


def test_an_interrupted_write_leaves_the_old_file(path, monkeypatch):
    save(path, trained())
    before = path.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("labcode.files.os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(path, trained(FINAL_MODEL))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_full_disk_raises_a_sentence_and_leaves_the_old_file(path, monkeypatch):
    save(path, trained())
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labcode.files.os.fsync", fail)
    with pytest.raises(WeightsError, match=rf"The weights {path.name} cannot be written to .*: No space left"):
        save(path, trained(FINAL_MODEL))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("folder", ["/proc/self/weights", "/proc/self/status"], ids=["forbidden", "a file"])
def test_a_folder_that_cannot_be_made_raises_a_sentence(folder):
    with pytest.raises(WeightsError, match=f"cannot be written to {folder}"):
        save(Path(folder) / "small.safetensors", trained())


def test_a_file_from_before_a_setting_existed_still_loads(path):
    rewrite(path, lambda header: without(header, "normalize"))
    assert load(path).net.config == CONFIG


def test_an_audit_hook_sees_the_file_opened(path):
    """This is how a chapter becomes stale when the weights change."""
    save(path, trained())
    watch = "import sys, pathlib; sys.addaudithook(lambda event, a: event == 'open' and print(a[0]))"
    command = f"from labcode.network.weights import load; {watch}; load(pathlib.Path({str(path)!r}))"
    seen = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert str(path) in seen.splitlines()


def test_a_network_with_a_replaced_part_is_not_saved(path):
    """Its configuration, which is what the file holds, describes another network."""
    net = trained()
    net.net.activation = torch.tanh
    with pytest.raises(ValueError, match=r"cannot say that activation is tanh in place of relu: save its state_dict"):
        save(path, net)
    assert not path.exists()


def test_a_missing_file_is_named(path):
    with pytest.raises(WeightsError, match=r"^There is no file net\.safetensors in "):
        load(path)


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_a_truncated_file_is_refused(path, keep):
    save(path, trained())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"^net\.safetensors is damaged, or is not a safetensors file"):
        load(path)


def test_one_altered_byte_is_noticed(path):
    save(path, trained())
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="do not have the digest"):
        load(path)


def test_a_malicious_pickle_is_refused_unopened(malicious):
    file, made = malicious
    with pytest.raises(WeightsError, match="is not a safetensors file"):
        load(file)
    assert not made.exists()


def test_a_file_of_another_program_is_refused(path):
    save_file({"output.weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="its header lacks network, pixels, sha256; it must be"):
        load(path)


def rewrite(path, change, tensors=None):
    """Save a network with another header or other tensors, as a version before `settings_sha256` wrote it."""
    save(path, trained())
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    del header["settings_sha256"]
    tensors = load_file(path) if tensors is None else tensors
    save_file(tensors, path, metadata=change(header) | {"sha256": weights.digest(tensors)})


def without(header, setting):
    network = json.loads(header["network"])
    del network[setting]
    return header | {"network": json.dumps(network)}


def with_setting(**settings):
    return lambda header: header | {"network": json.dumps(json.loads(header["network"]) | settings)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_setting(colour="red"), "colour"),
        (with_setting(width=0), "width is 0; it must be a whole number of at least 1"),
        (with_setting(width=4), "size mismatch"),
        (with_setting(dropout=3), "int"),
        (lambda header: header | {"pixels": "{}"}, "mean"),
        (lambda header: header | {"pixels": "[]"}, "list"),
        (lambda header: header | {"network": "{"}, "Expecting"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(path, change, message):
    rewrite(path, change)
    with pytest.raises(WeightsError, match=rf"(?s)^net\.safetensors describes a network .*{message}"):
        load(path)


@pytest.mark.parametrize("tensors", [{}, {"output.weight": torch.zeros(10, 5)}], ids=["none", "one"])
def test_weights_that_are_missing_are_noticed(path, tensors):
    rewrite(path, lambda header: header, tensors)
    with pytest.raises(WeightsError, match="cannot build"):
        load(path)


def test_the_digest_sees_names_shapes_and_types():
    one = {"a": torch.zeros(2, 3)}
    others = [{"b": torch.zeros(2, 3)}, {"a": torch.zeros(3, 2)}, {"a": torch.zeros(3, dtype=torch.float64)}]
    assert weights.digest(one) not in {weights.digest(other) for other in others}
    assert weights.digest({"b": torch.ones(1), **one}) == weights.digest({**one, "b": torch.ones(1)})


def test_preparing_does_not_change_the_images():
    pixels = np.full((1, 28, 28), 7, dtype=np.uint8)
    trained().prepare(pixels)
    assert (pixels == 7).all()


@pytest.mark.parametrize("mean", [26, np.float32(26.5), np.int64(26), np.array(26.5), torch.tensor(26.5)])
def test_every_kind_of_number_is_a_mean(path, mean):
    save(path, TrainedNet(trained().net, mean, deviation=np.float64(70.25)))
    after = load(path)
    assert (after.mean, after.deviation) == (float(mean), 70.25)
    assert type(after.mean) is type(after.deviation) is float


@pytest.mark.parametrize("mean", [np.nan, np.inf, torch.tensor(np.nan), None, "26", True, torch.zeros(2)])
def test_a_mean_that_is_no_number_is_refused(mean):
    with pytest.raises(ValueError, match=r"^mean is .*; it must be a finite number\.$"):
        TrainedNet(trained().net, mean, 70.0)


@pytest.mark.parametrize("deviation", [0, -1.0, np.nan, None, False])
def test_a_deviation_by_which_nothing_can_be_divided_is_refused(path, deviation):
    with pytest.raises(ValueError, match=r"^deviation is .*; it must be a finite number above 0\.$"):
        TrainedNet(trained().net, 26.0, deviation)


@pytest.mark.parametrize("pixels", ['{"mean": NaN, "deviation": 1}', '{"mean": 1, "deviation": 0}', "[" * 100_000])
def test_a_file_with_such_numbers_is_refused(path, pixels):
    rewrite(path, lambda header: header | {"pixels": pixels})
    with pytest.raises(WeightsError, match=r"^net\.safetensors describes a network that this version cannot build"):
        load(path)


ODD_TYPES = [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int64]


@pytest.mark.parametrize("dtype", ODD_TYPES)
def test_weights_of_another_type_are_a_sentence(path, dtype):
    sentence = f"The weights are {dtype}; they must be all torch.float32 or all torch.float64."
    tensors = {name: value.to(dtype) for name, value in trained().net.state_dict().items()}
    rewrite(path, lambda header: header, tensors)
    with pytest.raises(WeightsError, match=sentence):
        load(path)
    net = trained()
    for parameter in net.net.parameters():
        parameter.requires_grad_(False).data = parameter.data.to(dtype)
    path.unlink()
    with pytest.raises(ValueError, match=sentence):
        save(path, net)
    assert not path.exists()


def test_one_tensor_of_another_type_is_a_sentence(path):
    sentence = "The weights are torch.float32 and torch.float64; they must be"
    rewrite(path, lambda header: header, {**trained().net.state_dict(), "output.bias": torch.zeros(10).double()})
    with pytest.raises(WeightsError, match=sentence):
        load(path)
    net = trained()
    net.net.output.double()
    with pytest.raises(ValueError, match=sentence):
        save(path, net)


def test_a_folder_is_a_sentence(tmp_path):
    with pytest.raises(WeightsError, match=f"^The weights {tmp_path} cannot be read: Is a directory"):
        load(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot be written to .*: Is a directory"):
        save(tmp_path, trained())


def test_a_path_may_be_a_string(path):
    save(str(path), trained())
    assert load(str(path)).net.config == CONFIG


def test_one_altered_digit_of_the_settings_is_noticed(path):
    save(path, trained())
    path.write_bytes(path.read_bytes().replace(b"26.03", b"26.04"))
    with pytest.raises(WeightsError, match="its settings do not have the digest"):
        load(path)


@pytest.mark.parametrize("pixels", [None, [[1]], np.zeros((1, 28, 28)), np.zeros((28, 28), np.uint8), torch.zeros(1)])
def test_what_is_no_image_is_a_sentence(pixels):
    with pytest.raises(ValueError, match=r"^pixels is .*; it must be an array of unsigned bytes \(N, 28, 28\)\.$"):
        trained().prepare(pixels)
