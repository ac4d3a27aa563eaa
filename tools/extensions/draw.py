"""The weights of the drawing page as scripts (a Sphinx extension writes them into the site).

A page opened from a disk may run the scripts beside it but not read files, so the weights are scripts: text in pieces,
so that the page can show its progress. They are made from the weights that ship with `labcode` whenever the site is
built, and never committed.

Each weight is a 16-bit integer times a scale, with one scale per tensor. Measured on the final model's architecture
and 100 test digits (the page promises logits within 0.001 of labcode's):

    format                         largest error of a logit    text    gzipped
    float32                        0                           5.0 MB  3.8 MB
    float16                        0.0008                      2.5 MB  1.9 MB
    16 bits, one scale per tensor  0.0001                      2.5 MB  1.9 MB
    8 bits, one scale per filter   0.02                        1.3 MB  1.0 MB

The weights of a tensor have similar sizes, so equal steps suit them better than float16, which spends bits on numbers
near 0.
"""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
from sphinx.errors import ExtensionError

from labcode.errors import LabcodeError
from labcode.files import write_folder
from labcode.network.weights import FINAL_FILE, TrainedNet, load

FOLDER = "draw-weights"  # within the site's _static
PIECES = 8
LARGEST = 2**15 - 1

# What book/_assets/draw-network.js computes: other settings need another script.
UNDERSTOOD = {
    "stages": 2,
    "filter": 5,
    "padding": 0,
    "pool": 3,
    "pool_stride": 2,
    "exponent": 2,
    "activation": "tanh",
    "normalize": True,
}


class DrawError(LabcodeError):
    """A network that the page's script does not compute."""


def scripts(trained: TrainedNet) -> dict[str, str]:
    """Return the scripts by file name: `model.js` describes the weights, the others hold them in pieces."""
    for setting, value in UNDERSTOOD.items():
        if (found := getattr(trained.net.config, setting)) != value:
            raise DrawError(f"The network's {setting} is {found!r}; the page's script computes {value!r}.")
    described, parts = [], []
    for name, tensor in sorted(trained.net.state_dict().items()):
        weights = tensor.double().numpy()
        scale = float(np.abs(weights).max()) / LARGEST
        described.append({"name": name, "size": weights.size, "scale": scale})
        parts.append(np.rint(weights.ravel() / scale).astype("<i2").tobytes())
    data = b"".join(parts)
    # The digest is part of the names, so that a browser never mixes pieces of two models from its cache.
    digest = hashlib.sha256(data).hexdigest()[:12]
    length = -(-len(data) // PIECES)
    names = [f"{digest}-{number}.js" for number in range(PIECES)]
    model = {"mean": trained.mean, "deviation": trained.deviation, "pieces": names, "tensors": described}
    files = {"model.js": f"drawDigit.model = {json.dumps(model)};\n"}
    for number, name in enumerate(names):
        text = base64.b64encode(data[number * length : (number + 1) * length]).decode()
        files[name] = f'drawDigit.receive({number}, "{text}");\n'
    return files


def write_after_build(app, exception) -> None:
    if exception is None and app.builder.name == "html":
        try:
            write_folder(Path(app.outdir) / "_static" / FOLDER, scripts(load(FINAL_FILE)))
        except LabcodeError as error:
            raise ExtensionError(str(error)) from error


def setup(app):
    app.connect("build-finished", write_after_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
