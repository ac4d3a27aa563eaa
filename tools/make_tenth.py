"""Make labcode/data/tenth.npz, the images that ship with the package, from the full MNIST set.

Run once: `python -m labcode fetch`, then `python tools/make_tenth.py`. Where the full set is present,
tests/data/test_mnist.py checks that this recipe still gives the file's contents.
"""

import io

import numpy as np
from command import one_sentence

from labcode.data import draw_tenth, read_full
from labcode.data.mnist import TENTH_FILE
from labcode.files import write_whole


@one_sentence()
def main() -> None:
    training, test = read_full()
    tenth = draw_tenth(training)
    data = io.BytesIO()
    np.savez_compressed(
        data,
        train_pixels=tenth.pixels,
        train_labels=tenth.labels,
        test_pixels=test.pixels,
        test_labels=test.labels,
    )
    write_whole(TENTH_FILE, data.getvalue())
    print(f"{TENTH_FILE.name}: {TENTH_FILE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
