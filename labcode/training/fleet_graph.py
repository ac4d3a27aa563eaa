"""The steps of a fleet, several at a time; on a GPU as one CUDA graph, so that launching kernels costs nothing."""

from collections.abc import Sequence

import torch
from torch import Tensor

from labcode.training.fleet_network import Fleet, FleetMasks


class Steps:
    """Steps of `Fleet.step` on as many images as are fetched at a time.

    On a GPU the first call captures these steps in a CUDA graph and later calls replay it. A call with fewer images,
    such as the last of an epoch, takes its steps one by one.

    Parameters
    ----------
    fleet : whose weights are moved.
    batch_size : images per step.
    images_ahead : images that are fetched at a time, at least a minibatch.
    """

    def __init__(self, fleet: Fleet, batch_size: int, images_ahead: int):
        self.fleet, self.batch_size = fleet, batch_size
        self.images = max(1, images_ahead // batch_size) * batch_size
        self.graph: torch.cuda.CUDAGraph | None = None

    def take(self, images: Tensor, labels: Tensor, masks: FleetMasks, rates: Tensor) -> Tensor:
        """Take the steps; return the number of misclassified images of each run, (R,).

        Parameters
        ----------
        images, labels : (R, images, 32, 32, 1) and (R, images).
        masks : of dropout, for all of them.
        rates : learning rates, (R, steps).
        """
        if images.device.type != "cuda" or images.shape[1] != self.images:
            return self._take(images, labels, masks, rates)
        inputs = [images, labels, rates, *(mask for mask in masks if mask is not None)]
        if self.graph is None:
            self._capture(inputs, masks)
        assert self.graph is not None
        for static, given in zip(self.inputs, inputs, strict=True):
            static.copy_(given)
        self.graph.replay()
        return self.wrong

    def _take(self, images: Tensor, labels: Tensor, masks: FleetMasks, rates: Tensor) -> Tensor:
        wrong = torch.zeros(len(self.fleet), dtype=torch.int64, device=images.device)
        for number, start in enumerate(range(0, images.shape[1], self.batch_size)):
            part = slice(start, start + self.batch_size)
            taken = [mask if mask is None else mask[:, part] for mask in masks]
            wrong += self.fleet.step(images[:, part], labels[:, part], taken, rates[:, number])
        return wrong

    def _capture(self, inputs: Sequence[Tensor], masks: FleetMasks) -> None:
        """Record the steps on buffers of their own. The warm-up has learning rate 0, so it moves nothing."""
        self.inputs = [tensor.clone() for tensor in inputs]
        images, labels, rates, *kept = self.inputs
        rest = iter(kept)
        static = [mask if mask is None else next(rest) for mask in masks]
        rates.zero_()
        alive = self.fleet.alive.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self._take(images, labels, static, rates)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.wrong = self._take(images, labels, static, rates)
        self.fleet.alive.copy_(alive)
