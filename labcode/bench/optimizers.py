"""What one minibatch gradient costs within a step of each optimizer: ``python -m labcode bench --optimizers``."""

import json
import statistics
from collections.abc import Iterable
from functools import partial

import torch
from tqdm import tqdm

from labcode.bench.timing import ROUNDS, seconds_of
from labcode.data.mnist import Images, load
from labcode.machine import fixed_settings, processor
from labcode.network.config import ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.engines import ConjugateGradientSteps, HandSteps
from labcode.training.recipe import Recipe

LEARNING_RATE = 1e-3


def gradient_ms(config: ConvNetConfig, images: Images, rounds: int, steps: int) -> dict[str, float]:
    """Return the milliseconds per gradient, by optimizer, with its share of everything else that a step does.

    The batch size is 1. A step of gradient descent takes one gradient. A step of conjugate gradient takes as many as
    its line searches need, and passes over all weights between them.

    Parameters
    ----------
    config, images : of the network that is trained, from its initial weights.
    rounds, steps : turns of each optimizer, and steps per turn; the median over the turns is returned.

    >>> digits = load("tenth", seed=0).train[:50]
    >>> sorted(gradient_ms(ConvNetConfig(width=2, hidden=4), digits, rounds=1, steps=2))
    ['CG', 'SGD']
    """
    engines = {name: HandSteps(ConvNet(config, stream(0, "initial weights")), LEARNING_RATE) for name in ("SGD", "CG")}
    optimizers: dict[str, HandSteps | ConjugateGradientSteps] = {
        "SGD": engines["SGD"],
        "CG": ConjugateGradientSteps(engines["CG"].hand.net, engines["CG"], Recipe().line_searches),
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    with fixed_settings():
        for turn in tqdm(range(rounds + 1), unit="turn", desc="measuring"):
            for name, optimizer in optimizers.items():
                before = engines[name].computed
                places = torch.randint(len(images), (steps,), generator=stream(turn, "order of images"))
                batches = [images[place] for place in places.split(1)]
                elapsed = seconds_of(partial(_take_steps, optimizer, batches))
                if turn:  # the first turn warms up
                    times[name].append(1e3 * elapsed / (engines[name].computed - before))
    return {name: round(statistics.median(ms), 3) for name, ms in times.items()}


def _take_steps(optimizer: HandSteps | ConjugateGradientSteps, batches: Iterable[Images]) -> None:
    for batch in batches:
        optimizer.step(batch, None)


def main() -> None:
    """Measure the baseline's gradient in each optimizer and print it as JSON."""
    measured = gradient_ms(ConvNetConfig(), load("tenth", seed=0).train, ROUNDS, steps=100)
    print(json.dumps({"processor": processor(), "milliseconds a gradient": measured}, indent=1))
