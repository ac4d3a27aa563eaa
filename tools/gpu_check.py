"""Check fleets on a GPU, in one call of under nine minutes: are they right, how fast are they, what does a study cost?

    python tools/gpu_check.py --out FOLDER [--seconds 520] [--steps STEP ...] [--settings SETTING ...] [--toy]

The steps, each written to FOLDER as JSON as soon as it ends. What is there is not made again: the same command goes on.

1. machine: the card, its measured speed of copying memory and of single-precision products (without TF32);
2. equality: 8 seeds of each of `EQUALITY`, 20 epochs, against the book's records, which were made on CPUs;
3. neighbours: a run in a fleet of one against the same run in fleets of 8 and 64, 2 epochs;
4. bench: microseconds per image and run, beside other ways to train, and the share of the floor;
5. kernels: where the time of a step goes, by kernel;
6. searches: what an evaluation costs by conjugate gradient, and how much of it the device waits for Python;
7. study: 64 seeds of each of the lab's settings that go by SGD, as many settings as there is time for, the shortest
   first. The seeds are 0 to 63, which decide no claim. Each setting's records are kept in one file, study-SETTING.zip,
   and are not made again; unpacked into a folder, `python -m labcode run --records FOLDER` goes on from them.

`--settings` takes some settings of steps 2 and 7 by their names. The exit code is 1 if a step failed: a limit of
`LIMITS` is missed, each named, or something broke.

`--toy` tries every step on a CPU in a minute, with tiny networks and few images, against the same runs trained alone.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peers import MANY_RUNS

from labcode.bench import fleets
from labcode.data import load
from labcode.files import write_whole
from labcode.machine import fixed_settings
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.study import Experiment
from labcode.study import run as runs
from labcode.study.lab import THE_LABS
from labcode.study.records import read, save
from labcode.study.run import run_group
from labcode.training import Fleet, History, Recipe, minibatches, train, train_fleet
from labcode.training.fleet_conjugate_gradient import FleetSearches

EQUALITY: dict[str, dict[str, Any]] = {
    "baseline": {},
    "dropout in all three places": {"dropout": (0.5, 0.5, 0.5)},
    "batch size 10": {"batch_size": 10},
    "filter 7": {"filter": 7},
}
LIMITS = {"in a seed": 3, "in the mean": 0.5}
"""Validation images of 1 800 by which a fleet's counts may differ at the end."""

TOY = {"width": 2, "hidden": 4, "epochs": 2, "learning_rate": 0.02}


class LimitError(Exception):
    """A limit is missed, or several."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = ["machine", "equality", "neighbours", "bench", "kernels", "searches", "study"]
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=520, help="after which no new part begins (default: 520)")
    parser.add_argument("--steps", nargs="+", default=steps, choices=steps, metavar="STEP")
    parser.add_argument("--settings", nargs="+", metavar="SETTING", help="of the steps equality and study (all)")
    parser.add_argument("--toy", action="store_true", help="on a CPU, with tiny networks")
    options = parser.parse_args(arguments)
    check = Check(options.out, options.settings, options.toy, time.monotonic() + options.seconds)
    failed = [name for name in options.steps if not check.run(name)]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return int(bool(failed))


def misses(name: str, differences: Sequence[int]) -> list[str]:
    """Return a sentence for each of `LIMITS` that the differences at the end miss, one difference per seed."""
    found = [
        f"{name}, seed {seed}: {difference:+} images, and {LIMITS['in a seed']} are allowed"
        for seed, difference in enumerate(differences)
        if abs(difference) > LIMITS["in a seed"]
    ]
    if abs(mean := statistics.mean(differences)) > LIMITS["in the mean"]:
        found.append(f"{name}: {mean:+.3f} images in the mean, and {LIMITS['in the mean']} are allowed")
    return found


class Check:
    """The steps, with what they share: the device, the folder, the settings asked for, the time left."""

    def __init__(self, out: Path, settings: Sequence[str] | None, toy: bool, end: float):
        self.out, self.settings, self.toy, self.end = out, settings, toy, end
        self.device = "cpu" if toy else "cuda"

    def run(self, name: str) -> bool:
        """Do one step, or what is left of it; return whether it passes."""
        path = self.out / f"{name}.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        if before and name not in ("equality", "study"):
            return "error" not in before
        began = time.monotonic()
        found = {key: value for key, value in before.items() if key not in ("error", "seconds")}
        try:
            getattr(self, name)(found)
        except LimitError as error:
            found["error"] = str(error)
        except Exception:
            found["error"] = traceback.format_exc()
        if found | {"seconds": 0} != before | {"seconds": 0}:
            found["seconds"] = round(before.get("seconds", 0) + time.monotonic() - began, 1)
            write_whole(path, json.dumps(found, indent=1))
            print(f"{name}: {json.dumps(found, indent=1)}", flush=True)
        return "error" not in found

    def wanted(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the settings that were asked for."""
        return {name: each for name, each in named.items() if not self.settings or name in self.settings}

    def machine(self, found: dict) -> None:
        found |= fleets.card(self.device, size=256 if self.toy else 8192)

    def equality(self, found: dict) -> None:
        for name, settings in self.wanted(EQUALITY).items():
            if name in found:
                continue
            if time.monotonic() > self.end:
                break
            experiments = [Experiment(seed).vary(**settings, **(TOY if self.toy else {})) for seed in range(8)]
            began = time.monotonic()
            histories = self.fleet(experiments)
            seconds = round(time.monotonic() - began, 1)
            differences = [
                [mine - theirs for mine, theirs in zip(h.validation.errors, self.expected(e), strict=True)]
                for e, h in zip(experiments, histories, strict=True)
            ]
            settled = statistics.mean(statistics.mean(row[-3:]) for row in differences)
            ends = [row[-1] for row in differences]
            found[name] = {
                "seconds": seconds,
                "largest difference at the end, images": max(map(abs, ends)),
                "mean difference over the last 3 epochs, images": round(settled, 3),
                "largest difference anywhere, images": max(abs(d) for row in differences for d in row),
                "equal in every epoch": sum(not any(row) for row in differences),
                "differences at the end": ends,
            }
            print(name, found[name], flush=True)
        if missed := [each for name in found for each in misses(name, found[name]["differences at the end"])]:
            raise LimitError("; ".join(missed))

    def expected(self, experiment: Experiment) -> tuple[int, ...]:
        """Return the validation errors that the run makes alone: recorded, or trained again at toy size."""
        if not self.toy:
            return read(experiment).history.validation.errors
        net = ConvNet(experiment.network, stream(experiment.seed, "initial weights"))
        images = self.images(experiment)
        return train(net, images, experiment.recipe, experiment.seed, progress=False).validation.errors

    def neighbours(self, found: dict) -> None:
        short = Experiment(0).vary(epochs=2, **({"width": 2, "hidden": 4} if self.toy else {}))
        (alone,) = self.fleet([short])
        missed = []
        for size in (2, 3) if self.toy else (8, 64):
            first, *_ = self.fleet([replace(short, seed=seed) for seed in range(size)])
            curves = zip(first.validation.errors, alone.validation.errors, strict=True)
            differences = [mine - theirs for mine, theirs in curves]
            found[f"{size} runs"] = differences
            missed += [
                f"in a fleet of {size}, epoch {epoch}: {difference:+} images"
                for epoch, difference in enumerate(differences, 1)
                if abs(difference) > LIMITS["in a seed"]
            ]
        if missed:
            raise LimitError(f"{'; '.join(missed)}: {LIMITS['in a seed']} are allowed")

    def fleet(self, experiments: Sequence[Experiment]) -> list[History]:
        """Train experiments in lockstep and return their histories, without a look at the test images."""
        nets = [ConvNet(e.network, stream(e.seed, "initial weights")) for e in experiments]
        images = [self.images(e) for e in experiments]
        recipes, seeds = [e.recipe for e in experiments], [e.seed for e in experiments]
        return train_fleet(nets, images, recipes, seeds, self.device, progress=False)

    def images(self, experiment: Experiment) -> Any:
        return few(experiment.scale, experiment.seed) if self.toy else load(experiment.scale, experiment.seed)

    def bench(self, found: dict) -> None:
        machine = fleets.card(self.device, size=256 if self.toy else 8192)
        nets = fleets.TOY_NETS if self.toy else fleets.NETS
        found |= fleets.measure(self.device, nets, machine, MANY_RUNS, self.end)

    def kernels(self, found: dict) -> None:
        config, sizes = (fleets.TOY_NETS if self.toy else fleets.NETS)["baseline"]
        with fixed_settings():
            act = fleets.fleet(config, sizes[-1], self.device)
            act(), act()
            with torch.profiler.profile() as profile:
                act()
        spent = {
            row.key[:120]: (row.count, row.self_cpu_time_total if self.toy else row.self_device_time_total)
            for row in profile.key_averages()
        }
        found["runs"] = sizes[-1]
        for name, (count, us) in sorted(spent.items(), key=lambda each: -each[1][1])[:40]:
            found[name] = {"per step": round(count / fleets.STEPS, 2), "us per step": round(us / fleets.STEPS, 2)}

    def searches(self, found: dict) -> None:
        config, count, runs = (fleets.TOY_NETS["baseline"][0], 3, 2) if self.toy else (ConvNetConfig(), 200, 64)
        nets = [ConvNet(config, stream(seed, "initial weights")) for seed in range(runs)]
        images = [load("tenth", seed).train[: 2 * count] for seed in range(runs)]
        each = [
            iter(minibatches(net, own, 1, stream(seed, "order of images"), stream(seed, "dropout")))
            for seed, (net, own) in enumerate(zip(nets, images, strict=True))
        ]
        with fixed_settings():
            searches = FleetSearches(Fleet(nets, self.device), 1, Recipe().line_searches)
            searches.train_epoch(each, count)
            began = time.monotonic()
            _, gradients = searches.train_epoch(each, count)
            seconds = time.monotonic() - began
            evaluate = searches.rooms[1].evaluate
            assert evaluate is not None
            device = fleets.STEPS * fleets.microseconds(evaluate, runs, self.device)
        found |= {
            "runs": runs,
            "evaluations of the slowest run": max(gradients),
            "evaluations, mean": statistics.mean(gradients),
            "us per evaluation and run": round(1e6 * seconds / sum(gradients), 3),
            "of which the device computes": round(device, 3),
        }

    def study(self, found: dict) -> None:
        named = {
            e.name.removesuffix("_seed=0"): e
            for ablation in THE_LABS
            for e in ablation.experiments([0])
            if e.recipe.optimizer == "sgd"
        }
        found |= {"settings": len(named), "runs per setting": 3 if self.toy else 64}
        found.setdefault("setting seconds", {})
        slowest = 0.0
        for name, experiment in sorted(self.wanted(named).items(), key=lambda each: each[1].multiply_adds):
            path = self.out / f"study-{name}.zip"
            if path.exists():
                continue
            if time.monotonic() + 1.3 * slowest > self.end or (self.toy and len(found["setting seconds"]) == 2):
                break
            began = time.monotonic()
            seeds = range(found["runs per setting"])
            group = [replace(experiment, seed=seed).vary(**(TOY if self.toy else {})) for seed in seeds]
            errors = self.record(group, path)
            slowest = max(slowest, time.monotonic() - began)
            found["setting seconds"][name] = [round(time.monotonic() - began, 1), round(statistics.mean(errors), 3)]
            print(name, found["setting seconds"][name], flush=True)
        timed = found["setting seconds"].values()
        found |= {"settings timed": len(timed), "seconds timed": round(sum(each[0] for each in timed), 1)}

    def record(self, group: Sequence[Experiment], path: Path) -> list[float]:
        """Train a fleet, pack its records into one file, and return the validation errors at the end, in percent."""
        if self.toy:
            runs.load, kept = few, runs.load
        try:
            done = run_group(group, self.device, progress=False)
        finally:
            if self.toy:
                runs.load = kept
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder) / "packed.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
                for each in done:
                    record = save(each.record, Path(folder))
                    file.write(record, record.name)
            write_whole(path, packed.read_bytes())
        return [each.record.history.validation.percent[-1] for each in done if not each.record.history.diverged]


def few(scale: str, seed: int) -> Any:
    """Return a few of the images of a run."""
    mnist = load(scale, seed).first(120, 60)
    return replace(mnist, test=mnist.test[:60])


if __name__ == "__main__":
    sys.exit(main())
