"""Many runs trained in lockstep on one device: the counts of `labcode.training.train`, at a fraction of its cost.

A run at batch size 1 leaves a GPU almost idle, since its products are small. Here R runs take the same step (or, by
conjugate gradient, the same evaluation of loss and gradient) at the same time, each on its own image, with its own
weights, learning rate and dropout, from the same random streams as when it is trained alone. They share every kernel
launch and nothing else.
"""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from labcode.checks import whole_number
from labcode.data.mnist import Images, Mnist, UnseenImages
from labcode.machine import fixed_settings, require_device
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.checkpoints import Checkpoint
from labcode.training.fleet_conjugate_gradient import FleetSearches
from labcode.training.fleet_dropout import FleetDropout
from labcode.training.fleet_graph import Steps
from labcode.training.fleet_memory import MEASURED_AHEAD, images_at_once
from labcode.training.fleet_network import Fleet, common
from labcode.training.history import ErrorCurve, History
from labcode.training.loop import IMAGES_AHEAD, MEASURED_TRAINING_IMAGES, identity, minibatches, require_fitting
from labcode.training.recipe import Recipe, learning_rates

SECONDS_PER_CHECKPOINT = 60.0


def train_fleet(
    nets: Sequence[ConvNet],
    mnists: Sequence[Mnist],
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    device: str = "cpu",
    progress: bool = True,
    checkpoint: Path | None = None,
) -> list[History]:
    """Train ``nets`` in place, side by side, and return the history of each.

    A run takes the steps that `labcode.training.train` takes, so that its counts agree up to rounding, and does not
    depend on the other runs, up to rounding as well: a library may add in another order where a product is one of many.
    A run whose loss is not finite stops, diverged, as it does alone; the others go on. Conjugate gradient multiplies
    differences of rounding with every search: after some epochs its counts agree only as two engines' do.

    Parameters
    ----------
    nets : of one shape: their configurations differ only in dropout.
    mnists : the images of each run, from `labcode.data.load`.
    recipes : they differ only in learning rate and decay.
    seeds : of each run's order of images and dropout masks.
    device : ``"cpu"``, or ``"cuda"`` for a GPU.
    progress : whether to show a progress bar.
    checkpoint : file that keeps the state, after an epoch and at most once a minute. If it exists, training resumes
        from it. Delete it once the histories are saved.

    Raises
    ------
    ValueError : the runs cannot be trained in lockstep, or one of them could not be trained alone; or there is no GPU.
    labcode.training.CheckpointError : the checkpoint is damaged or of other runs.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNetConfig
    >>> seeds = range(3)
    >>> nets = [ConvNet(ConvNetConfig(width=2), stream(seed, "initial weights")) for seed in seeds]
    >>> images = [load("tenth", seed).first(200, 100) for seed in seeds]
    >>> recipes = [Recipe(learning_rate=rate, epochs=2) for rate in (0.003, 0.01, 0.03)]
    >>> histories = train_fleet(nets, images, recipes, seeds, progress=False)
    >>> [len(history.validation.errors) for history in histories]
    [2, 2, 2]
    """
    seeds = [whole_number("seed", seed) for seed in seeds]
    require_device(device)
    _require_together(nets, mnists, recipes, seeds)
    recipe, kept = recipes[0], None
    quiet = {} if progress else {"disable": True}  # if unset, the user's TQDM_DISABLE decides
    with fixed_settings():
        state = _State(nets, mnists, recipes, seeds, device)
        if checkpoint:
            runs = [identity(*run, "fleet") for run in zip(nets, mnists, recipes, seeds, strict=True)]
            kept = Checkpoint(checkpoint, {"runs": runs})
            state.resume(kept)
        saved = time.monotonic()
        total, done = (epochs * len(nets) for epochs in (recipe.epochs, state.epoch))
        with tqdm(total=total, initial=done, unit="epoch", desc=f"{len(nets)} runs", leave=False, **quiet) as bar:
            while state.epoch < recipe.epochs and state.fleet.alive.any():
                state.train_epoch()
                bar.update(len(nets))
                if state.epoch % recipe.measured_every == 0:
                    state.measure(recipe.choice)
                    if kept and time.monotonic() - saved >= SECONDS_PER_CHECKPOINT:
                        state.save(kept)
                        saved = time.monotonic()
        state.fleet.load_into(nets, state.ended)
    return state.histories()


def predict_fleet(nets: Sequence[ConvNet], parts: Sequence[Images | UnseenImages], device: str = "cpu") -> Tensor:
    """Return the digits (R, N) that each network sees in its own N images, with dropout off.

    The images are taken in slices, so that the memory does not depend on their number.

    Parameters
    ----------
    nets : of one shape.
    parts : the images of each.
    device : as in `train_fleet`.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNetConfig
    >>> nets = [ConvNet(ConvNetConfig(width=2), stream(seed, "initial weights")) for seed in range(3)]
    >>> predict_fleet(nets, [load("tenth", seed=0).validation[:50]] * 3).shape
    torch.Size([3, 50])
    """
    fleet = Fleet(nets, device)
    size = images_at_once(fleet)
    ahead = size * max(1, MEASURED_AHEAD // (size * len(fleet)))
    found = []
    with fixed_settings():
        for start in range(0, len(parts[0]), ahead):
            pixels, _ = _stack([part[start : start + ahead] for part in parts], device)
            found += [fleet.forward(images).argmax(2) for images in pixels.split(size, dim=1)]
    return torch.cat(found, dim=1).cpu()


class _State:
    """What changes while a fleet trains: weights, random streams, curves."""

    def __init__(
        self,
        nets: Sequence[ConvNet],
        mnists: Sequence[Mnist],
        recipes: Sequence[Recipe],
        seeds: Sequence[int],
        device: str,
    ):
        self.nets, self.images, self.recipes, self.device = nets, [mnist.train for mnist in mnists], recipes, device
        self.fleet, recipe = Fleet(nets, device), recipes[0]
        self.pixels, self.labels = _stack(self.images, device)
        self.measured = [(self.pixels[:, :MEASURED_TRAINING_IMAGES], self.labels[:, :MEASURED_TRAINING_IMAGES])]
        self.measured.append(_stack([mnist.validation for mnist in mnists], device))
        self.orders = [stream(seed, "order of images") for seed in seeds]
        self.dropout = FleetDropout(nets, seeds, device)
        self.steps: Steps | FleetSearches
        if recipe.optimizer == "cg":
            self.steps = FleetSearches(self.fleet, recipe.batch_size, recipe.line_searches)
        else:
            self.steps = Steps(self.fleet, self.pixels, self.labels, self.dropout, recipe.batch_size)
        self.ended = [weight.clone() for weight in self.fleet.weights]
        self.epoch, self.gradients = 0, [0] * len(nets)
        self.seconds, self.total = 0.0, 0.0
        self.curves: dict[str, list[list]] = {
            name: [[] for _ in nets] for name in ("online", "train", "validation", "gradients", "seconds")
        }

    def train_epoch(self) -> None:
        """Take every run through its training images once, in its own random order, as `minibatches` does."""
        began = _clock(self.device)
        if isinstance(self.steps, FleetSearches):
            self.online, gradients = self._search(self.steps)
        else:
            self.online, gradients = self._descend(self.steps)
        self.gradients = list(map(sum, zip(self.gradients, gradients, strict=True)))
        self._end_diverged()
        self.epoch += 1
        self.seconds += (spent := _clock(self.device) - began)
        self.total += spent

    def _descend(self, steps: Steps) -> tuple[list[int], list[int]]:
        """Take an epoch by SGD; return each run's misclassified images and its gradients."""
        count, batch = self.labels.shape[1], self.recipes[0].batch_size
        order = torch.stack([torch.randperm(count, generator=each, device="cpu") for each in self.orders])
        taken = -(-count // batch)
        rates = [list(islice(learning_rates(recipe, count, self.epoch), taken)) for recipe in self.recipes]
        ahead = max(1, IMAGES_AHEAD // batch)
        places = order.to(self.device).split(ahead * batch, dim=1)
        each_rate = torch.tensor(rates, dtype=self.pixels.dtype, device=self.device).split(ahead, dim=1)
        bits = self.dropout.draw([part.shape[1] for part in places])
        wrong = torch.zeros(len(self.fleet), dtype=torch.int64, device=self.device)
        for inputs in zip(places, each_rate, bits, strict=True):
            wrong += steps.take(*inputs)
        return wrong.tolist(), [taken] * len(self.fleet)

    def _search(self, searches: FleetSearches) -> tuple[list[int], list[int]]:
        """Take an epoch by conjugate gradient, as `_descend` does by SGD."""
        batch = self.recipes[0].batch_size
        streams = zip(self.nets, self.images, self.orders, self.dropout.streams, strict=True)
        coming = [minibatches(net, images, batch, orders, masks) for net, images, orders, masks in streams]
        return searches.train_epoch(coming, self.labels.shape[1])

    def _end_diverged(self) -> None:
        """Let the runs that diverged in this epoch end as they do alone: before the failing step, or as chosen."""
        for run, weights in self.steps.diverged.items():
            if self.recipes[0].choice == "last" or not self.curves["validation"][run]:
                for ended, weight in zip(self.ended, weights, strict=True):
                    ended[run] = weight
        self.steps.diverged.clear()

    def measure(self, choice: str) -> None:
        """Count every run's errors; keep its weights if they are the ones it would end with."""
        began = _clock(self.device)
        train, validation = (self._count_errors(*part) for part in self.measured)
        alive = self.fleet.alive.tolist()
        found = {"online": self.online, "train": train, "validation": validation, "gradients": self.gradients}
        ends = list(alive)
        for run in range(len(self.fleet)):
            if not alive[run]:
                continue
            for name, counts in found.items():
                self.curves[name][run].append(counts[run])
            self.curves["seconds"][run].append(round(self.seconds / len(self.fleet), 2))
            errors = self.curves["validation"][run]
            ends[run] = choice == "last" or errors[-1] == min(errors)
        now = torch.tensor(ends, device=self.device)
        for kept, weight in zip(self.ended, self.fleet.weights, strict=True):
            kept.copy_(torch.where(now.view(-1, *[1] * (weight.dim() - 1)), weight, kept))
        self.total += _clock(self.device) - began

    def _count_errors(self, pixels: Tensor, labels: Tensor) -> list[int]:
        wrong = torch.zeros(len(self.fleet), dtype=torch.int64, device=self.device)
        size = images_at_once(self.fleet)
        for images, truth in zip(pixels.split(size, dim=1), labels.split(size, dim=1), strict=True):
            wrong += (self.fleet.forward(images).argmax(2) != truth).sum(1)
        return wrong.tolist()

    def histories(self) -> list[History]:
        """Return the history of each run."""
        images = {
            "online": self.labels.shape[1],
            "train": self.measured[0][1].shape[1],
            "validation": self.measured[1][1].shape[1],
        }
        return [
            History(
                **{name: ErrorCurve(tuple(self.curves[name][run]), count) for name, count in images.items()},
                diverged=not alive,
                gradients=tuple(self.curves["gradients"][run]),
                seconds=tuple(self.curves["seconds"][run]),
                total_seconds=round(self.total / len(self.fleet), 1),
            )
            for run, alive in enumerate(self.fleet.alive.tolist())
        ]

    def save(self, kept: Checkpoint) -> None:
        """Write the state between two epochs."""
        tensors = {f"weights/{i}": weight for i, weight in enumerate(self.fleet.weights)}
        tensors |= {f"ended/{i}": weight for i, weight in enumerate(self.ended)}
        tensors |= {f"orders/{i}": each.get_state() for i, each in enumerate(self.orders)}
        tensors |= {f"masks/{i}": each.get_state() for i, each in enumerate(self.dropout.streams)}
        progress = {"epoch": self.epoch, "curves": self.curves, "seconds": self.seconds, "total": self.total}
        kept.save({name: each.cpu() for name, each in (tensors | {"alive": self.fleet.alive}).items()}, progress)

    def resume(self, kept: Checkpoint) -> None:
        """Restore the state that `save` wrote, if there is one."""
        if (found := kept.load()) is None:
            return
        tensors, progress = found
        for name, targets in (("weights", self.fleet.weights), ("ended", self.ended)):
            for i, target in enumerate(targets):
                target.copy_(tensors[f"{name}/{i}"])
        for name, streams in (("orders", self.orders), ("masks", self.dropout.streams)):
            for i, each in enumerate(streams):
                each.set_state(tensors[f"{name}/{i}"])
        self.fleet.alive.copy_(tensors["alive"])
        self.epoch, self.curves = progress["epoch"], progress["curves"]
        self.gradients = [each[-1] if each else 0 for each in self.curves["gradients"]]
        self.seconds, self.total = progress["seconds"], progress["total"]


def _stack(parts: Sequence[Images], device: str) -> tuple[Tensor, Tensor]:
    """Return the images of all runs, (R, N, 32, 32, 1), and their labels, (R, N)."""
    pixels = torch.stack([part.pixels.movedim(1, 3) for part in parts])
    return pixels.to(device), torch.stack([part.labels for part in parts]).to(device)


def _clock(device: str) -> float:
    """Seconds: processor time on a CPU; on a GPU, the time by the clock once it has finished its work."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _require_together(
    nets: Sequence[ConvNet], mnists: Sequence[Mnist], recipes: Sequence[Recipe], seeds: Sequence[int]
) -> None:
    counts = {"networks": len(nets), "data sets": len(mnists), "recipes": len(recipes), "seeds": len(seeds)}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"There are {listed}; a fleet takes one of each per run.")
    recipe = common(recipes)
    for net, mnist in zip(nets, mnists, strict=True):
        require_fitting(net, mnist, recipe)
        if altered := net.alterations():
            raise ValueError(f"{'; '.join(altered)}: a fleet computes by the configuration and cannot train it.")
    sizes = {(len(mnist.train), len(mnist.validation)) for mnist in mnists}
    if len(sizes) > 1:
        raise ValueError(f"The data sets have {sizes} training and validation images; a fleet needs equal numbers.")
