"""Check the fleet on a GPU, in one call of under nine minutes: is it right, how fast is it, what would the study cost?

    python tools/gpu_check.py --out FOLDER [--seconds 520] [--toy]

Four steps, each written to FOLDER as JSON as soon as it ends; a step whose file is there is not repeated. What fails in
one step is printed and kept in its file, and the next step begins.

1. machine: the card, its measured speed of copying memory and of single-precision products (without TF32);
2. equality: 8 seeds of four settings, 20 epochs, against the book's records, trained on CPUs;
3. bench: microseconds per image and run, beside other ways to train, and the share of the floor;
4. study: the seconds that 64 seeds of each of the lab's settings take, as many settings as there is time for. The seeds
   are 0 to 63, which decide no claim.

`--toy` does all of it in a minute on a CPU, with tiny networks: the script itself is then tried, not the card.
"""

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from labcode.data import load
from labcode.files import write_whole
from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.study import Experiment
from labcode.study.lab import THE_LABS
from labcode.study.records import read
from labcode.training import train_fleet
from labcode.training.fleet_dropout import FleetDropout
from labcode.training.fleet_graph import Steps
from labcode.training.fleet_network import Fleet

EQUALITY: dict[str, dict[str, Any]] = {
    "baseline": {},
    "dropout in all three places": {"dropout": (0.5, 0.5, 0.5)},
    "batch size 10": {"batch_size": 10},
    "filter 7": {"filter": 7},
}
TOY = {"width": 2, "hidden": 4, "epochs": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=520, help="after which no new part begins (default: 520)")
    parser.add_argument("--steps", nargs="*", default=["machine", "equality", "bench", "study"], metavar="STEP")
    parser.add_argument("--toy", action="store_true", help="on a CPU, with tiny networks")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    check = Check(options.out, options.toy, time.monotonic() + options.seconds)
    for name in options.steps:
        check.run(name)
    return int(check.failed)


class Check:
    """The four steps, with what they share: the device, the folder, the time left."""

    def __init__(self, out: Path, toy: bool, end: float):
        self.out, self.toy, self.end, self.failed = out, toy, end, False
        self.device = "cpu" if toy else "cuda"

    def run(self, name: str) -> None:
        """Do one step, unless its result is there."""
        path = self.out / f"{name}.json"
        if path.exists():
            return
        began = time.monotonic()
        found: dict[str, Any] = {}
        try:
            getattr(self, name)(found)
        except Exception:
            self.failed = True
            found["error"] = traceback.format_exc()
            print(found["error"], flush=True)
        found["seconds"] = round(time.monotonic() - began, 1)
        write_whole(path, json.dumps(found, indent=1))
        print(f"{name}: {json.dumps(found)}", flush=True)

    def left(self) -> float:
        """Seconds until no new part may begin."""
        return self.end - time.monotonic()

    def machine(self, found: dict) -> None:
        size = 256 if self.toy else 8192
        matrix = torch.randn(size, size, device=self.device)
        other, product = torch.empty_like(matrix), torch.empty_like(matrix)
        copied, multiplied = (
            self.milliseconds(act, 3 if self.toy else 20)
            for act in (lambda: other.copy_(matrix), lambda: torch.mm(matrix, matrix, out=product))
        )
        found |= {
            "card": "none" if self.toy else torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "copied TB/s": 2 * matrix.nbytes / copied / 1e9,
            "float32 TFLOP/s": 2 * size**3 / multiplied / 1e9,
        }
        self.floor = found["copied TB/s"] * 1e12, found["float32 TFLOP/s"] * 1e12

    def milliseconds(self, act: Callable[[], Any], times: int) -> float:
        """Return the median time of an action once it is warm."""
        measured = []
        for _ in range(3 + times):
            began = self.clock()
            act()
            measured.append(1e3 * (self.clock() - began))
        return statistics.median(measured[3:])

    def clock(self) -> float:
        if not self.toy:
            torch.cuda.synchronize()
        return time.perf_counter()

    def equality(self, found: dict) -> None:
        for name, settings in EQUALITY.items():
            experiments = [Experiment(seed).vary(**settings, **(TOY if self.toy else {})) for seed in range(8)]
            histories, seconds = self.fleet(experiments)
            found[name] = {"seconds": round(seconds, 1)}
            if self.toy:
                continue
            differences = [
                [
                    mine - theirs
                    for mine, theirs in zip(h.validation.errors, read(e).history.validation.errors, strict=True)
                ]
                for e, h in zip(experiments, histories, strict=True)
            ]
            last = [statistics.mean(row[-3:]) for row in differences]
            found[name] |= {
                "largest difference at the end, images": max(abs(row[-1]) for row in differences),
                "mean difference over the last 3 epochs, images": round(statistics.mean(last), 3),
                "largest difference anywhere, images": max(abs(d) for row in differences for d in row),
                "equal in every epoch": sum(not any(row) for row in differences),
                "differences at the end": [row[-1] for row in differences],
            }
            print(name, found[name], flush=True)

    def fleet(self, experiments: Sequence[Experiment]) -> tuple[list, float]:
        """Train experiments in lockstep; return their histories and the seconds that it took, loading included."""
        began = self.clock()
        images = [load("tenth", e.seed) for e in experiments]
        if self.toy:
            images = [each.first(60, 30) for each in images]
        nets = [ConvNet(e.network, stream(e.seed, "initial weights")) for e in experiments]
        recipes, seeds = [e.recipe for e in experiments], [e.seed for e in experiments]
        histories = train_fleet(nets, images, recipes, seeds, self.device, progress=False)
        return histories, self.clock() - began

    def bench(self, found: dict) -> None:
        if not hasattr(self, "floor"):
            self.machine({})
        networks = {"baseline": (ConvNetConfig(), (64, 256)), "final": (FINAL_MODEL, (16, 64))}
        for name, (config, sizes) in networks.items():
            config = replace(config, **{key: TOY[key] for key in ("width", "hidden")}) if self.toy else config
            for runs in (2,) if self.toy else sizes:
                row = found.setdefault(f"{name}, {runs} runs", {})
                us = self.attempt(row, "fleet", lambda c=config, r=runs: self.fleet_steps(c, r), runs)
                row["floor us"] = round(1e6 * self.least_seconds(config), 3)
                row["share of the floor"] = round(row["floor us"] / us, 3) if us else None
                print(name, runs, row, flush=True)
            peers = found.setdefault(f"{name}, peers", {})
            runs = 2 if self.toy else sizes[0]
            self.attempt(peers, "one run, idiomatic", lambda c=config: self.idiomatic_steps(c), 1)
            self.attempt(peers, "one run in a CUDA graph", lambda c=config: self.fleet_steps(c, 1), 1)
            self.attempt(peers, "torch.func, vmap", lambda c=config, r=runs: self.vmap_steps(c, r), runs)
            self.attempt(peers, "grouped convolution", lambda c=config, r=runs: self.grouped_steps(c, r), runs)
            print(name, peers, flush=True)

    def attempt(self, row: dict, name: str, make: Callable[[], Iterator[int]], runs: int) -> float | None:
        """Time a way to train, in microseconds per image and run; keep the sentence if it cannot."""
        if self.left() < 0:
            row[name] = "no time left"
            return None
        try:
            steps = make()
            images = next(steps)
            next(steps)
            rounds = []
            for _ in range(2 if self.toy else 5):
                began, taken = self.clock(), 0
                while taken < (2 if self.toy else 10):
                    next(steps)
                    taken += 1
                rounds.append(1e6 * (self.clock() - began) / (taken * images * runs))
            row[name] = round(statistics.median(rounds), 3)
            return row[name]
        except Exception as error:
            row[name] = f"{type(error).__name__}: {str(error)[:300]}"
            traceback.print_exc()
            return None
        finally:
            if not self.toy:
                torch.cuda.empty_cache()

    def least_seconds(self, config: ConvNetConfig) -> float:
        """Return the floor of a step at batch size 1: weights read twice and written once, or the products."""
        weights = sum(p.numel() for p in ConvNet(config, torch.Generator()).parameters())
        return max(12 * weights / self.floor[0], 6 * config.multiply_adds / self.floor[1])

    def digits(self, runs: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        draws = stream(0, "digits")
        pixels = torch.randn(runs, count, 32, 32, 1, generator=draws)
        return pixels.to(self.device), torch.randint(10, (runs, count), generator=draws).to(self.device)

    def fleet_steps(self, config: ConvNetConfig, runs: int) -> Iterator[int]:
        """Yield the images of a chunk, then take chunk after chunk of steps."""
        nets = [ConvNet(config, stream(0, "initial weights"))] * runs
        dropout = FleetDropout(nets, range(runs), self.device)
        steps = Steps(Fleet(nets, self.device), *self.digits(runs, 32), dropout, batch_size=1)
        places = torch.arange(32, device=self.device).expand(runs, 32)
        rates = torch.full((runs, 32), 1e-4, device=self.device)
        yield 32
        while True:
            for bits in dropout.draw([32] * 100):
                steps.take(places, rates, bits)
                yield 32

    def idiomatic_steps(self, config: ConvNetConfig) -> Iterator[int]:
        net = ConvNet(config, stream(0, "initial weights")).to(self.device)
        optimizer, (pixels, labels) = torch.optim.SGD(net.parameters(), lr=1e-4), self.digits(1, 32)
        yield 32
        while True:
            for i in range(32):
                optimizer.zero_grad()
                outputs = net(pixels[0, i : i + 1].movedim(3, 1))
                nn.functional.nll_loss(outputs, labels[0, i : i + 1]).backward()
                optimizer.step()
            yield 32

    def vmap_steps(self, config: ConvNetConfig, runs: int) -> Iterator[int]:
        nets = [ConvNet(config, stream(0, "initial weights")).to(self.device) for _ in range(runs)]
        weights, buffers = torch.func.stack_module_state(nets)
        pixels, labels = self.digits(runs, 32)

        def loss(own: dict, fixed: dict, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return nn.functional.nll_loss(torch.func.functional_call(nets[0], (own, fixed), (image,)), label)

        gradient = torch.func.vmap(torch.func.grad(loss))
        if not self.toy:
            gradient = torch.compile(gradient, dynamic=False)
        yield 8
        while True:
            for i in range(8):
                image = pixels[:, i : i + 1].movedim(4, 2).contiguous()
                for name, g in gradient(weights, buffers, image, labels[:, i : i + 1]).items():
                    weights[name].detach().sub_(g, alpha=1e-4)
            yield 8

    def grouped_steps(self, config: ConvNetConfig, runs: int) -> Iterator[int]:
        """R runs as one network: convolutions with a group per run, linear layers as convolutions of size 1."""
        width, side, activation = config.width, config.shapes[-1].pooled, getattr(torch, config.activation)
        channels = [1, *[width] * config.stages]
        convolutions = [nn.Conv2d(runs * a, runs * b, config.filter, groups=runs) for a, b in pairwise(channels)]
        hidden = nn.Conv2d(runs * width, runs * config.hidden, side, groups=runs)
        output = nn.Conv2d(runs * config.hidden, runs * 10, 1, groups=runs)
        net = nn.ModuleList([*convolutions, hidden, output]).to(self.device)
        optimizer, (pixels, labels) = torch.optim.SGD(net.parameters(), lr=1e-4), self.digits(runs, 8)
        yield 8
        while True:
            for i in range(8):
                x = pixels[:, i, :, :, 0][None]
                for convolution, shape in zip(convolutions, config.shapes, strict=True):
                    x = activation(convolution(x))
                    if shape.convolved > 1:
                        x = nn.functional.lp_pool2d(x, config.exponent, config.pool, config.pool_stride)
                logits = output(activation(hidden(x))).view(runs, 10)
                optimizer.zero_grad()
                nn.functional.cross_entropy(logits, labels[:, i], reduction="sum").backward()
                optimizer.step()
            yield 8

    def study(self, found: dict) -> None:
        """Time 64 seeds of each setting, the shortest first, while there is time for another."""
        wanted = {e.name: e for each in THE_LABS for e in each.experiments([0]) if e.recipe.optimizer == "sgd"}
        first = sorted(wanted.values(), key=lambda e: e.multiply_adds)
        found |= {"settings": len(first), "runs per setting": 4 if self.toy else 64, "setting seconds": {}}
        slowest = 0.0
        for experiment in first[:2] if self.toy else first:
            if self.left() < 1.3 * slowest:
                break
            seeds = range(found["runs per setting"])
            runs = [replace(experiment, seed=seed).vary(**(TOY if self.toy else {})) for seed in seeds]
            histories, seconds = self.fleet(runs)
            errors = [100 * h.validation.errors[-1] / h.validation.images for h in histories if not h.diverged]
            found["setting seconds"][experiment.name] = [round(seconds, 1), round(statistics.mean(errors), 3)]
            print(experiment.name, found["setting seconds"][experiment.name], flush=True)
            slowest = max(slowest, seconds)
        timed = found["setting seconds"].values()
        found |= {"settings timed": len(timed), "seconds timed": round(sum(each[0] for each in timed), 1)}


if __name__ == "__main__":
    sys.exit(main())
