"""What one training step costs on this machine: our engines, an idiomatic PyTorch loop, and matrix products alone.

Printed by ``python -m labcode bench``. ``tools/peers.py`` measures loops of other frameworks beside them.
"""

import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from tqdm import tqdm

from labcode.bench.idiomatic import idiomatic
from labcode.bench.profile import profile
from labcode.bench.timing import ROUNDS, SECONDS_PER_TURN, Steps, machine, seconds_of, take_turns
from labcode.data.mnist import Images, load
from labcode.machine import fixed_settings
from labcode.network.config import FINAL_MODEL, ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.engines import ENGINES
from labcode.training.loop import minibatches

NETS = {"final": FINAL_MODEL, "baseline": ConvNetConfig()}
BATCH_SIZES = (1, 16, 64)
LEARNING_RATE = 1e-3
PROFILE_STEPS = 300
PRODUCT_SIZES = (256, 512, 1024, 2048)

Loop = Callable[[ConvNet, Images, int, float], Steps]
"""From a network, images, a batch size and a learning rate to endless training steps."""


def own_steps(engine: str, net: ConvNet, images: Images, batch_size: int, lr: float) -> Steps:
    """Take the steps of `labcode.training.train`, endlessly.

    Parameters
    ----------
    engine : "hand" or "autograd", as in `labcode.training.train`.
    net, images, batch_size, lr : a last minibatch with fewer images is left out.

    >>> net = ConvNet(ConvNetConfig(width=2, hidden=4), stream(0, "initial weights"))
    >>> losses = own_steps("hand", net, load("tenth", seed=0).train[:8], batch_size=2, lr=0.01)
    >>> 1 < next(losses) < 4
    True
    """
    steps = ENGINES[engine](net, lr)
    orders, masks = stream(0, "order of images"), stream(0, "dropout")
    while True:
        for batch, drawn in minibatches(net, images, batch_size, orders, masks):
            if len(batch) == batch_size:
                yield steps.step(batch, drawn)[0]


LOOPS: dict[str, Loop] = {name: partial(own_steps, name) for name in ENGINES} | {"idiomatic": idiomatic}
"""What is measured by default."""


def step_multiply_adds(config: ConvNetConfig, batch_size: int) -> int:
    """Count the multiply-adds of one training step in convolutions and linear layers.

    Each layer's forward product has two gradients of the same size; the first layer has one, as the images need none.

    >>> round(2 * step_multiply_adds(FINAL_MODEL, 1) / 1e6)
    212
    """
    first = config.width * config.filter**2 * config.shapes[0].convolved ** 2
    return batch_size * (3 * config.multiply_adds - first)


def time_product(size: int) -> float:
    """Return the GFLOP/s of one float32 product of two (size, size) matrices, the best of a few.

    >>> time_product(64) > 0
    True
    >>> round(time_product(1024))  # doctest: +SKIP
    113
    """
    a = torch.randn(size, size, generator=stream(0, "left factor"))
    b = torch.randn(size, size, generator=stream(0, "right factor"))
    out = torch.empty(size, size)
    best = min(seconds_of(lambda: torch.mm(a, b, out=out)) for _ in range(5 if size < 2048 else 2))
    return 2 * size**3 / best / 1e9


def measure(
    nets: Mapping[str, ConvNetConfig],
    batch_sizes: Sequence[int],
    rounds: int,
    seconds: float,
    loops: Mapping[str, Loop] = LOOPS,
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure every loop on every network and batch size; return what ``--json`` prints.

    Its "rows" have the median milliseconds per step over the rounds ("ms", with "fastest" and "slowest"), how many
    times as fast as the idiomatic loop ("ratio_to_idiomatic"), and the floor's milliseconds over "ms"
    ("fraction_of_floor": 1 would be matrix products at their peak and nothing else).

    Parameters
    ----------
    nets : networks by name.
    batch_sizes : of the steps.
    rounds, seconds : as in `labcode.bench.timing.take_turns`.
    loops : by name; one must be "idiomatic".
    packages : as in `labcode.bench.timing.machine`.

    >>> sorted(measure({"baseline": ConvNetConfig()}, (1,), rounds=1, seconds=0.1))  # doctest: +SKIP
    ['floor', 'machine', 'profile', 'rows']
    """
    images = load("tenth", seed=0).train
    timings, peak = {}, dict.fromkeys(PRODUCT_SIZES, 0.0)
    cases = [(net, batch) for net in nets for batch in batch_sizes]
    with fixed_settings(), tqdm(total=len(cases), unit="case", desc="measuring") as bar:
        for net, batch in cases:
            # Timed again in each case: the best of the whole run is the machine's peak, not that of one busy moment.
            for size in PRODUCT_SIZES:
                peak[size] = max(peak[size], time_product(size))
            started = {
                name: loop(ConvNet(nets[net], stream(0, "initial weights")), images, batch, LEARNING_RATE)
                for name, loop in loops.items()
            }
            timings[net, batch] = take_turns(started, rounds, seconds)
            bar.update()
        profiles = {name: profile(config, images, PROFILE_STEPS) for name, config in nets.items()}
    best = max(peak.values())
    multiply_adds = {(net, batch): step_multiply_adds(nets[net], batch) for net, batch in cases}
    floors = {case: 2 * count / (best * 1e6) for case, count in multiply_adds.items()}
    return {
        "machine": machine(*packages)
        | {"peak_gflops": best, "gflops_by_size": {str(size): value for size, value in peak.items()}},
        "floor": [
            {"net": net, "batch": batch, "multiply_adds": multiply_adds[net, batch], "ms": floors[net, batch]}
            for net, batch in cases
        ],
        "rows": [
            {"net": net, "batch": batch, "engine": name} | _summary(ms, times["idiomatic"], floors[net, batch])
            for (net, batch), times in timings.items()
            for name, ms in times.items()
        ],
        "profile": profiles,
    }


def _summary(ms: list[float], idiomatic_ms: list[float], floor: float) -> dict[str, float]:
    median = statistics.median(ms)
    return {
        "ms": median,
        "fastest": min(ms),
        "slowest": max(ms),
        "ratio_to_idiomatic": statistics.median(theirs / mine for theirs, mine in zip(idiomatic_ms, ms, strict=True)),
        "fraction_of_floor": floor / median,
    }


def table(measured: Mapping[str, Any]) -> str:
    """Return the measurements as text: one line per engine, the floor of each case, then the profiles.

    >>> row = {"net": "final", "batch": 1, "engine": "hand", "ms": 2.5, "ratio_to_idiomatic": 2.0}
    >>> floor = {"net": "final", "batch": 1, "ms": 1.9}
    >>> kind = {"processor": "AMD EPYC", "peak_gflops": 113.9}
    >>> rows = [row | {"fraction_of_floor": 0.76}]
    >>> print(table({"machine": kind, "floor": [floor], "rows": rows, "profile": {}}))
    AMD EPYC, one thread; matrix products peak at 114 GFLOP/s
    <BLANKLINE>
    net       batch  engine       ms a step  times idiomatic  of the floor
    final         1  hand              2.50             2.00           76%
    final         1  (floor)           1.90
    <BLANKLINE>
    """
    machine = measured["machine"]
    lines = [
        f"{machine['processor']}, one thread; matrix products peak at {machine['peak_gflops']:.0f} GFLOP/s",
        "",
        f"{'net':10}{'batch':>5}  {'engine':12}{'ms a step':>10}{'times idiomatic':>17}{'of the floor':>14}",
    ]
    for floor in measured["floor"]:
        case = (floor["net"], floor["batch"])
        rows = [row for row in measured["rows"] if (row["net"], row["batch"]) == case]
        for row in sorted(rows, key=lambda row: row["ms"]):
            lines.append(
                f"{row['net']:10}{row['batch']:5}  {row['engine']:12}{row['ms']:10.2f}"
                f"{row['ratio_to_idiomatic']:17.2f}{row['fraction_of_floor']:14.0%}"
            )
        lines += [f"{floor['net']:10}{floor['batch']:5}  {'(floor)':12}{floor['ms']:10.2f}", ""]
    for net, parts in measured["profile"].items():
        lines += ["", f"{net}, one image a step, the hand engine:{'forward':>18}{'backward ms':>14}"]
        lines += [f"  {part['part']:46}{part['forward_ms']:10.3f}{part['backward_ms']:14.3f}" for part in parts]
    return "\n".join(lines)


def main(as_json: bool, loops: Mapping[str, Loop] = LOOPS, packages: Sequence[str] = ()) -> None:
    """Measure every loop and print the result, as a table or as JSON."""
    # Frameworks have thread pools of their own, each with its own settings: one core holds them all to one thread.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    measured = measure(NETS, BATCH_SIZES, ROUNDS, SECONDS_PER_TURN, loops, packages)
    print(json.dumps(measured, indent=1) if as_json else table(measured))
