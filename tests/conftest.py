"""Fixtures for several test files: a run that takes a second, its record, and the record's archive."""

import gzip
import os
import pickle
import signal

import pytest

# The tests of the built site, in a folder below, need no PyTorch, so each fixture imports what it needs.


@pytest.fixture(scope="session")
def tiny():
    """The baseline, made so small that it trains in a second."""
    from labcode.study import Experiment

    return Experiment(seed=0).vary(width=1, hidden=4, epochs=1, batch_size=100)


@pytest.fixture(scope="session")
def record(tiny):
    from labcode.study.run import run

    return run(tiny, progress=False).record


@pytest.fixture
def stored(record, tmp_path):
    from labcode.study.records import save

    return save(record, tmp_path)


@pytest.fixture(scope="session")
def stand_in():
    """In place of MNIST's 60 000 training images, which are not on every machine: the embedded 6 000, ten times."""
    import numpy as np

    from labcode.data import RawImages, read_tenth

    training, test = read_tenth()
    return RawImages(np.tile(training.pixels, (10, 1, 1)), np.tile(training.labels, 10)), test


@pytest.fixture
def full_set(stand_in, monkeypatch):
    """Let the full set be read as the stand-in, and return its training and test images."""
    from labcode.data import mnist
    from labcode.study import sweep

    monkeypatch.setattr(mnist, "_full", lambda root: stand_in)
    monkeypatch.setattr(sweep, "require", lambda root: None)
    return stand_in


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C interrupt the test and what it starts: the jobs that a shell runs in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def edit_archive():
    """A function that changes the lines of an archive, as somebody might who unpacks it and packs it again."""

    def edit(path, change):
        lines = change(gzip.decompress(path.read_bytes()).decode().splitlines())
        path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))

    return edit


@pytest.fixture(scope="session")
def forget(edit_archive):
    """A function that takes the record of an experiment out of its archive."""
    from labcode.study.records import path_of

    def forget_record(experiment, folder):
        edit_archive(
            path_of(experiment, folder),
            lambda lines: [line for line in lines if f'"seed": {experiment.seed},' not in line],
        )

    return forget_record


# Digits as a beginner draws them with a mouse: few points, joined by straight lines. Each is 1 high; y points down.
NAIVE_DIGITS = (
    [[(0.3, 0), (0.1, 0.15), (0, 0.5), (0.1, 0.85), (0.3, 1), (0.5, 0.85), (0.6, 0.5), (0.5, 0.15), (0.3, 0)]],
    [[(0.1, 0), (0.1, 1)]],
    [[(0, 0.25), (0.1, 0.05), (0.3, 0), (0.5, 0.08), (0.55, 0.25), (0.45, 0.5), (0, 1), (0.6, 1)]],
    [[(0, 0.1), (0.25, 0), (0.5, 0.1), (0.5, 0.35), (0.2, 0.48), (0.5, 0.6), (0.55, 0.8), (0.3, 1), (0, 0.92)]],
    [[(0.1, 0), (0, 0.55), (0.6, 0.55)], [(0.5, 0), (0.45, 1)]],
    [[(0.55, 0), (0.1, 0), (0.05, 0.45), (0.35, 0.42), (0.55, 0.6), (0.5, 0.88), (0.25, 1), (0, 0.92)]],
    [[(0.45, 0), (0.15, 0.3), (0, 0.7), (0.15, 0.97), (0.4, 1), (0.55, 0.8), (0.45, 0.58), (0.2, 0.6), (0.05, 0.75)]],
    [[(0, 0.03), (0.6, 0), (0.4, 0.4), (0.25, 1)]],
    [
        [
            (0.5, 0.12),
            (0.25, 0),
            (0.05, 0.15),
            (0.1, 0.35),
            (0.45, 0.6),
            (0.55, 0.82),
            (0.3, 1),
            (0.05, 0.85),
            (0.5, 0.12),
        ]
    ],
    [
        [
            (0.5, 0.15),
            (0.25, 0),
            (0.05, 0.15),
            (0.05, 0.38),
            (0.25, 0.48),
            (0.45, 0.35),
            (0.5, 0.15),
            (0.5, 0.5),
            (0.4, 1),
        ]
    ],
)


@pytest.fixture(scope="session")
def naive_drawings():
    """The strokes of 250 drawings, by digit, height in pixels, and place: slanted, turned and with a shaky hand."""
    import numpy as np

    draw, drawings = np.random.default_rng(2015), {}
    for digit, strokes in enumerate(NAIVE_DIGITS):
        for height in (20, 40, 80, 140, 220):
            for place in ((0, 0), (1, 0), (0.5, 0.5), (0, 1), (1, 1)):
                turn, slant, width = draw.normal(0, 0.08), draw.normal(0.05, 0.1), draw.uniform(0.8, 1.2)
                shape = np.array([[width, 0], [-slant, 1]]) @ [
                    [np.cos(turn), -np.sin(turn)],
                    [np.sin(turn), np.cos(turn)],
                ]
                points = [
                    (np.array(stroke) + draw.normal(0, 0.04, (len(stroke), 2))) @ shape * height
                    + draw.normal(0, 1, (len(stroke), 2))
                    for stroke in strokes
                ]
                low, high = (end(np.concatenate(points), axis=0) for end in (np.min, np.max))
                corner = 13 + np.array(place) * np.maximum(254 - (high - low), 0) - low
                drawings[digit, height, place] = [np.round(stroke + corner).tolist() for stroke in points]
    return drawings


@pytest.fixture(params=["pickle", "torch.save"])
def malicious(request, tmp_path):
    """Write a file that makes a folder when it is unpickled; return the file and the folder."""
    import torch

    folder, file = tmp_path / "made by a pickle", tmp_path / "malicious"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(folder),)

    if request.param == "pickle":
        file.write_bytes(pickle.dumps(Trap()))
        pickle.loads(file.read_bytes())
    else:
        torch.save({"weights/output.bias": Trap()}, file)
        torch.load(file, weights_only=False)
    folder.rmdir()  # fails unless unpickling made it
    return file, folder
