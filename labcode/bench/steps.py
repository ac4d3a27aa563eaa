"""What one training step costs on this machine: ours, other people's, and the floor that matrix products set.

Printed by ``python -m labcode bench``. The engines take turns in many short rounds, so that a busy moment of the
machine meets all of them; medians are reported.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

import torch
from tqdm import tqdm

from labcode.bench import peers
from labcode.bench.profile import profile
from labcode.data.mnist import Images, load
from labcode.machine import processor
from labcode.network.backprop import parameter_matrices
from labcode.network.config import FINAL_MODEL, ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.network.manual_layers import Convolution, UnfoldedConvolution
from labcode.seeds import stream
from labcode.training.engines import ENGINES, ConjugateGradientSteps, HandSteps
from labcode.training.evaluation import one_thread
from labcode.training.loop import minibatches
from labcode.training.recipe import Recipe

NETS = {"final": FINAL_MODEL, "baseline": ConvNetConfig()}
BATCH_SIZES = (1, 16, 64)
LEARNING_RATE = 1e-3
ROUNDS = 9
SECONDS_A_TURN = 0.2
PROFILE_STEPS = 300
IMAGE_COUNTS = (1, 2, 4, 8, 16)
PRODUCT_SIZES = (256, 512, 1024, 2048)

Steps = Iterator[float]
"""Every ``next`` takes one training step and yields its loss."""


def own_steps(make: Callable, net: ConvNet, images: Images, batch_size: int, learning_rate: float) -> Steps:
    """Take the steps of `labcode.training.train`, endlessly, with one of its engines.

    Parameters
    ----------
    make : the engine, such as `labcode.training.AutogradSteps`.
    net, images, batch_size, learning_rate : as in `labcode.training.loop`.

    >>> net = ConvNet(ConvNetConfig(width=2, hidden=4), stream(0, "initial weights"))
    >>> losses = own_steps(ENGINES["hand"], net, load("tenth", seed=0).train[:8], batch_size=2, learning_rate=0.01)
    >>> 1 < next(losses) < 4
    True
    """
    steps = make(net, learning_rate)
    orders, masks = stream(0, "order of images"), stream(0, "dropout")
    while True:
        for batch, drawn in minibatches(net, images, batch_size, orders, masks):
            if len(batch) == batch_size:
                yield steps.step(batch, drawn)[0]


@dataclass(frozen=True)
class Row:
    """One engine on one network at one batch size.

    Attributes
    ----------
    net, batch, engine : what was measured.
    ms : median milliseconds a step over the rounds; ``fastest`` and ``slowest`` are its extremes.
    ratio_to_idiomatic : how many times as fast as the idiomatic loop, median over the rounds.
    fraction_of_floor : the floor's milliseconds over ``ms``: 1 would be nothing but matrix products at their peak.
    """

    net: str
    batch: int
    engine: str
    ms: float
    fastest: float
    slowest: float
    ratio_to_idiomatic: float
    fraction_of_floor: float


def step_multiply_adds(config: ConvNetConfig, batch_size: int) -> int:
    """Count the multiply-adds of one training step in convolutions and linear layers.

    Each layer's forward product has two gradients of the same size; the images need none, so the first has one.

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
    best = min(_seconds(lambda: torch.mm(a, b, out=out)) for _ in range(5 if size < 2048 else 2))
    return 2 * size**3 / best / 1e9


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def take_turns(engines: dict[str, Steps], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time the engines in turns and return each one's milliseconds a step, round by round.

    The order moves on by one each round. A first turn of at least two steps warms up and sets how many steps fill
    ``seconds``.

    >>> times = take_turns({"a": iter(lambda: 0.5, None)}, rounds=3, seconds=0.001)
    >>> len(times["a"])
    3
    """
    counts = {}
    for name, steps in engines.items():
        next(steps), next(steps)
        counts[name] = max(1, round(seconds / _seconds(partial(next, steps))))
    names = list(engines)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            steps, count = engines[name], counts[name]
            elapsed = _seconds(partial(list, islice(steps, count)))
            times[name].append(1e3 * elapsed / count)
    return times


def measure(nets: dict[str, ConvNetConfig], batch_sizes: tuple[int, ...], rounds: int, seconds: float) -> dict:
    """Measure every engine on every network and batch size; return what ``--json`` prints.

    Parameters
    ----------
    nets : networks by name.
    batch_sizes : of the steps.
    rounds : turns of each engine.
    seconds : length of a turn, about.

    >>> sorted(measure({"baseline": ConvNetConfig()}, (1,), rounds=1, seconds=0.1))  # doctest: +SKIP
    ['floor', 'machine', 'profile', 'rows']
    """
    images = load("tenth", seed=0).train
    timings, peak = {}, dict.fromkeys(PRODUCT_SIZES, 0.0)
    names = [*ENGINES, *peers.available()]
    cases = [(net, batch) for net in nets for batch in batch_sizes]
    with one_thread(), tqdm(total=len(cases), unit="case", desc="measuring") as bar:
        for net, batch in cases:
            # Seen again in each case: the best of the whole run is the machine's peak, not that of one busy moment.
            for size in PRODUCT_SIZES:
                peak[size] = max(peak[size], time_product(size))
            engines = {name: _engine(name, nets[net], images, batch) for name in names}
            timings[net, batch] = take_turns(engines, rounds, seconds)
            bar.update()
        profiles = {name: profile(config, images, PROFILE_STEPS) for name, config in nets.items()}
    best = max(peak.values())
    rows = [
        row
        for (net, batch), times in timings.items()
        for row in _rows(net, batch, times, _floor_ms(nets[net], batch, best))
    ]
    return {
        "machine": machine()
        | {"peak_gflops": best, "gflops_by_size": {str(size): value for size, value in peak.items()}},
        "floor": [
            {
                "net": net,
                "batch": batch,
                "multiply_adds": step_multiply_adds(nets[net], batch),
                "ms": _floor_ms(nets[net], batch, best),
            }
            for net, batch in cases
        ],
        "rows": [asdict(row) for row in rows],
        "profile": profiles,
    }


def gradient_ms(config: ConvNetConfig, images: Images, rounds: int, steps: int) -> dict[str, float]:
    """Return the milliseconds that a gradient takes, by optimizer: its share of whatever else a step does included.

    The batch size is 1. A step of gradient descent takes one gradient; conjugate gradient chooses how many, and between
    them goes through all weights.

    Parameters
    ----------
    config, images : of the network that is trained, from its initial weights.
    rounds, steps : turns of each optimizer, and steps in a turn; the median over the turns is returned.

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
    with one_thread():
        for turn in tqdm(range(rounds + 1), unit="turn", desc="measuring"):
            for name, optimizer in optimizers.items():
                before = engines[name].computed
                places = torch.randint(len(images), (steps,), generator=stream(turn, "order of images"))
                batches = [images[place] for place in places.split(1)]
                elapsed = _seconds(partial(_take, optimizer, batches))
                if turn:  # the first one warms up
                    times[name].append(1e3 * elapsed / (engines[name].computed - before))
    return {name: round(statistics.median(ms), 3) for name, ms in times.items()}


def convolution_ms(
    config: ConvNetConfig, counts: Iterable[int], rounds: int, seconds: float
) -> dict[int, dict[str, float]]:
    """Return the milliseconds of a network's convolutions, forward and backward, by how many images, and by which way.

    ``kernels`` are the framework's for convolutions, ``products`` its matrix products over windows side by side; which
    way is taken, `labcode.network.backprop.kernels_from` says.

    Parameters
    ----------
    config : of the network.
    counts : of images at a time.
    rounds, seconds : as in `take_turns`; the median over the rounds is returned.

    >>> measured = convolution_ms(ConvNetConfig(width=2), counts=(1,), rounds=1, seconds=0.001)
    >>> sorted(measured[1])
    ['kernels', 'products']
    """
    ways = {"kernels": Convolution, "products": UnfoldedConvolution}
    found = {}
    with one_thread():
        for count in tqdm(list(counts), unit="count", desc="measuring"):
            times = take_turns({way: _convolve(kind, config, count) for way, kind in ways.items()}, rounds, seconds)
            found[count] = {way: round(statistics.median(ms), 3) for way, ms in times.items()}
    return found


@torch.no_grad()
def _convolve(kind: type[Convolution], config: ConvNetConfig, count: int) -> Steps:
    """Go forward and backward through the convolutions of a network, endlessly, on numbers drawn at random."""
    draws = stream(0, "maps")
    layers = []
    for shape, (weight, bias) in zip(config.shapes, parameter_matrices(ConvNet(config, draws)), strict=False):
        layer = kind(weight, bias, count, shape.input, config.filter, config.padding)
        x = torch.randn(count * shape.input**2, weight.shape[1] // config.filter**2, generator=draws)
        g = torch.randn(count * shape.convolved**2, config.width, generator=draws)
        layers.append((layer, x, g, (torch.zeros_like(weight), torch.zeros_like(bias))))
    while True:
        for number, (layer, x, g, target) in enumerate(layers):
            layer.forward(x)
            layer.backward(g, target, 1.0, wanted=number > 0)
        yield 0.0


def _take(optimizer: HandSteps | ConjugateGradientSteps, batches: list[Images]) -> None:
    for batch in batches:
        optimizer.step(batch, None)


def _engine(name: str, config: ConvNetConfig, images: Images, batch_size: int) -> Steps:
    net = ConvNet(config, stream(0, "initial weights"))
    if name in ENGINES:
        return own_steps(ENGINES[name], net, images, batch_size, LEARNING_RATE)
    return getattr(peers, name)(net, images, batch_size, LEARNING_RATE)


def _floor_ms(config: ConvNetConfig, batch_size: int, peak_gflops: float) -> float:
    return 2 * step_multiply_adds(config, batch_size) / (peak_gflops * 1e6)


def _rows(net: str, batch: int, times: dict[str, list[float]], floor: float) -> list[Row]:
    rows = []
    for engine, ms in times.items():
        ratios = [theirs / mine for theirs, mine in zip(times["idiomatic"], ms, strict=True)]
        median = statistics.median(ms)
        rows.append(
            Row(
                net,
                batch,
                engine,
                median,
                min(ms),
                max(ms),
                statistics.median(ratios),
                fraction_of_floor=floor / median,
            )
        )
    return rows


def machine() -> dict:
    """Return what a measurement depends on: the processor, the system, the versions, and the date.

    >>> sorted(machine())
    ['cores', 'date', 'processor', 'python', 'system', 'threads', 'versions']
    """
    versions = {}
    for package in ("torch", "jax", "tensorflow", "tensorflow-cpu"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def table(measured: dict) -> str:
    """Lay the measurements out for a reader: a line an engine, the floor of each case, then the profiles.

    >>> row = asdict(Row("final", 1, "hand", 2.5, 2.4, 2.6, ratio_to_idiomatic=2.0, fraction_of_floor=0.76))
    >>> floor = {"net": "final", "batch": 1, "ms": 1.9}
    >>> kind = {"processor": "AMD EPYC", "peak_gflops": 113.9}
    >>> print(table({"machine": kind, "floor": [floor], "rows": [row], "profile": {}}))
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


def main(as_json: bool) -> int:
    """Measure everything and print it, as a table or as JSON; return the exit code."""
    _keep_to_one_core()
    measured = measure(NETS, BATCH_SIZES, ROUNDS, SECONDS_A_TURN)
    print(json.dumps(measured, indent=1) if as_json else table(measured))
    return 0


def _keep_to_one_core() -> None:
    """Hold every framework to one core: each has thread pools of its own, and settings to tame them differ."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
