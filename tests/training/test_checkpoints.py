"""Checkpoints: a training killed at any moment resumes, and ends as if it had not been killed."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from labcode.data import load
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.study import Experiment
from labcode.study import run as runs
from labcode.study.sweep import UNFINISHED, run_missing
from labcode.training import CheckpointError, Recipe, checkpoints, minibatches, train
from labcode.training.numerics import NUMERICS

NET = ConvNetConfig(width=2, hidden=4, dropout=(0.5, 0.25, 0.5))
RECIPE = Recipe(learning_rate=0.01, batch_size=7, epochs=3)


@pytest.fixture(scope="module")
def mnist():
    return load("tenth", seed=0).first(150, 60)


def run(mnist, checkpoint=None, recipe=RECIPE, **settings):
    net = ConvNet(NET, stream(0, "initial weights"))
    history = train(net, mnist, recipe, seed=0, progress=False, checkpoint=checkpoint, **settings)
    return net, history


def assert_same(first, second):
    (net, history), (other_net, other_history) = first, second
    untimed = {"seconds": (), "total_seconds": 0}  # processor time is the one thing that differs
    assert replace(history, **untimed) == replace(other_history, **untimed)
    assert all(map(torch.equal, net.parameters(), other_net.parameters()))


# Forks trainings from a process that has everything loaded. Ten kill themselves, each after a random number of events
# (a minibatch is taken, a checkpoint is flushed to the disk, it takes its name); the eleventh ends.
KILLER = textwrap.dedent(
    """
    import json, os, random, signal, sys
    from pathlib import Path
    import torch
    from labcode.data import load
    from labcode.network import ConvNet, ConvNetConfig
    from labcode.seeds import stream
    from labcode.training import Recipe, loop, train

    torch.set_num_threads(1)
    mnist = load("tenth", seed=0).first(150, 60)
    folder, epochs = Path(sys.argv[1]), 24

    def kill_after(events):
        def counted(act):
            def counting(*arguments):
                nonlocal events
                events -= 1
                if events == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return act(*arguments)
            return counting
        loop.take, os.fsync, os.replace = counted(loop.take), counted(os.fsync), counted(os.replace)

    def training(name, events=0):
        pid = os.fork()
        if pid == 0:
            kill_after(events)
            net = ConvNet(ConvNetConfig(width=2, hidden=4, dropout=(0.5, 0.25, 0.5)), stream(0, "initial weights"))
            recipe = Recipe(learning_rate=0.01, epochs=epochs)
            history = train(net, mnist, recipe, seed=0, progress=False, checkpoint=folder / f"{name}.safetensors")
            weights = [p.tolist() for p in net.parameters()]
            curves = [history.online.errors, history.train.errors, history.validation.errors]
            (folder / f"{name}.json").write_text(json.dumps([curves, weights]))
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    training("whole")
    random.seed(int(sys.argv[2]))
    # An epoch has 150 minibatches and two events of its checkpoint: ten kills come before the 24 epochs are over.
    killed = [training("killed", random.randint(1, 330)) for _ in range(10)]
    training("killed")
    print(sum(map(os.WIFSIGNALED, killed)))
    """
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_ten_kills_in_a_row_do_not_change_the_result(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), "0"], capture_output=True, text=True, timeout=300, check=True
    )
    assert int(done.stdout) == 10
    whole, killed = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "killed"))
    assert [len(curve) for curve in whole[0]] == [24] * 3
    assert killed == whole


@pytest.mark.parametrize("engine", ["hand", "autograd"])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_interrupted_while_writing_resumes(mnist, tmp_path, monkeypatch, engine, epoch):
    """Each epoch's write is interrupted in turn."""
    path, writes, replace_file = tmp_path / "c.safetensors", 0, os.replace

    class PowerCutError(Exception):
        pass

    def interrupt(source, target):
        nonlocal writes
        writes += 1
        if writes == epoch:
            raise PowerCutError
        replace_file(source, target)

    monkeypatch.setattr("labcode.files.os.replace", interrupt)
    with pytest.raises(PowerCutError):
        run(mnist, path, engine=engine)
    monkeypatch.undo()
    assert path.exists() == (epoch > 1)
    assert_same(run(mnist, path, engine=engine), run(mnist, engine=engine))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_finished_training_is_not_repeated(mnist, tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    first = run(mnist, path)
    monkeypatch.setattr("labcode.training.loop.minibatches", lambda *_: pytest.fail("it trained"))
    second = run(mnist, path)
    assert_same(first, second)
    with safe_open(path, framework="pt") as file:
        spent = json.loads(file.metadata()["progress"])["total_seconds"]
    assert second[1].total_seconds == pytest.approx(spent, abs=0.1)  # the file keeps the time as well
    assert spent > 0


def test_the_file_holds_the_weights(mnist, tmp_path):
    path = tmp_path / "c.safetensors"
    net, _ = run(mnist, path)
    tensors = load_file(path)
    for name, parameter in net.named_parameters():
        assert torch.equal(tensors[f"weights/{name}"], parameter)


@pytest.mark.parametrize(
    "change",
    [
        lambda net, mnist, settings: settings | {"seed": 1},
        lambda net, mnist, settings: settings | {"engine": "autograd"},
        lambda net, mnist, settings: settings | {"recipe": Recipe(learning_rate=0.02, batch_size=7, epochs=3)},
        lambda net, mnist, settings: settings | {"net": ConvNet(replace(NET, activation="relu"), stream(0, "w"))},
        lambda net, mnist, settings: settings | {"mnist": load("tenth", seed=1).first(150, 60)},
    ],
    ids=["seed", "engine", "recipe", "network", "data"],
)
def test_a_checkpoint_of_another_training_is_refused(mnist, tmp_path, change):
    path = tmp_path / "c.safetensors"
    net, _ = run(mnist, path)
    settings = {"net": net, "mnist": mnist, "recipe": RECIPE, "seed": 0, "progress": False, "checkpoint": path}
    with pytest.raises(CheckpointError, match=r"c\.safetensors is of another training"):
        train(**change(net, mnist, settings))


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_a_damaged_checkpoint_is_refused(mnist, tmp_path, keep):
    path = tmp_path / "c.safetensors"
    run(mnist, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"c\.safetensors is damaged"):
        run(mnist, path)


def test_a_malicious_pickle_is_refused_unopened(mnist, malicious):
    file, made = malicious
    with pytest.raises(CheckpointError, match="malicious is damaged"):
        run(mnist, file)
    assert not made.exists()


def test_a_training_without_a_checkpoint_writes_nothing(mnist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(mnist)
    assert list(tmp_path.iterdir()) == []


def test_a_recorded_run_resumes_from_its_checkpoint_and_deletes_it(mnist, tmp_path, monkeypatch):
    experiment = Experiment(seed=0, network=NET, recipe=RECIPE)
    monkeypatch.setattr(runs, "_load", lambda *_: mnist)
    whole = runs.run(experiment, progress=False).record
    epochs = 0

    def killed_in_the_last_epoch(*arguments):
        nonlocal epochs
        epochs += 1
        if epochs == RECIPE.epochs:
            raise KeyboardInterrupt
        return minibatches(*arguments)

    monkeypatch.setattr("labcode.training.loop.minibatches", killed_in_the_last_epoch)
    with pytest.raises(KeyboardInterrupt):
        list(run_missing([experiment], tmp_path, workers=1))
    assert [file.name for file in (tmp_path / UNFINISHED).iterdir()] == [
        f"{experiment.name}.numerics-{NUMERICS}.safetensors"
    ]
    epochs = RECIPE.epochs + 1
    (record,) = run_missing([experiment], tmp_path, workers=1)
    assert epochs == RECIPE.epochs + 2  # one epoch was left to train
    assert record.test == whole.test
    assert record.history.validation == whole.history.validation
    assert list((tmp_path / UNFINISHED).iterdir()) == []


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(batch_size=50, epochs=3, optimizer="cg"),
        Recipe(learning_rate=0.01, batch_size=7, epochs=3, decay="cosine"),
        Recipe(learning_rate=0.5, epochs=3, choice="best"),  # too large a rate: the first epoch is the best
        Recipe(learning_rate=0.01, batch_size=7, epochs=6, measured_every=3),
    ],
    ids=lambda recipe: f"{recipe.optimizer}, {recipe.decay}, {recipe.choice}, {recipe.measured_every}",
)
def test_every_kind_of_training_resumes(mnist, tmp_path, monkeypatch, recipe):
    path = tmp_path / "c.safetensors"
    whole = run(mnist, recipe=recipe)
    monkeypatch.setattr(checkpoints.Checkpoint, "save", _then_raise(checkpoints.Checkpoint.save))
    with pytest.raises(KeyboardInterrupt):
        run(mnist, path, recipe)
    monkeypatch.undo()
    assert_same(run(mnist, path, recipe), whole)


def _then_raise(save):
    def saved_and_killed(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    return saved_and_killed
