"""Training as the lab did it: stochastic gradient descent on the negative log-likelihood (lab section 2.3)."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from labcode.checks import file_path, instance_of, one_of, truth, whole_number
from labcode.data.mnist import Images, Mnist
from labcode.machine import fixed_settings
from labcode.network.backprop import Masks, take
from labcode.network.config import IMAGE_SIZE
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.checkpoints import Checkpoint, digest
from labcode.training.engines import ENGINES, ConjugateGradientSteps
from labcode.training.evaluation import count_with, evaluator
from labcode.training.history import ErrorCurve, History
from labcode.training.recipe import Recipe, learning_rates

MEASURED_TRAINING_IMAGES = 1_800
"""As many as the lab's validation images, so that both errors cost the same to measure."""

IMAGES_AHEAD = 32


def minibatches(
    net: ConvNet, images: Images, batch_size: int, orders: torch.Generator, masks: torch.Generator
) -> Iterator[tuple[Images, Masks]]:
    """Yield one epoch: every image once, in random order, as minibatches with their dropout masks.

    Images and masks are fetched for several steps at a time, which saves a tenth of the time at batch size 1.

    Raises
    ------
    ValueError : ``batch_size`` is not a whole number of at least 1.

    >>> from labcode.network import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> images = Images(torch.zeros(5, 1, 32, 32), torch.arange(5))
    >>> epoch = list(minibatches(net, images, 2, stream(0, "order of images"), stream(0, "dropout")))
    >>> [len(batch) for batch, _ in epoch], sorted(int(label) for batch, _ in epoch for label in batch.labels)
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    batch_size = whole_number("batch_size", batch_size, at_least=1)
    instance_of("net", net, ConvNet)
    instance_of("images", images, Images)
    instance_of("orders", orders, torch.Generator)
    order = torch.randperm(len(images), generator=orders, device="cpu")
    batch_size = min(batch_size, max(1, len(images)))
    for places in order.split(max(1, IMAGES_AHEAD // batch_size) * batch_size):
        ahead, masks_ahead = images[places], net.draw_masks(len(places), masks)
        for start in range(0, len(places), batch_size):
            yield take(ahead, masks_ahead, slice(start, start + batch_size))


@fixed_settings()
def train(
    net: ConvNet,
    mnist: Mnist,
    recipe: Recipe,
    seed: int,
    progress: bool = True,
    engine: str = "hand",
    checkpoint: Path | None = None,
) -> History:
    """Train ``net`` in place and return its history.

    The order of the images and the dropout masks come from ``seed``, each from its own stream: the same network, data,
    recipe and seed give the same curves, bit for bit, on the same machine.

    Parameters
    ----------
    net : from `ConvNet`, with its initial weights.
    mnist : from `labcode.data.load`; its pixels have the dtype of the network's weights.
    recipe : learning rate, batch size, epochs.
    seed : of the order of images and of the dropout masks.
    progress : whether to show a progress bar.
    engine : ``"hand"``, the backward pass written by hand, or ``"autograd"``, PyTorch's, which differs only by rounding
        and is slower. A network with a replaced part needs autograd.
    checkpoint : file that keeps the state after each epoch. If it exists, training resumes from it, to the same curves,
        bit for bit; ``net`` then serves only for its shape. Delete the file once the history is saved.

    Raises
    ------
    ValueError : an unknown engine, or one that does not know the network; a seed that is not a whole number; no images,
        images of another size or dtype than the network's, or fewer than a minibatch.
    labcode.training.CheckpointError : the checkpoint cannot be written, is damaged, or is of another training.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> small = load("tenth", seed=0).first(300, 100)
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> history = train(net, small, Recipe(epochs=2), seed=0, progress=False)
    >>> len(history.validation.errors), history.validation.images, history.diverged
    (2, 100, False)
    """
    for name, value, kind in (("net", net, ConvNet), ("mnist", mnist, Mnist), ("recipe", recipe, Recipe)):
        instance_of(name, value, kind)
    one_of("engine", engine, ENGINES)
    seed = whole_number("seed", seed)
    require_fitting(net, mnist, recipe)
    count = len(mnist.train)
    orders, masks = stream(seed, "order of images"), stream(seed, "dropout")
    measured = mnist.train[:MEASURED_TRAINING_IMAGES]
    # Made first, whatever the engine: it fixes the weights' memory layout, on which the rounding of sums depends.
    evaluate = evaluator(net)
    gradients = ENGINES[engine](net, recipe.learning_rate)
    steps = ConjugateGradientSteps(net, gradients, recipe.line_searches) if recipe.optimizer == "cg" else gradients
    state = _State(net, {"order of images": orders, "dropout": masks})
    kept = (
        None
        if checkpoint is None
        else Checkpoint(file_path("checkpoint", checkpoint), identity(net, mnist, recipe, seed, engine))
    )
    curves: dict[str, list] = {"online": [], "train": [], "validation": [], "gradients": [], "seconds": []}
    total = 0.0  # processor seconds until the checkpoint
    if kept and (found := kept.load()):
        state.restore(found[0])
        curves, total = found[1]["curves"], found[1]["total_seconds"]
    done = len(curves["online"]) * recipe.measured_every
    gradients.computed = curves["gradients"][-1] if done else 0
    training = curves["seconds"][-1] if done else 0.0
    rates = learning_rates(recipe, count, done)
    quiet = {} if truth("progress", progress) else {"disable": True}  # if unset, the user's TQDM_DISABLE decides
    wrong: int | None = 0
    with tqdm(total=recipe.epochs * count, initial=done * count, unit="image", **quiet) as bar:
        clock = _Clock()
        for epoch in range(done + 1, recipe.epochs + 1):
            wrong = 0
            for batch, drawn in minibatches(net, mnist.train, recipe.batch_size, orders, masks):
                gradients.learning_rate = next(rates)
                loss, misclassified = steps.step(batch, drawn)
                if not math.isfinite(loss):
                    wrong = None
                    break
                wrong += misclassified
                bar.update(len(batch))
            training += (spent := clock.lap())
            total += spent
            if wrong is None:
                break
            if epoch % recipe.measured_every:
                continue
            curves["online"].append(wrong)
            curves["train"].append(count_with(evaluate, measured))
            curves["validation"].append(count_with(evaluate, mnist.validation))
            curves["gradients"].append(gradients.computed)
            curves["seconds"].append(round(training, 2))
            if recipe.choice == "best" and curves["validation"][-1] == min(curves["validation"]):
                state.choose()
            bar.set_postfix_str(f"validation error {100 * curves['validation'][-1] / len(mnist.validation):.2f}%")
            total += clock.lap()
            if kept:
                kept.save(state.tensors(), {"curves": curves, "total_seconds": total})
    state.end_with_the_chosen()
    return History(
        online=ErrorCurve(tuple(curves["online"]), count),
        train=ErrorCurve(tuple(curves["train"]), len(measured)),
        validation=ErrorCurve(tuple(curves["validation"]), len(mnist.validation)),
        diverged=wrong is None,
        gradients=tuple(curves["gradients"]),
        seconds=tuple(curves["seconds"]),
        total_seconds=round(total, 1),
    )


def require_fitting(net: ConvNet, mnist: Mnist, recipe: Recipe) -> None:
    """Raise a `ValueError` unless network, images and recipe fit together."""
    count = len(mnist.train)
    if not count or not len(mnist.validation):
        raise ValueError(
            f"There are {count} training and {len(mnist.validation)} validation images; at least one of each is needed."
        )
    if recipe.batch_size > count:
        raise ValueError(f"batch_size is {recipe.batch_size}; with {count} training images it must be at most {count}.")
    weight = net.output.weight
    for pixels in (mnist.train.pixels, mnist.validation.pixels):
        if pixels.shape[1:] != (1, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(
                f"The images have shape {tuple(pixels.shape)}; it must be (N, 1, {IMAGE_SIZE}, {IMAGE_SIZE}), with "
                f"a side of {IMAGE_SIZE} pixels."
            )
        if pixels.dtype != weight.dtype:
            raise ValueError(
                f"The images' dtype is {pixels.dtype} and the network's {weight.dtype}; both `labcode.data.load` and "
                "`ConvNet` take a dtype."
            )


class _State:
    """All that training changes: the weights, the random streams, and the weights chosen so far."""

    def __init__(self, net: ConvNet, streams: dict[str, torch.Generator]):
        self.net, self.streams = net, streams
        self.chosen: dict[str, torch.Tensor] = {}

    def choose(self) -> None:
        """Keep a copy of the weights."""
        self.chosen = {name: value.clone() for name, value in self.net.state_dict().items()}

    def end_with_the_chosen(self) -> None:
        """Load the chosen weights, if any, into the network."""
        if self.chosen:
            self.net.load_state_dict(self.chosen)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything as tensors, by name."""
        weights = {f"weights/{name}": value for name, value in self.net.state_dict().items()}
        chosen = {f"chosen/{name}": value for name, value in self.chosen.items()}
        return weights | chosen | {f"streams/{name}": each.get_state() for name, each in self.streams.items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Restore what `tensors` returned."""

        def part(name: str) -> dict[str, torch.Tensor]:
            return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}

        self.net.load_state_dict(part("weights"))
        self.chosen = part("chosen")
        for name, state in part("streams").items():
            self.streams[name].set_state(state)


class _Clock:
    """Processor time per lap, which hardly depends on what else the machine does."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        now, last = time.process_time(), self.last
        self.last = now
        return now - last


def identity(net: ConvNet, mnist: Mnist, recipe: Recipe, seed: int, engine: str) -> dict:
    """Return everything that decides the course of a training; the seed decides the initial weights."""
    altered = net.alterations()
    return {
        "network": asdict(net.config) | ({"altered": altered} if altered else {}),
        "recipe": asdict(recipe),
        "seed": seed,
        "engine": engine,
        "data": digest(mnist.train, mnist.validation),
        "torch": torch.__version__,
    }
