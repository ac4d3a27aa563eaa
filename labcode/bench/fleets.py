"""What a step costs where many runs go in lockstep on a GPU: fleets, other ways to train, and a floor.

Printed by ``python -m labcode bench --device cuda``. ``tools/gpu_check.py`` measures other people's ways beside them.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn

from labcode.bench.idiomatic import idiomatic_net
from labcode.machine import device_name, fixed_settings, require_device
from labcode.network.config import FINAL_MODEL, ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.fleet_dropout import FleetDropout
from labcode.training.fleet_graph import Steps
from labcode.training.fleet_network import Fleet

STEPS = 32
"""Steps of each run, of one image each, that are timed as one."""

RATE = 1e-4

NETS = {"baseline": (ConvNetConfig(), (64, 256)), "final": (FINAL_MODEL, (16, 64))}
"""The networks, and the numbers of runs in their fleets."""

TOY_NETS = {name: (replace(config, width=2, hidden=4), (2,)) for name, (config, _) in NETS.items()}
"""The same, so small that a CPU measures them in seconds."""

Way = Callable[[ConvNetConfig, int, str], Callable[[], object]]
"""From a network, a number of runs and a device to a function that takes `STEPS` steps of each run."""


def digits(runs: int, device: str) -> tuple[Tensor, Tensor]:
    """Return random images (R, STEPS, 32, 32, 1) and labels (R, STEPS)."""
    draws = stream(0, "digits")
    pixels = torch.randn(runs, STEPS, 32, 32, 1, generator=draws)
    return pixels.to(device), torch.randint(10, (runs, STEPS), generator=draws).to(device)


def fleet(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """All runs in one fleet, as `labcode.training.train_fleet` trains them."""
    nets = [ConvNet(config, stream(0, "initial weights"))] * runs
    dropout = FleetDropout(nets, range(runs), device)
    steps = Steps(Fleet(nets, device), *digits(runs, device), dropout, batch_size=1)
    places = torch.arange(STEPS, device=device).expand(runs, STEPS)
    rates = torch.full((runs, STEPS), RATE, device=device)
    bits = dropout.draw(cycle([STEPS]))
    return lambda: steps.take(places, rates, next(bits))


def two_fleets(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """Two fleets of half the runs side by side, each in a thread with a stream of its own."""
    halves = []
    for size in (runs // 2, runs - runs // 2):
        own = torch.cuda.stream(torch.cuda.Stream()) if device == "cuda" else nullcontext()
        with own:
            act = fleet(config, size, device)
            act()  # captures its graph, which two threads must not do at once
        halves.append((act, own))

    def take(half: tuple[Callable[[], object], Any]) -> None:
        act, own = half
        with own:
            act()

    pool = ThreadPoolExecutor(2)
    return lambda: list(pool.map(take, halves))


def idiomatic(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """A run as a tutorial trains it; the runs go one after another."""
    net = idiomatic_net(ConvNet(config, stream(0, "initial weights"))).to(device)
    optimizer, (pixels, labels) = torch.optim.SGD(net.parameters(), lr=RATE), digits(1, device)
    images = pixels[0].movedim(3, 1)

    def act() -> None:
        for i in range(STEPS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[i : i + 1]), labels[0, i : i + 1]).backward()
            optimizer.step()

    return act


ONE_AFTER_ANOTHER: dict[str, Way] = {
    "one run, idiomatic": idiomatic,
    "one run in a CUDA graph": fleet,
}
"""Ways that are measured with one run at a time."""


def microseconds(act: Callable[[], object], runs: int, device: str, rounds: int = 5) -> float:
    """Return the microseconds that a step takes per run, the median over some rounds after a warm-up.

    >>> microseconds(lambda: None, runs=2, device="cpu") < 100
    True
    """
    act(), act()
    measured = []
    for _ in range(rounds):
        began = _clock(device)
        times = 0
        while not times or (_clock(device) - began < 0.2 and times < 10):
            act()
            times += 1
        measured.append(1e6 * (_clock(device) - began) / (times * STEPS * runs))
    return statistics.median(measured)


def _clock(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def card(device: str, size: int = 8192) -> dict[str, Any]:
    """Return the device's name, and how fast it copies memory and multiplies matrices in single precision.

    >>> sorted(card("cpu", size=64))
    ['card', 'copied TB/s', 'float32 TFLOP/s', 'torch']
    """
    matrix = torch.randn(size, size, device=device)
    other, product = torch.empty_like(matrix), torch.empty_like(matrix)
    copied, multiplied = (
        1e-6 * STEPS * microseconds(act, 1, device, rounds=20)
        for act in (lambda: other.copy_(matrix), lambda: torch.mm(matrix, matrix, out=product))
    )
    return {
        "card": device_name(device),
        "torch": torch.__version__,
        "copied TB/s": round(2 * matrix.nbytes / copied / 1e12, 4),
        "float32 TFLOP/s": round(2 * size**3 / multiplied / 1e12, 4),
    }


def floor(config: ConvNetConfig, measured: Mapping[str, Any]) -> float:
    """Return the least microseconds of a step with one image: of its bytes or of its products.

    Each weight is read twice and written once; a product forward has two backward.

    >>> round(floor(ConvNetConfig(), {"copied TB/s": 3.71, "float32 TFLOP/s": 50.9}), 2)
    1.38
    """
    copying = 12 * config.parameters / measured["copied TB/s"]
    multiplying = 6 * config.multiply_adds / measured["float32 TFLOP/s"]
    return max(copying, multiplying) / 1e6


def measure(
    device: str,
    nets: Mapping[str, tuple[ConvNetConfig, Sequence[int]]],
    machine: Mapping[str, Any],
    ways: Mapping[str, Way] | None = None,
    until: float = float("inf"),
) -> dict[str, dict[str, Any]]:
    """Measure fleets of each network, and the other ways with as many runs as its smallest fleet.

    Parameters
    ----------
    device : ``"cpu"`` or ``"cuda"``.
    nets : networks and numbers of runs, by name.
    machine : from `card`.
    ways : other ways than those of this module, by name.
    until : value of ``time.monotonic`` after which nothing more is measured.

    Returns
    -------
    found : by network and runs, microseconds per image and run. A way that cannot run leaves its error as a sentence.

    >>> found = measure("cpu", {"tiny": (ConvNetConfig(width=1, hidden=2), (2,))}, card("cpu", size=64))
    >>> list(found), sorted(found["tiny, 2 runs"])
    (['tiny, 2 runs', 'tiny, peers'], ['fleet', 'floor us', 'share of the floor', 'two fleets'])
    """

    def attempt(way: Way, config: ConvNetConfig, runs: int) -> float | str:
        if time.monotonic() > until:
            return "no time left"
        try:
            return round(microseconds(way(config, runs, device), runs, device), 3)
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:300]}"
        finally:
            if device == "cuda":
                torch.cuda.empty_cache()

    found: dict[str, dict[str, Any]] = {}
    with fixed_settings():
        for name, (config, sizes) in nets.items():
            least = floor(config, machine)
            for runs in sizes:
                us, halved = attempt(fleet, config, runs), attempt(two_fleets, config, runs)
                row = found[f"{name}, {runs} runs"] = {"fleet": us, "two fleets": halved, "floor us": round(least, 3)}
                if isinstance(us, float):
                    row["share of the floor"] = round(least / us, 3)
            alone = {label: attempt(way, config, 1) for label, way in ONE_AFTER_ANOTHER.items()}
            together = {label: attempt(way, config, sizes[0]) for label, way in (ways or {}).items()}
            found[f"{name}, peers"] = alone | together
    return found


def main(device: str, as_json: bool) -> None:
    """Measure fleets and print the result, as a table or as JSON."""
    require_device(device)
    toy = device == "cpu"
    machine = card(device, size=256 if toy else 8192)
    found = measure(device, TOY_NETS if toy else NETS, machine)
    if as_json:
        print(json.dumps({"machine": machine, "bench": found}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    for name, row in found.items():
        for way, us in row.items():
            print(f"{name:22}{way:26}{us}")
