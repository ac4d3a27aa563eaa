"""Where a hand-written training step spends its time: each layer, forward and backward."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from labcode.data.mnist import Images
from labcode.network.config import ConvNetConfig
from labcode.network.convnet import ConvNet
from labcode.seeds import stream
from labcode.training.engines import HandSteps
from labcode.training.loop import minibatches

LEARNING_RATE = 1e-3
WARM_UP = 20


def profile(config: ConvNetConfig, images: Images, steps: int) -> list[dict[str, Any]]:
    """Time both passes of every layer over ``steps`` training steps with one image each.

    Returns one row per layer, ``{"part": ..., "forward_ms": ..., "backward_ms": ...}``, in milliseconds per step. The
    last row is what no layer accounts for: fetching images and masks, and copies between layers. A layer's backward
    pass includes the update of its weights. Reading the clock adds about a microsecond to each number.

    >>> import torch
    >>> digits = Images(torch.zeros(30, 1, 32, 32), torch.zeros(30, dtype=torch.int64))
    >>> rows = profile(ConvNetConfig(width=2, stages=1), digits, steps=5)
    >>> [row["part"] for row in rows][:2], rows[-1]["part"]
    (['stage 1, Convolution', 'stage 1, Tanh'], 'everything else')
    """
    net = ConvNet(config, stream(0, "initial weights"))
    engine = HandSteps(net, LEARNING_RATE)
    layers = engine.hand.pass_for(1).named_layers
    spent: dict[tuple[str, str], float] = defaultdict(float)
    for name, layer in layers.items():
        # The backward pass of a layer with weights has two parts; the first layer takes only the second.
        parts = ("at_input", "add_gradient") if hasattr(layer, "add_gradient") else ("backward",)
        for part in ("forward", *parts):
            way = "forward" if part == "forward" else "backward"
            setattr(layer, part, _timed(getattr(layer, part), spent, (name, way)))
    orders, masks = stream(0, "order of images"), stream(0, "dropout")
    begun, taken = 0.0, 0
    while taken < WARM_UP + steps:
        for batch, drawn in minibatches(net, images, 1, orders, masks):
            if taken == WARM_UP:
                spent.clear()
                begun = time.perf_counter()
            engine.step(batch, drawn)
            taken += 1
            if taken == WARM_UP + steps:
                break
    total = time.perf_counter() - begun
    rows = [
        {"part": name} | {f"{way}_ms": 1e3 * spent[name, way] / steps for way in ("forward", "backward")}
        for name in layers
    ]
    return [
        *rows,
        {"part": "everything else", "forward_ms": 1e3 * (total - sum(spent.values())) / steps, "backward_ms": 0.0},
    ]


def _timed(method: Callable[..., Any], spent: dict[tuple[str, str], float], key: tuple[str, str]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = method(*arguments, **options)
        spent[key] += time.perf_counter() - start
        return result

    return timed
