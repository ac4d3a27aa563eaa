"""tools/extensions/draw.py: its scripts give the weights back, and networks that it cannot compute are refused."""

import base64
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import draw
import numpy as np
import pytest

from labcode.network import FINAL_MODEL, ConvNet, TrainedNet
from labcode.network.weights import save
from labcode.seeds import stream

SMALL = replace(FINAL_MODEL, width=3, hidden=4)


@pytest.fixture
def saved(tmp_path):
    def write(config=SMALL, seed=0):
        path = tmp_path / "small.safetensors"
        save(path, TrainedNet(ConvNet(config, stream(seed, "initial weights")), mean=26.5, deviation=70.25))
        return path

    return write


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


def test_scripts_hold_the_network(saved):
    path = saved()
    net = ConvNet(SMALL, stream(0, "initial weights"))
    model, weights = read_back(draw.scripts(path))
    assert (model["mean"], model["deviation"], len(model["pieces"])) == (26.5, 70.25, draw.PIECES)
    assert weights.keys() == net.state_dict().keys()
    for name, value in net.state_dict().items():
        exact = value.numpy().ravel()
        half_a_step = np.abs(exact).max() / (2**15 - 1) / 2
        assert np.abs(weights[name] - exact).max() <= half_a_step * 1.001, name
        assert np.abs(weights[name]).max() == pytest.approx(np.abs(exact).max(), rel=1e-6), name


def test_pieces_of_two_networks_never_share_a_name(saved):
    one, other = draw.scripts(saved()), draw.scripts(saved(seed=1))
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
def test_a_network_that_the_script_does_not_compute_is_refused(saved, setting):
    name = next(iter(setting))
    with pytest.raises(draw.DrawError, match=rf"^small\.safetensors holds a network whose {name} is "):
        draw.scripts(saved(replace(SMALL, **setting)))


def test_the_final_model_is_not_refused(saved):
    assert len(draw.scripts(saved(FINAL_MODEL))) == 1 + draw.PIECES


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(draw.DrawError, match=r"^There is no final\.safetensors in "):
        draw.scripts(tmp_path / "final.safetensors")


def test_old_pieces_leave_the_site_and_unchanged_ones_stay_untouched(saved, tmp_path):
    folder = tmp_path / "site" / "draw-weights"
    draw.write(folder, saved())
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert len(before) == 1 + draw.PIECES
    draw.write(folder, saved())
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    draw.write(folder, saved(seed=1))
    assert {file.name for file in folder.iterdir()} & before.keys() == {"model.js"}


def test_a_build_of_the_site_writes_them(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(draw, "write", written.append)
    html = SimpleNamespace(builder=SimpleNamespace(name="html"), outdir=str(tmp_path))
    draw.write_after_build(html, None)
    assert written == [tmp_path / "_static" / draw.FOLDER]
    draw.write_after_build(html, RuntimeError("the build failed"))
    draw.write_after_build(SimpleNamespace(builder=SimpleNamespace(name="latex"), outdir=str(tmp_path)), None)
    assert len(written) == 1
