"""What the page "Train it yourself" loads at the first click, as scripts written into the site (a Sphinx extension).

A page opened from a disk may run the scripts beside it but not read files, so everything is a script: the embedded
digits, the tables that the page compares with, and the kernels, compiled to WebAssembly.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from live import npm

from labcode.data import read_tenth
from labcode.files import write_whole
from labcode.pages.trainer import SEEDS, page_choices, page_settings, refused
from labcode.seeds import stream
from labcode.study.ablation import CHECK_SEEDS
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.in_the_page import IN_THE_PAGE
from labcode.study.records import find

FOLDER = "train-data"  # within the site's _static
PURPOSES = {"split": "split", "weights": "initial weights", "order": "order of images", "dropout": "dropout"}


def table() -> dict[str, Any]:
    """Return what the page's script looks up: choices, refusals, seeds of the streams, and recorded runs."""
    return {
        "choices": page_choices(),
        "refused": refused(),
        "seeds": [{name: stream_seed(seed, purpose) for name, purpose in PURPOSES.items()} for seed in range(SEEDS)],
        "records": records(),
    }


def stream_seed(seed: int, purpose: str) -> int:
    """Return what seeds the Mersenne Twister of a stream: PyTorch uses the lowest 32 bits of the stream's seed."""
    return stream(seed, purpose).initial_seed() % 2**32


def records() -> list[dict[str, Any]]:
    """Return the curves of the recorded runs that a page can train, with their settings and seeds."""
    baseline = [HIDDEN_UNITS.experiment("16", seed) for seed in HIDDEN_UNITS.seeds]
    other_rates = [
        HIDDEN_UNITS.experiment("16", seed, {"learning_rate_times": factor})
        for factor in (1 / 3, 3)
        for seed in CHECK_SEEDS
    ]
    return [
        {
            "settings": page_settings(run),
            "seed": run.seed,
            "curves": {part: getattr(record.history, part).errors for part in ("online", "train", "validation")},
        }
        for run in dict.fromkeys([*baseline, *other_rates, *IN_THE_PAGE.experiments()])
        if (record := find(run))
    ]


def digits() -> dict[str, str]:
    """Return the embedded training images, gzipped, and their labels; both as base64."""
    training, _ = read_tenth()
    return {
        # Level 9 takes fifteen times as long and saves 2%.
        "pixels": _base64(gzip.compress(training.pixels.tobytes(), 6, mtime=0)),
        "labels": _base64(training.labels.astype(np.uint8).tobytes()),
    }


def kernels() -> str | None:
    """Return the compiled kernels as base64; None where the compiler could not be had: the page does without."""
    try:
        return _base64(npm.kernels().read_bytes())
    except npm.NoLiveParts:
        return None


def contents() -> dict[str, Any]:
    """Return what the page loads, by name."""
    return {"table": table(), "digits": digits(), "kernels": kernels()}


def as_script(name: str, content: Any) -> str:
    """Return a script that hands a content to the page."""
    return f'trainDigits.receive("{name}", {json.dumps(content, separators=(",", ":"))});\n'


def write_after_build(app, exception) -> None:
    if exception is None and app.builder.name == "html":
        for name, content in contents().items():
            write_whole(Path(app.outdir) / "_static" / FOLDER / f"{name}.js", as_script(name, content))


def setup(app):
    app.connect("build-finished", write_after_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
