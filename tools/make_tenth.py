"""Make labcode/data/tenth.npz, the images that ship with the package, from the full MNIST set.

Run once: `python -m labcode fetch`, then `python tools/make_tenth.py`. tests/test_data.py proves, wherever the full
set is present, that this recipe still gives the file's contents.
"""

import os
from pathlib import Path

import numpy as np

from labcode.data import draw_tenth, read_full

TARGET = Path(__file__).parents[1] / "labcode" / "data" / "tenth.npz"

if __name__ == "__main__":
    training, test = read_full()
    tenth = draw_tenth(training)
    beside = TARGET.with_name("making.npz")
    np.savez_compressed(
        beside,
        train_pixels=tenth.pixels,
        train_labels=tenth.labels,
        test_pixels=test.pixels,
        test_labels=test.labels,
    )
    os.replace(beside, TARGET)
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB")
