"""tools/extensions/draw.py: its scripts give the weights back, and networks that it cannot compute are refused."""

import base64
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import draw
import numpy as np
import pytest
from sphinx.errors import ExtensionError

from labcode.files import write_folder
from labcode.network import FINAL_MODEL, ConvNet, TrainedNet
from labcode.network.weights import FINAL_FILE
from labcode.seeds import stream

SMALL = replace(FINAL_MODEL, width=3, hidden=4)


def trained(config=SMALL, seed=0):
    return TrainedNet(ConvNet(config, stream(seed, "initial weights")), mean=26.5, deviation=70.25)


def read_back(scripts):
    """What the page's script makes of the texts: the model, and its weights by name."""
    model = json.loads(re.fullmatch(r"drawDigit\.model = (\{.*\});\n", scripts["model.js"])[1])
    data = b""
    for number, name in enumerate(model["pieces"]):
        text = re.fullmatch(rf'drawDigit\.receive\({number}, "([A-Za-z0-9+/=]+)"\);\n', scripts[name])[1]
        data += base64.b64decode(text)
    numbers, weights = np.frombuffer(data, dtype="<i2"), {}
    for tensor in model["tensors"]:
        weights[tensor["name"]], numbers = tensor["scale"] * numbers[: tensor["size"]], numbers[tensor["size"] :]
    assert len(numbers) == 0
    return model, weights


def test_scripts_hold_the_network():
    exactly = trained().net.state_dict()
    model, weights = read_back(draw.scripts(trained()))
    assert (model["mean"], model["deviation"], len(model["pieces"])) == (26.5, 70.25, draw.PIECES)
    assert weights.keys() == exactly.keys()
    for name, value in exactly.items():
        exact = value.numpy().ravel()
        half_a_step = np.abs(exact).max() / (2**15 - 1) / 2
        assert np.abs(weights[name] - exact).max() <= half_a_step * 1.001, name
        assert np.abs(weights[name]).max() == pytest.approx(np.abs(exact).max(), rel=1e-6), name


def test_pieces_of_two_networks_never_share_a_name():
    one, other = draw.scripts(trained()), draw.scripts(trained(seed=1))
    assert one.keys() & other.keys() == {"model.js"}


@pytest.mark.parametrize(
    "setting",
    [
        {"pool": 2},
        {"pool_stride": 3},
        {"filter": 3},
        {"stages": 1, "dropout": ()},
        {"exponent": 4},
        {"padding": 2},
        {"activation": "relu"},
        {"normalize": False},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_network_that_the_script_does_not_compute_is_refused(setting):
    name = next(iter(setting))
    with pytest.raises(draw.DrawError, match=rf"^The network's {name} is "):
        draw.scripts(trained(replace(SMALL, **setting)))


def test_the_final_model_is_not_refused():
    assert len(draw.scripts(trained(FINAL_MODEL))) == 1 + draw.PIECES


def test_old_pieces_leave_the_site_and_unchanged_ones_stay_untouched(tmp_path):
    folder = tmp_path / "site" / "draw-weights"
    write_folder(folder, draw.scripts(trained()))
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert len(before) == 1 + draw.PIECES
    write_folder(folder, draw.scripts(trained()))
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    write_folder(folder, draw.scripts(trained(seed=1)))
    assert {file.name for file in folder.iterdir()} & before.keys() == {"model.js"}


def built(builder, folder):
    return SimpleNamespace(builder=SimpleNamespace(name=builder), outdir=str(folder))


def test_a_build_of_the_site_writes_them(tmp_path):
    draw.write_after_build(built("html", tmp_path), RuntimeError("the build failed"))
    draw.write_after_build(built("latex", tmp_path), None)
    assert list(tmp_path.iterdir()) == []
    draw.write_after_build(built("html", tmp_path), None)
    assert len(list((tmp_path / "_static" / draw.FOLDER).iterdir())) == 1 + draw.PIECES


def test_a_weight_that_is_not_the_trained_one_stops_the_build(tmp_path, monkeypatch):
    data = bytearray(FINAL_FILE.read_bytes())
    data[-1] ^= 1
    (altered := tmp_path / FINAL_FILE.name).write_bytes(data)
    monkeypatch.setattr(draw, "FINAL_FILE", altered)
    with pytest.raises(ExtensionError, match=r"^final\.safetensors is damaged: its weights do not have the digest"):
        draw.write_after_build(built("html", tmp_path), None)
