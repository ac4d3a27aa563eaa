"""The bench with loops of other people's frameworks: torch.compile, JAX and TensorFlow, where they are installed.

    pip install jax tensorflow-cpu
    python tools/peers.py [--json]

prints what ``python -m labcode bench`` prints, with rows for these loops too. Each loop takes a `ConvNet`, copies its
weights, and returns an endless iterator: every ``next`` is one step of plain SGD on the next minibatch of shuffled
images, and yields the minibatch's mean loss.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from shutil import which
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from labcode.bench import fleets, steps
from labcode.bench.idiomatic import idiomatic_net, torch_steps
from labcode.bench.timing import Steps
from labcode.data import Images
from labcode.network import ConvNet, ConvNetConfig
from labcode.network.config import NORM_SIZE
from labcode.network.convnet import Stage
from labcode.network.manual_layers import local_average
from labcode.seeds import stream
from labcode.training.fleet_graph import recorded

Array = Any  # JAX's and TensorFlow's own; they may not be installed


def available() -> dict[str, steps.Loop]:
    """Return the loops that this machine can run; torch.compile needs a C++ compiler.

    >>> set(available()) <= {"compiled", "jax", "tensorflow"}
    True
    """
    needs = {
        compiled: any(map(which, ("g++", "clang++", "cl"))),
        jax: find_spec("jax") is not None,
        tensorflow: find_spec("tensorflow") is not None,
    }
    return {loop.__name__: loop for loop, met in needs.items() if met}


def compiled(net: ConvNet, images: Images, batch_size: int, lr: float) -> Steps:
    """Train as the idiomatic loop does, with the network passed through ``torch.compile``."""
    torch.compiler.reset()
    # A compiled module is a module, though `torch.compile` promises no more than something to call.
    model = cast(nn.Module, torch.compile(idiomatic_net(net), dynamic=False))
    return torch_steps(model, images, batch_size, lr)


def jax(net: ConvNet, images: Images, batch_size: int, lr: float) -> Steps:
    """Train with JAX: one jitted step, each convolution one matrix product over gathered windows (channels last)."""
    _refuse_padding(net)
    import jax

    weights, step = _jax_step(net, lr)
    step = jax.jit(step, donate_argnums=0)
    key = jax.random.key(0)
    for pixels, labels in _numpy_batches(images, batch_size):
        key, used = jax.random.split(key)
        weights, loss = step(weights, pixels, labels, used)
        yield float(loss)


def _jax_step(net: ConvNet, lr: float) -> tuple[Array, Callable[..., tuple[Array, Array]]]:
    """Return the weights, and a step from weights, pixels, labels and key to weights and loss."""
    import jax
    import jax.numpy as jnp

    config = net.config
    rates = config.dropout or (0.0,) * (config.stages + 1)
    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[config.activation]
    filters = [
        (_numpy(s.convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)), _numpy(s.convolution.bias))
        for s in _stages(net)
    ]
    linears = [
        (_numpy(_channels_last_columns(net)).T, _numpy(net.hidden.bias)),
        (_numpy(net.output.weight).T, _numpy(net.output.bias)),
    ]
    averages = [jnp.asarray(_numpy(local_average(shape.pooled, NORM_SIZE).float())) for shape in config.shapes]

    def windows(x: Array, size: int, stride: int, side: int) -> list[Array]:
        end = stride * (side - 1) + 1
        return [x[:, r : r + end : stride, c : c + end : stride] for r in range(size) for c in range(size)]

    def drop(x: Array, rate: float, key: Array) -> Array:
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0) if rate else x

    def loss_of(weights: Array, pixels: Array, labels: Array, key: Array) -> Array:
        filters, linears = weights
        keys = jax.random.split(key, len(rates))
        x = pixels
        for (w, b), shape, average, rate, k in zip(filters, config.shapes, averages, rates, keys, strict=False):
            columns = jnp.concatenate(windows(x, config.filter, 1, shape.convolved), axis=-1)
            x = activation(columns.reshape(-1, len(w)) @ w + b).reshape(len(x), shape.convolved, shape.convolved, -1)
            if shape.convolved > 1:
                powers = sum(windows(jnp.abs(x) ** config.exponent, config.pool, config.pool_stride, shape.pooled))
                silent = powers == 0
                x = jnp.where(silent, 0, jnp.where(silent, 1, powers) ** (1 / config.exponent))
            if config.normalize:
                means = x.mean(axis=-1).reshape(len(x), -1) @ average.T
                x = x - means.reshape(*x.shape[:-1], 1)
            x = drop(x, rate, k)
        (w, b), (w_out, b_out) = linears
        x = drop(activation(x.reshape(len(x), -1) @ w + b), rates[-1], keys[-1])
        scores = jax.nn.log_softmax(x @ w_out + b_out)
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    def step(weights: Array, pixels: Array, labels: Array, key: Array) -> tuple[Array, Array]:
        loss, gradient = jax.value_and_grad(loss_of)(weights, pixels, labels, key)
        return jax.tree.map(lambda w, g: w - lr * g, weights, gradient), loss

    return jax.tree.map(jnp.asarray, (filters, linears)), step


def tensorflow(net: ConvNet, images: Images, batch_size: int, lr: float) -> Steps:
    """Train with TensorFlow: one ``tf.function`` step of its own operations (channels last)."""
    _refuse_padding(net)
    import tensorflow as tf

    config = net.config
    rates = config.dropout or (0.0,) * (config.stages + 1)
    activation = {"tanh": tf.tanh, "relu": tf.nn.relu, "sigmoid": tf.sigmoid}[config.activation]
    variables = [
        tf.Variable(_numpy(tensor))
        for s in _stages(net)
        for tensor in (s.convolution.weight.permute(2, 3, 1, 0), s.convolution.bias)
    ] + [
        tf.Variable(array)
        for array in (
            _numpy(_channels_last_columns(net)).T,
            _numpy(net.hidden.bias),
            _numpy(net.output.weight).T,
            _numpy(net.output.bias),
        )
    ]
    averages = [tf.constant(_numpy(local_average(shape.pooled, NORM_SIZE).float()).T) for shape in config.shapes]

    def outputs(x: Array) -> Array:
        parameters = iter(variables)
        for shape, average, rate in zip(config.shapes, averages, rates, strict=False):
            x = activation(tf.nn.bias_add(tf.nn.conv2d(x, next(parameters), 1, "VALID"), next(parameters)))
            if shape.convolved > 1:
                window = config.pool**2
                powers = tf.nn.avg_pool2d(tf.abs(x) ** config.exponent, config.pool, config.pool_stride, "VALID")
                silent = powers == 0
                roots = tf.where(silent, tf.ones_like(powers), window * powers) ** (1 / config.exponent)
                x = tf.where(silent, tf.zeros_like(powers), roots)
            if config.normalize:
                means = tf.reshape(tf.reduce_mean(x, axis=-1), (batch_size, -1)) @ average
                x -= tf.reshape(means, (batch_size, shape.pooled, shape.pooled, 1))
            x = tf.nn.dropout(x, rate) if rate else x
        x = activation(tf.reshape(x, (batch_size, -1)) @ next(parameters) + next(parameters))
        x = tf.nn.dropout(x, rates[-1]) if rates[-1] else x
        return x @ next(parameters) + next(parameters)

    @tf.function
    def step(pixels: Array, labels: Array) -> Array:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs(pixels)))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(lr * gradient)
        return loss

    for pixels, labels in _numpy_batches(images, batch_size):
        yield float(step(tf.constant(pixels), tf.constant(labels)))


# --- many runs at once, beside the fleets of `labcode.bench.fleets` ---------------------------------------------


def vmap(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """Map ``torch.func.grad`` over stacked modules, compiled; on a GPU all steps in one CUDA graph."""
    nets = [idiomatic_net(ConvNet(replace(config, dropout=()), stream(0, "initial weights"))).to(device)] * runs
    weights, buffers = torch.func.stack_module_state(list(nets))
    weights = {name: weight.detach() for name, weight in weights.items()}
    pixels, labels = fleets.digits(runs, device)
    images = pixels.movedim(4, 2).contiguous()

    def loss(own: dict, fixed: dict, image: Tensor, label: Tensor) -> Tensor:
        return nn.functional.cross_entropy(torch.func.functional_call(nets[0], (own, fixed), (image,)), label)

    gradient = torch.func.vmap(torch.func.grad(loss))
    if device == "cuda":
        torch._dynamo.config.recompile_limit = 64  # beyond it, everything would run uncompiled
        gradient = torch.compile(gradient, dynamic=False, fullgraph=True)

    @torch.no_grad()
    def act() -> Tensor:
        for i in range(fleets.STEPS):
            found = gradient(weights, buffers, images[:, i : i + 1], labels[:, i : i + 1])
            for name, weight in weights.items():
                weight.sub_(found[name], alpha=fleets.RATE)
        return weights["0.weight"]

    return recorded(act) if device == "cuda" else act


def grouped(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """Make all runs one network: convolutions with a group per run, linear layers as convolutions of their maps' size.

    It has neither normalization nor dropout. On a GPU all steps are in one CUDA graph.
    """
    width, side, activation = config.width, config.shapes[-1].pooled, getattr(torch, config.activation)
    channels = [1, *[width] * config.stages]
    convolutions = [
        nn.Conv2d(runs * a, runs * b, config.filter, padding=config.padding, groups=runs) for a, b in pairwise(channels)
    ]
    hidden = nn.Conv2d(runs * width, runs * config.hidden, side, groups=runs)
    output = nn.Conv2d(runs * config.hidden, runs * 10, 1, groups=runs)
    net = nn.ModuleList([*convolutions, hidden, output]).to(device)
    weights, (pixels, labels) = list(net.parameters()), fleets.digits(runs, device)

    def act() -> Tensor:
        for i in range(fleets.STEPS):
            x = pixels[:, i, :, :, 0][None]
            for convolution, shape in zip(convolutions, config.shapes, strict=True):
                x = activation(convolution(x))
                if shape.convolved > 1:
                    x = nn.functional.lp_pool2d(x, config.exponent, config.pool, config.pool_stride)
            scores = output(activation(hidden(x))).view(runs, 10)
            loss = nn.functional.cross_entropy(scores, labels[:, i], reduction="sum")
            with torch.no_grad():
                for weight, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                    weight.sub_(g, alpha=fleets.RATE)
        return weights[0]

    return recorded(act) if device == "cuda" else act


def jax_vmap(config: ConvNetConfig, runs: int, device: str) -> Callable[[], object]:
    """Map the step of `jax` over stacked weights; all steps are one jitted scan."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        raise RuntimeError("JAX is not installed: pip install 'jax[cuda13]'.") from None
    if (found := jax.default_backend()) != {"cuda": "gpu"}.get(device, device):
        raise RuntimeError(f"JAX computes on {found!r} here; this was asked for {device!r}.")
    net = ConvNet(config, stream(0, "initial weights"))
    own, step = _jax_step(net, fleets.RATE)
    weights = jax.tree.map(lambda weight: jnp.stack([weight] * runs), own)
    pixels, labels = (jnp.asarray(each.cpu().numpy()).swapaxes(0, 1)[:, :, None] for each in fleets.digits(runs, "cpu"))

    def take(weights: Array, given: Array) -> tuple[Array, Array]:
        pixels, labels, key = given
        return jax.vmap(step)(weights, pixels, labels, jax.random.split(key, runs))

    @partial(jax.jit, donate_argnums=0)
    def scan(weights: Array, key: Array) -> Array:
        return jax.lax.scan(take, weights, (pixels, labels, jax.random.split(key, fleets.STEPS)))[0]

    keys = iter(jax.random.split(jax.random.key(0), 10_000))

    def act() -> None:
        nonlocal weights
        weights = jax.block_until_ready(scan(weights, next(keys)))

    return act


MANY_RUNS: dict[str, fleets.Way] = {
    "torch.func, vmap": vmap,
    "grouped convolution": grouped,
    "JAX, vmap": jax_vmap,
}


def _refuse_padding(net: ConvNet) -> None:
    if net.config.padding:
        raise ValueError(
            f"padding is {net.config.padding}; it must be 0, as this loop's convolutions have none (the idiomatic and "
            "the compiled loop take any)."
        )


def _stages(net: ConvNet) -> list[Stage]:
    """Return all stages: to a type checker, a ModuleList holds modules of any type."""
    return [stage for stage in net.stages if isinstance(stage, Stage)]


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy().copy()


def _channels_last_columns(net: ConvNet) -> Tensor:
    """Return the hidden layer's weights with their columns in the order (row, column, channel)."""
    config = net.config
    side = config.shapes[-1].pooled
    return net.hidden.weight.view(-1, config.width, side, side).permute(0, 2, 3, 1).flatten(1)


def _numpy_batches(images: Images, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield shuffled minibatches endlessly: pixels (N, 32, 32, 1) and labels (N,), without a last partial one."""
    pixels, labels = images.pixels.permute(0, 2, 3, 1).numpy(), images.labels.numpy().astype(np.int32)
    random = np.random.default_rng(0)
    while True:
        order = random.permutation(len(labels))
        for start in range(0, len(labels) - batch_size + 1, batch_size):
            places = order[start : start + batch_size]
            yield pixels[places], labels[places]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow: warnings and errors only
    packages = ("jax", "tensorflow", "tensorflow-cpu")
    steps.main("--json" in sys.argv[1:], steps.LOOPS | available(), packages)
