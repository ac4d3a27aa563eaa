"""The steps of a fleet, several at a time; on a GPU as one CUDA graph, so that launching kernels costs nothing."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from labcode.training.fleet_dropout import Bits, FleetDropout
from labcode.training.fleet_network import Fleet


class Steps:
    """Steps of `Fleet.step` on some minibatches at a time.

    On a GPU the first call captures its steps in a CUDA graph, and later calls with as many images replay it. Other
    calls, such as the last of an epoch, take their steps one by one.

    Nothing in a graph can wait for a loss. So a call after which a run has diverged is taken back, and its steps are
    taken again one by one.

    Parameters
    ----------
    fleet : whose weights are moved.
    pixels, labels : the training images of each run, (R, N, 32, 32, 1) and (R, N), where the fleet computes.
    dropout : of the runs.
    batch_size : images per step.

    Attributes
    ----------
    diverged : for each run that diverged, its weights before the step that failed. Weights of zero, which give a finite
        loss, stand in its place in the fleet.
    """

    def __init__(self, fleet: Fleet, pixels: Tensor, labels: Tensor, dropout: FleetDropout, batch_size: int):
        self.fleet, self.pixels, self.labels, self.dropout = fleet, pixels, labels, dropout
        self.batch_size = batch_size
        self.runs = torch.arange(len(fleet), device=pixels.device)[:, None]
        self.before = [weight.clone() for weight in fleet.weights]
        self.diverged: dict[int, list[Tensor]] = {}
        self.in_graph = pixels.device.type == "cuda"
        self.replayed: Callable[[], Tensor] | None = None

    def take(self, places: Tensor, rates: Tensor, bits: Bits) -> Tensor:
        """Take the steps; return the number of misclassified images of each run, (R,).

        Parameters
        ----------
        places : which of its images each run takes, (R, images).
        rates : learning rates, (R, steps).
        bits : of dropout, from `FleetDropout.draw`.
        """
        inputs = [places, rates, *bits]
        alive = self.fleet.alive.clone()
        self._keep()
        if self.in_graph and self.replayed is None:
            self._capture(inputs)
        replays = self.in_graph and self.inputs[0].shape == places.shape
        wrong = self._replay(inputs) if replays else self._take(inputs)
        if torch.equal(alive, self.fleet.alive):
            return wrong
        self._take_back(alive)
        return self._take(inputs, one_by_one=True)

    def _keep(self) -> None:
        for kept, weight in zip(self.before, self.fleet.weights, strict=True):
            kept.copy_(weight)

    def _take_back(self, alive: Tensor) -> None:
        for kept, weight in zip(self.before, self.fleet.weights, strict=True):
            weight.copy_(kept)
        self.fleet.alive.copy_(alive)

    def _take(self, inputs: Sequence[Tensor], one_by_one: bool = False) -> Tensor:
        places, rates, *bits = inputs
        pixels, labels = self.pixels[self.runs, places], self.labels[self.runs, places]
        kept = self.dropout.expand(bits, places.shape[1])
        wrong = torch.zeros(len(self.fleet), dtype=torch.int64, device=places.device)
        for number, start in enumerate(range(0, places.shape[1], self.batch_size)):
            part = slice(start, start + self.batch_size)
            if one_by_one:
                alive = self.fleet.alive.clone()
                self._keep()
            masks = self.dropout.masks(kept, part)
            wrong += self.fleet.step(pixels[:, part], labels[:, part], masks, rates[:, number])
            if one_by_one:
                self._stop(alive & ~self.fleet.alive)
        return wrong

    def _stop(self, failed: Tensor) -> None:
        for run in torch.nonzero(failed).flatten().tolist():
            self.diverged[run] = [kept[run].clone() for kept in self.before]
            for weight in self.fleet.weights:
                weight[run] = 0

    def _capture(self, inputs: Sequence[Tensor]) -> None:
        """Record the steps on inputs of their own, after steps that are taken back."""
        self.inputs = [tensor.clone() for tensor in inputs]
        alive = self.fleet.alive.clone()
        self.replayed = recorded(lambda: self._take(self.inputs))
        self._take_back(alive)

    def _replay(self, inputs: Sequence[Tensor]) -> Tensor:
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        assert self.replayed is not None
        return self.replayed()


def recorded(act: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Run ``act`` twice, then record as a CUDA graph what it launches; return a function that replays it.

    ``act`` may read and write only tensors that stay where they are. Its result is always the same tensor.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            act()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = act()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay
