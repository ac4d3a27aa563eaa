"""Fixtures for several test files: a run that takes a second, its record, and the record's file."""

import os
import pickle

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
