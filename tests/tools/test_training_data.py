"""tools/extensions/train.py: what the page that trains looks up is what labcode has."""

import base64
import gzip
import json

import numpy as np
import torch
import train

from labcode.data import read_tenth
from labcode.pages.trainer import SEEDS
from labcode.seeds import stream


def test_the_seed_of_a_stream_makes_the_same_stream():
    for seed, purpose in ((0, "split"), (SEEDS - 1, "dropout")):
        short = torch.Generator().manual_seed(train.stream_seed(seed, purpose))
        assert torch.equal(torch.rand(1000, generator=short), torch.rand(1000, generator=stream(seed, purpose)))


def test_the_digits_are_the_embedded_ones():
    digits, (training, _) = train.digits(), read_tenth()
    pixels = np.frombuffer(gzip.decompress(base64.b64decode(digits["pixels"])), np.uint8)
    np.testing.assert_array_equal(pixels.reshape(training.pixels.shape), training.pixels)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(digits["labels"]), np.uint8), training.labels)


def test_records_are_given_by_settings_and_seed_each_once():
    records = train.records()
    assert len({json.dumps([each["settings"], each["seed"]]) for each in records}) == len(records)
    baseline = [each["seed"] for each in records if each["settings"] == records[0]["settings"]]
    assert sorted(baseline) == list(range(8))
    assert all(len(curve) == 20 for each in records for curve in each["curves"].values())


def test_the_scripts_are_json_and_take_less_than_3_megabytes():
    contents = train.contents()
    scripts = {name: train.as_script(name, content) for name, content in contents.items()}
    assert sum(map(len, scripts.values())) < 3e6
    for name, text in scripts.items():
        received = json.loads(text.removeprefix(f'trainDigits.receive("{name}", ').removesuffix(");\n"))
        assert received == json.loads(json.dumps(contents[name]))
