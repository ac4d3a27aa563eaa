"""Conjugate gradient for a fleet: the runs ask for evaluations, and each evaluation serves all of them at once.

Line searches take as many evaluations as they need, so runs cannot take their steps together. They take their
evaluations together: each run has its own minibatch and its own point on its own line, and goes on to its next
minibatch when its searches end. Runs wait for one another only at the end of an epoch, and before its last minibatch if
that is shorter.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from labcode.data.mnist import Images
from labcode.network.backprop import Masks
from labcode.network.config import IMAGE_SIZE
from labcode.training.conjugate_gradient import NotFiniteError, minimize
from labcode.training.fleet_graph import recorded
from labcode.training.fleet_network import Fleet, losses

ALIGNED = 16
"""A run's row of numbers begins at a multiple of these, where a processor can load several at once."""


class FleetLine:
    """The line of one run, a `labcode.training.conjugate_gradient.Line`.

    Parameters
    ----------
    point, origin : its row of the weights, x, and of where its line starts, x0.
    vectors : its direction s and its gradients g0 and g.

    Attributes
    ----------
    found : at the point evaluated last: loss, misclassified images, g . s, g . g0 and g . g.
    """

    def __init__(self, point: Tensor, origin: Tensor, vectors: Tensor):
        self.point, self.origin = point, origin
        self.direction, self.start_gradient, self.gradient = vectors
        self.found: list[float]

    def square(self) -> float:
        return self.found[4]

    def overlap(self) -> float:
        return self.found[3]

    def slope(self) -> float:
        return self.found[2]

    def start(self) -> None:
        self.origin.copy_(self.point)
        self.start_gradient.copy_(self.gradient)

    def turn(self, beta: float) -> None:
        if beta:
            self.direction.mul_(beta).sub_(self.start_gradient)
        else:
            torch.neg(self.start_gradient, out=self.direction)
        # g . (beta s - g): computed from what is known, since another sum would have to be waited for.
        self.found[2] = beta * self.slope() - self.square()

    def back(self) -> None:
        self.point.copy_(self.origin)


class Minibatches:
    """Room for a minibatch of each run, where the fleet computes.

    Attributes
    ----------
    images, labels : (R, N, 32, 32, 1) and (R, N).
    masks : of dropout, one for each place; None until a run drops values there.
    evaluate : what `FleetSearches` evaluates them with, on a GPU recorded once they are loaded.
    """

    def __init__(self, fleet: Fleet, size: int):
        like = fleet.weights[0]
        self.images = like.new_zeros(len(fleet), size, IMAGE_SIZE, IMAGE_SIZE, 1)
        self.labels = like.new_zeros(len(fleet), size, dtype=torch.int64)
        self.masks: list[Tensor | None] = [None] * (fleet.config.stages + 1)
        self.evaluate: Callable[[], Tensor] | None = None

    def load(self, run: int, batch: Images, masks: Masks) -> None:
        """Put a run's next minibatch and its masks in the place of those before."""
        self.images[run].copy_(batch.pixels.movedim(1, -1))
        self.labels[run].copy_(batch.labels)
        for place, mask in enumerate(masks or ()):
            if mask is not None:
                mask = mask.movedim(1, -1)
                if (room := self.masks[place]) is None:
                    room = self.masks[place] = self.images.new_ones(len(self.images), *mask.shape)
                room[run].copy_(mask)


class FleetSearches:
    """Conjugate gradient on the minibatches of each run.

    The weights of the fleet become views of one matrix with a row for each run, as do their gradients: work on the
    vectors of all runs is then one call, and on those of one run as well. The numbers that the searches need come back
    once for each evaluation, for all runs together.

    Parameters
    ----------
    fleet : whose weights are moved.
    batch_size : images per minibatch.
    line_searches : on each minibatch.

    Attributes
    ----------
    wrong, gradients : of each run in this epoch, its misclassified images and its gradients.
    diverged : for each run that diverged, its weights, which have not moved since the minibatch before.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> from labcode.seeds import stream
    >>> fleet = Fleet([ConvNet(ConvNetConfig(width=2), stream(seed, "initial weights")) for seed in range(3)])
    >>> digits = load("tenth", seed=0).train
    >>> searches = FleetSearches(fleet, batch_size=1, line_searches=2)
    >>> wrong, gradients = searches.train_epoch([[(digits[run : run + 1], None)] for run in range(3)], images=1)
    >>> max(wrong) <= 1 < min(gradients)
    True
    """

    def __init__(self, fleet: Fleet, batch_size: int, line_searches: int):
        self.fleet, self.batch_size, self.line_searches = fleet, batch_size, line_searches
        runs = len(fleet)
        rows = torch.cat([weight.flatten(1) for weight in fleet.weights], dim=1)
        self.points = torch.nn.functional.pad(rows, (0, -rows.shape[1] % ALIGNED))
        self.origins = torch.empty_like(self.points)
        # Side by side, so that one product with the gradients gives all three sums that the searches need.
        self.vectors = self.points.new_zeros(runs, 3, self.points.shape[1])
        self.directions, _, self.gradient = self.vectors.unbind(1)
        fleet.use(self._views(self.points), self._views(self.gradient))
        self.lines = [FleetLine(*rows) for rows in zip(self.points, self.origins, self.vectors, strict=True)]
        self.lengths = self.points.new_zeros(runs, 1)
        self.rooms: dict[int, Minibatches] = {}
        self.diverged: dict[int, list[Tensor]] = {}

    def _views(self, rows: Tensor) -> list[Tensor]:
        """Return the parts of each row, in the shapes of the weights."""
        weights = self.fleet.weights
        sizes = [weight[0].numel() for weight in weights]
        parts = rows[:, : sum(sizes)].split(sizes, dim=1)
        return [part.unflatten(1, weight.shape[1:]) for part, weight in zip(parts, weights, strict=True)]

    @torch.no_grad()
    def train_epoch(
        self, minibatches: Sequence[Iterable[tuple[Images, Masks]]], images: int
    ) -> tuple[list[int], list[int]]:
        """Take every run through its minibatches; return each one's misclassified images and its gradients.

        Parameters
        ----------
        minibatches : of each run, as `labcode.training.loop.minibatches` yields them.
        images : in all of them; their last minibatch has what is left.
        """
        self.wrong, self.gradients = [0] * len(self.fleet), [0] * len(self.fleet)
        self.origins.copy_(self.points)
        coming = [iter(each) for each in minibatches]
        whole, rest = divmod(images, self.batch_size)
        if whole:
            self._take(self.batch_size, [islice(each, whole) for each in coming])
        if rest:
            self._take(rest, coming)
        return self.wrong, self.gradients

    def _take(self, size: int, coming: Sequence[Iterator[tuple[Images, Masks]]]) -> None:
        """Evaluate again and again, until every run is through its minibatches of this size."""
        room = self.rooms.setdefault(size, Minibatches(self.fleet, size))
        alive = self.fleet.alive.tolist()
        active = {run: self._train(run, own, room) for run, own in enumerate(coming) if alive[run]}
        lengths = [0.0] * len(self.fleet)
        for run, training in active.items():
            lengths[run] = next(training)
        if room.evaluate is None:
            room.evaluate = partial(self._evaluate, room)
            if self.lengths.device.type == "cuda":
                room.evaluate = recorded(room.evaluate)
        while active:
            self.lengths.copy_(torch.tensor(lengths, dtype=self.lengths.dtype, device="cpu")[:, None])
            found = room.evaluate().tolist()
            for run, training in list(active.items()):
                self.gradients[run] += 1
                self.lines[run].found = found[run]
                try:
                    lengths[run] = training.send(found[run][0])
                except (StopIteration, NotFiniteError) as end:
                    lengths[run] = 0.0
                    del active[run]
                    if isinstance(end, NotFiniteError):
                        self.fleet.alive[run] = False
                        self.diverged[run] = [weight[run].clone() for weight in self.fleet.weights]

    def _train(
        self, run: int, coming: Iterator[tuple[Images, Masks]], room: Minibatches
    ) -> Generator[float, float, None]:
        """Yield the lengths at which a run needs its loss, minibatch after minibatch."""
        line = self.lines[run]
        for batch, masks in coming:
            room.load(run, batch, masks)
            lengths = minimize(line, self.line_searches)
            loss = yield next(lengths)
            self.wrong[run] += int(line.found[1])
            with suppress(StopIteration):
                while True:
                    loss = yield lengths.send(loss)
            line.start()

    def _evaluate(self, room: Minibatches) -> Tensor:
        """Move every run to its length along its line, and compute `FleetLine.found` of each there, (R, 5)."""
        torch.addcmul(self.origins, self.lengths, self.directions, out=self.points)
        outputs = self.fleet.forward(room.images, room.masks)
        self.gradient.zero_()
        self.fleet.backward(outputs, room.labels, torch.ones_like(self.lengths[:, 0]))
        wrong = (outputs.argmax(2) != room.labels).sum(1)
        sums = torch.bmm(self.vectors, self.gradient[..., None])[..., 0]
        return torch.cat([losses(outputs, room.labels)[:, None], wrong[:, None], sums], dim=1)
