"""Training as the lab did it: stochastic gradient descent on the negative log-likelihood (lab section 2.3)."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from labcode.checkpoints import Checkpoint, digest
from labcode.convnet import IMAGE_SIZE, ConvNet
from labcode.data import Images, Mnist
from labcode.handprop import CHUNK, HandProp, HandSteps, Masks
from labcode.optim import ConjugateGradient, NotFiniteError
from labcode.seeds import stream

MEASURED_TRAINING_IMAGES = 1_800  # as many as validate at the lab's scale, so that both errors cost the same
IMAGES_AHEAD = 32

LARGEST_RATE = 1e38
OPTIMIZERS = ("sgd", "cg")
DECAYS = ("none", "cosine")
CHOICES = ("last", "best")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The defaults are the baseline that every ablation departs from.

    Attributes
    ----------
    learning_rate : of SGD, constant; it multiplies the minibatch's mean gradient. Chosen for the baseline on validation
        error (`labcode.ablations.LEARNING_RATES`), then held for all. Conjugate gradient has none, and
        whatever is given is replaced by the default.
    batch_size : images a step; the lab's is 1.
    epochs : passes over the training images.
    measured_every : epochs from one measurement of the errors to the next; ``epochs`` is a multiple of it.
    optimizer : ``"sgd"``, plain gradient descent, or ``"cg"``, conjugate gradient on each minibatch.
    decay : of the learning rate, ``"none"``, or ``"cosine"``: step by step along half a cosine from ``learning_rate``
        at the first step to 0 after the last (Loshchilov and Hutter, ICLR 2017, without restarts).
    choice : of the epoch whose weights the network ends with: the ``"last"`` one, or the ``"best"``, that with the
        lowest validation error (the later one of equals).
    line_searches : of conjugate gradient on each minibatch; Torch7's tutorial takes 2. SGD has none, likewise.

    Raises
    ------
    ValueError : with a sentence that names the value and what would be accepted.

    >>> Recipe(batch_size=0)
    Traceback (most recent call last):
    ...
    ValueError: batch_size is 0; it must be a whole number of at least 1.
    """

    learning_rate: float = 3e-3
    batch_size: int = 1
    epochs: int = 20
    measured_every: int = 1
    optimizer: str = "sgd"
    decay: str = "none"
    choice: str = "last"
    line_searches: int = 2

    def __post_init__(self):
        for name, accepted in (("optimizer", OPTIMIZERS), ("decay", DECAYS), ("choice", CHOICES)):
            if (value := getattr(self, name)) not in accepted:
                raise ValueError(f"Unknown {name} {value!r}; accepted are {' and '.join(map(repr, accepted))}.")
        if self.optimizer == "cg" and self.decay != "none":
            raise ValueError(f"decay is {self.decay!r}; conjugate gradient has no learning rate that could decay.")
        for name in ("batch_size", "epochs", "measured_every", "line_searches"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1.")
        if self.epochs % self.measured_every:
            raise ValueError(
                f"measured_every is {self.measured_every}; {self.epochs} epochs must be a multiple of it, so that the "
                "errors are measured at the end."
            )
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < LARGEST_RATE:
            raise ValueError(
                f"learning_rate is {rate!r}; it must be a finite number above 0 (and below {LARGEST_RATE:g}, the "
                "largest that single precision holds)."
            )
        # One spelling for one recipe: what the optimizer does not look at takes its default.
        unused = "line_searches" if self.optimizer == "sgd" else "learning_rate"
        object.__setattr__(self, unused, getattr(Recipe, unused))


@dataclass(frozen=True)
class ErrorCurve:
    """Images misclassified, measurement by measurement.

    Attributes
    ----------
    errors : count at the end of each measured epoch.
    images : of how many.

    >>> ErrorCurve(errors=(90, 45), images=1800).percent
    array([5. , 2.5])
    """

    errors: tuple[int, ...]
    images: int

    @property
    def percent(self) -> np.ndarray:
        """The errors in percent, (measurements,)."""
        return 100 * np.array(self.errors) / self.images


@dataclass(frozen=True)
class History:
    """What one training measured, every ``measured_every`` epochs.

    Attributes
    ----------
    online : training errors counted while training, over the epoch that the measurement ends: dropout on, weights
        changing under way (the tutorial's way).
    train : errors on the first 1 800 training images, dropout off.
    validation : errors on the validation images.
    diverged : whether a loss that is not finite ended the training early; the curves then end before that epoch.
    gradients : minibatch gradients computed so far; SGD computes one a step, conjugate gradient several.
    seconds : processor time spent training so far, measuring the errors not included.
    total_seconds : processor time of everything, measuring included.
    """

    online: ErrorCurve
    train: ErrorCurve
    validation: ErrorCurve
    diverged: bool
    gradients: tuple[int, ...]
    seconds: tuple[float, ...]
    total_seconds: float


class AutogradSteps:
    """Steps of plain SGD on ``net``, in place, with the gradient that PyTorch's autograd computes.

    Attributes
    ----------
    computed : minibatch gradients so far.

    >>> from labcode.convnet import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> steps = AutogradSteps(net, learning_rate=0.1)
    >>> batch = Images(torch.randn(1, 1, 32, 32, generator=stream(0, "digit")), torch.tensor([7]))
    >>> losses = [steps.step(batch, masks=None)[0] for _ in range(2)]
    >>> losses[1] < losses[0]
    True
    """

    def __init__(self, net: ConvNet, learning_rate: float):
        self.net = net
        self.learning_rate = learning_rate
        self.optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
        self.computed = 0

    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """Return the minibatch's mean loss and its count of misclassified images; then move the weights.

        A loss that is not finite moves nothing: its gradient would only destroy the weights.
        """
        loss, errors = self.gradient(batch, masks)
        if math.isfinite(loss):
            self.optimizer.param_groups[0]["lr"] = self.learning_rate
            self.optimizer.step()
        return loss, errors

    def gradient(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """Leave the gradient in the parameters' ``grad``; return the mean loss and the misclassified images' count."""
        self.computed += 1
        self.optimizer.zero_grad()
        outputs = self.net(batch.pixels, masks)
        loss = F.nll_loss(outputs, batch.labels)
        if math.isfinite(value := loss.item()):
            loss.backward()
        return value, _misclassified(outputs, batch)


class ConjugateGradientSteps:
    """Conjugate gradient on each minibatch in turn, its dropout masks held fixed.

    Parameters
    ----------
    engine : computes the gradients of ``net``, a `HandSteps` or an `AutogradSteps`.
    line_searches : on each minibatch.
    """

    def __init__(self, net: ConvNet, engine: "HandSteps | AutogradSteps", line_searches: int):
        self.engine = engine
        self.optimizer = ConjugateGradient(net.parameters(), line_searches)

    def step(self, batch: Images, masks: Masks) -> tuple[float, int]:
        """Return the minibatch's mean loss and its count of misclassified images; then move the weights.

        A loss that is not finite moves nothing.
        """
        evaluated = []

        def closure() -> float:
            evaluated.append(self.engine.gradient(batch, masks))
            return evaluated[-1][0]

        try:
            self.optimizer.step(closure)
        except NotFiniteError:
            return math.nan, evaluated[0][1]
        return evaluated[0]


def minibatches(
    net: ConvNet, images: Images, batch_size: int, orders: torch.Generator, masks: torch.Generator
) -> Iterator[tuple[Images, Masks]]:
    """Yield one epoch: every image once, in a random order, as minibatches with their dropout masks.

    Images and masks are fetched for many steps at a time; at batch size 1 that saves a tenth of the time.

    >>> from labcode.convnet import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> images = Images(torch.zeros(5, 1, 32, 32), torch.arange(5))
    >>> epoch = list(minibatches(net, images, 2, stream(0, "order of images"), stream(0, "dropout")))
    >>> [len(batch) for batch, _ in epoch], sorted(int(label) for batch, _ in epoch for label in batch.labels)
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    order = torch.randperm(len(images), generator=orders)
    for places in order.split(max(1, IMAGES_AHEAD // batch_size) * batch_size):
        ahead, masks_ahead = images[places], net.draw_masks(len(places), masks)
        for start in range(0, len(places), batch_size):
            step = slice(start, start + batch_size)
            yield ahead[step], masks_ahead and [mask if mask is None else mask[step] for mask in masks_ahead]


ENGINES = {"hand": HandSteps, "autograd": AutogradSteps}


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

    The order of the images and the dropout masks come from ``seed``, each from its own stream, so the same network,
    data, recipe and seed give the same curves, bit for bit, on the same machine.

    Parameters
    ----------
    net : from `ConvNet`, with its initial weights.
    mnist : from `labcode.data.load`; its pixels have the dtype of the network's weights.
    recipe : learning rate, batch size, epochs.
    seed : of the order of images and of the dropout masks.
    progress : whether to show a progress bar.
    engine : ``"hand"``, the backward pass written by hand, or ``"autograd"``, PyTorch's: the same results but for
        rounding, and slower. A network some part of which was replaced takes autograd.
    checkpoint : file that keeps the state after each epoch. Where it is there already, the training goes on from it, to
        the same curves, bit for bit; a fresh net is then needed only for its shape. Delete it once the history is kept.

    Raises
    ------
    ValueError : unknown engine, or one that does not know the network; no images, images of another size or dtype than
        the network's, or fewer than a minibatch takes.
    labcode.checkpoints.CheckpointError : the checkpoint is damaged or of another training.

    >>> from labcode.convnet import ConvNetConfig
    >>> from labcode.data import load
    >>> small = load("tenth", seed=0).first(300, 100)
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> history = train(net, small, Recipe(epochs=2), seed=0, progress=False)
    >>> len(history.validation.errors), history.validation.images, history.diverged
    (2, 100, False)
    """
    if engine not in ENGINES:
        raise ValueError(f"Unknown engine {engine!r}; accepted are {' and '.join(map(repr, ENGINES))}.")
    _require_fitting(net, mnist, recipe)
    count = len(mnist.train)
    orders, masks = stream(seed, "order of images"), stream(seed, "dropout")
    measured = mnist.train[:MEASURED_TRAINING_IMAGES]
    # Made first, whatever the engine: it settles how the weights lie in memory, on which the rounding of sums depends.
    evaluate = _evaluator(net)
    gradients = ENGINES[engine](net, recipe.learning_rate)
    steps = ConjugateGradientSteps(net, gradients, recipe.line_searches) if recipe.optimizer == "cg" else gradients
    state = _State(net, {"order of images": orders, "dropout": masks})
    kept = checkpoint and Checkpoint(checkpoint, _identity(net, mnist, recipe, seed, engine))
    curves = {"online": [], "train": [], "validation": [], "gradients": [], "seconds": []}
    total = 0.0  # processor seconds until the checkpoint
    if kept and (found := kept.load()):
        state.restore(found[0])
        curves, total = found[1]["curves"], found[1]["total_seconds"]
    done = len(curves["online"]) * recipe.measured_every
    gradients.computed = curves["gradients"][-1] if done else 0
    training = curves["seconds"][-1] if done else 0.0
    rates = _learning_rates(recipe, count, done)
    quiet = {} if progress else {"disable": True}  # left unset, the user's TQDM_DISABLE decides
    wrong: int | None = 0
    with (
        one_thread(),
        tqdm(total=recipe.epochs * count, initial=done * count, unit="image", **quiet) as bar,
    ):
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
            curves["train"].append(_count_errors(evaluate, measured))
            curves["validation"].append(_count_errors(evaluate, mnist.validation))
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


def _require_fitting(net: ConvNet, mnist: Mnist, recipe: Recipe) -> None:
    """Raise a `ValueError` where the network, the images and the recipe do not go together."""
    count = len(mnist.train)
    if not count or not len(mnist.validation):
        raise ValueError(
            f"There are {count} training and {len(mnist.validation)} validation images; it takes at least one of each."
        )
    if recipe.batch_size > count:
        raise ValueError(f"batch_size is {recipe.batch_size}; with {count} training images it can be {count} at most.")
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


def _learning_rates(recipe: Recipe, count: int, done: int) -> Iterator[float]:
    """Yield the learning rate of each step, from epoch ``done`` on."""
    if recipe.decay == "none":
        while True:
            yield recipe.learning_rate
    steps = -(-count // recipe.batch_size)
    for step in range(done * steps, recipe.epochs * steps):
        yield recipe.learning_rate * (1 + math.cos(math.pi * step / (recipe.epochs * steps))) / 2


class _State:
    """All that a training moves: the weights, the random streams, and the weights chosen so far."""

    def __init__(self, net: ConvNet, streams: dict[str, torch.Generator]):
        self.net, self.streams = net, streams
        self.chosen: dict[str, torch.Tensor] = {}

    def choose(self) -> None:
        """Remember the weights as they are."""
        self.chosen = {name: value.clone() for name, value in self.net.state_dict().items()}

    def end_with_the_chosen(self) -> None:
        """Put the chosen weights, if any were chosen, into the network."""
        if self.chosen:
            self.net.load_state_dict(self.chosen)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything as tensors, by name."""
        weights = {f"weights/{name}": value for name, value in self.net.state_dict().items()}
        chosen = {f"chosen/{name}": value for name, value in self.chosen.items()}
        return weights | chosen | {f"streams/{name}": each.get_state() for name, each in self.streams.items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Put everything back as `tensors` returned it."""

        def part(name: str) -> dict[str, torch.Tensor]:
            return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}

        self.net.load_state_dict(part("weights"))
        self.chosen = part("chosen")
        for name, state in part("streams").items():
            self.streams[name].set_state(state)


class _Clock:
    """Processor time, lap by lap: what else the machine does at the same time hardly shows in it."""

    def __init__(self):
        self.last = time.process_time()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        now, last = time.process_time(), self.last
        self.last = now
        return now - last


def _identity(net: ConvNet, mnist: Mnist, recipe: Recipe, seed: int, engine: str) -> dict:
    """Return everything that decides a training's course, but for the initial weights, which the seed decides."""
    altered = net.alterations()
    return {
        "network": asdict(net.config) | ({"altered": altered} if altered else {}),
        "recipe": asdict(recipe),
        "seed": seed,
        "engine": engine,
        "data": digest(mnist.train, mnist.validation),
        "torch": torch.__version__,
    }


def count_errors(net: torch.nn.Module, images: Images) -> int:
    """Count the images that ``net`` misclassifies, with dropout off.

    Parameters
    ----------
    net : a `ConvNet`, or any module that gives a number for each digit, (N, 10), of images (N, 1, 32, 32).
    images : with at least one image.

    >>> from labcode.convnet import ConvNetConfig
    >>> from labcode.data import load
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> 0 <= count_errors(net, load("tenth", seed=0).validation[:50]) <= 50
    True
    """
    return _count_errors(_evaluator(net), images)


def predict(net: torch.nn.Module, images: Images) -> torch.Tensor:
    """Return the digits (N,) that ``net`` takes the images for, with dropout off.

    Parameters
    ----------
    net, images : as for `count_errors`.

    >>> from labcode.convnet import ConvNetConfig
    >>> from labcode.data import load
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> tuple(predict(net, load("tenth", seed=0).validation[:50]).shape)
    (50,)
    """
    return _evaluator(net)(images.pixels).argmax(dim=1)


def _evaluator(net: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what gives ``net``'s log-probabilities (N, 10) of images, dropout off.

    That is the hand-written pass where it knows the network, which is faster, and else the network itself.
    """
    if isinstance(net, ConvNet) and not net.alterations():
        return HandProp(net).log_probabilities

    @torch.no_grad()
    def evaluate(pixels: torch.Tensor) -> torch.Tensor:
        modes = {module: module.training for module in net.modules()}
        net.eval()  # whatever the replaced parts do in training alone, such as a dropout of their own
        try:
            return torch.cat([net(chunk) for chunk in pixels.split(CHUNK)])
        finally:
            for module, mode in modes.items():
                module.training = mode

    return evaluate


def _count_errors(evaluate: Callable[[torch.Tensor], torch.Tensor], images: Images) -> int:
    return _misclassified(evaluate(images.pixels), images)


def _misclassified(outputs: torch.Tensor, batch: Images) -> int:
    return int((outputs.argmax(dim=1) != batch.labels).sum())


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, with denormal numbers flushed to zero; put the thread count back afterwards.

    Sums in another order round otherwise, so the number of threads would show in the curves; and one image at a time
    leaves a second thread nothing to do. Denormals can slow a convolution many times over.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
