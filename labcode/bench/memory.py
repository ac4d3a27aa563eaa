"""How much memory a run takes, measured in a process of its own: ``python -m labcode bench --memory``."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from labcode.data.mnist import load
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.study.experiment import Experiment
from labcode.study.lab.final_model import FINAL
from labcode.training.loop import train

T = TypeVar("T")

KINDS: dict[str, Mapping[str, Any]] = {"baseline": {}, "baseline, all images": {"scale": "full"}, "final model": FINAL}
"""What is measured, as settings that differ from the baseline's."""


def peak_megabytes(settings: Mapping[str, Any]) -> float:
    """Return the largest resident memory, in megabytes, of a process that trains the baseline with ``settings``.

    Linux only.

    Raises
    ------
    ValueError : there is no such setting.
    RuntimeError : the process died.

    >>> peak_megabytes({})  # doctest: +SKIP
    697.1
    """
    return round(in_new_process(_train_and_measure, Experiment(seed=0).vary(**settings)) / 1e6, 1)


def in_new_process(function: Callable[..., T], *arguments: object) -> T:
    """Call ``function`` in a fresh process, since the peak of a process never falls; return or raise what it does.

    Raises
    ------
    RuntimeError : the process died.

    >>> in_new_process(max, 1, 2)
    2
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def _train_and_measure(experiment: Experiment) -> int:
    """Train for an epoch of a few images, with all of them loaded, which are what grows; return the peak in bytes."""
    mnist = load(experiment.scale, experiment.seed)
    net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
    recipe = experiment.vary(epochs=1, measured_every=1).recipe
    train(net, mnist.first(max(100, recipe.batch_size), 100), recipe, experiment.seed, progress=False)
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))  # "VmHWM:  680000 kB"
    return int(line.split()[1]) * 1024


def main() -> None:
    """Measure the baseline, the baseline on all images and the final model, and print them as JSON."""
    print(json.dumps({name: peak_megabytes(settings) for name, settings in KINDS.items()}, indent=1))
