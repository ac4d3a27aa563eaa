"""How often a network errs: images misclassified, with dropout off."""

from collections.abc import Callable

import torch

from labcode.checks import instance_of
from labcode.data.mnist import Images, UnseenImages
from labcode.machine import fixed_settings
from labcode.network.backprop import CHUNK, HandProp
from labcode.network.config import CLASSES
from labcode.network.convnet import ConvNet

IMAGES_AT_ONCE = 64 * CHUNK
"""Images that `predict` takes at a time, so that those a run never saw need not all be in memory."""


@fixed_settings()
def count_errors(net: torch.nn.Module, images: Images) -> int:
    """Count the images that ``net`` misclassifies, with dropout off.

    Parameters
    ----------
    net : a `ConvNet`, or any module that maps images (N, 1, 32, 32) to a number for each digit, (N, 10).
    images : with at least one image.

    Raises
    ------
    ValueError : there are no images.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> from labcode.seeds import stream
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> 0 <= count_errors(net, load("tenth", seed=0).validation[:50]) <= 50
    True
    """
    _require_images(images, Images)
    return count_with(evaluator(net), images)


@fixed_settings()
def predict(net: torch.nn.Module, images: Images | UnseenImages) -> torch.Tensor:
    """Return the digits (N,) that ``net`` sees in the images, with dropout off.

    Parameters
    ----------
    net, images : as for `count_errors`; the images may also be those that a run never saw.

    >>> from labcode.data import load
    >>> from labcode.network import ConvNet, ConvNetConfig
    >>> from labcode.seeds import stream
    >>> net = ConvNet(ConvNetConfig(width=2), stream(0, "initial weights"))
    >>> tuple(predict(net, load("tenth", seed=0).validation[:50]).shape)
    (50,)
    """
    _require_images(images, Images, UnseenImages)
    evaluate = evaluator(net)
    parts = (images[start : start + IMAGES_AT_ONCE] for start in range(0, len(images), IMAGES_AT_ONCE))
    return torch.cat([evaluate(part.pixels).argmax(dim=1) for part in parts])


def _require_images(images: Images | UnseenImages, *kinds: type) -> None:
    instance_of("images", images, *kinds)
    if not len(images):
        raise ValueError("There are no images; at least one is needed.")


def evaluator(net: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function from images to ``net``'s log-probabilities (N, 10), dropout off.

    It is the hand-written pass if that knows the network, since it is faster, and otherwise the network itself.
    """
    instance_of("net", net, torch.nn.Module)
    if isinstance(net, ConvNet) and not net.alterations():
        return HandProp(net).log_probabilities

    @torch.no_grad()
    def evaluate(pixels: torch.Tensor) -> torch.Tensor:
        modes = {module: module.training for module in net.modules()}
        net.eval()  # replaced parts may behave differently in training, such as a dropout of their own
        try:
            outputs = torch.cat([net(chunk) for chunk in pixels.split(CHUNK)])
        finally:
            for module, mode in modes.items():
                module.training = mode
        if outputs.shape != (len(pixels), CLASSES):
            shape = tuple(outputs.shape)
            raise ValueError(f"net returns {shape} for {len(pixels)} images; it must return {(len(pixels), CLASSES)}.")
        return outputs

    return evaluate


def count_with(evaluate: Callable[[torch.Tensor], torch.Tensor], images: Images) -> int:
    return misclassified(evaluate(images.pixels), images)


def misclassified(outputs: torch.Tensor, batch: Images) -> int:
    return int((outputs.argmax(dim=1) != batch.labels).sum())
