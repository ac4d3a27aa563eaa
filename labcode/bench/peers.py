"""The same network and training step as other people would write them: what the bench compares ours with.

Each peer takes a `ConvNet`, copies its weights, and returns an endless iterator: every ``next`` is one step of plain
SGD on the next minibatch of shuffled images, and yields that minibatch's mean loss.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from shutil import which
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from labcode.data.mnist import Images
from labcode.network.config import NORM_SIZE
from labcode.network.convnet import ConvNet, Stage
from labcode.network.layers import LpPool2d, SubtractiveNorm2d, gaussian_window

Array = Any  # JAX's and TensorFlow's own; neither need be installed

MODULES: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def available() -> list[str]:
    """Return the peers that this machine can run; torch.compile needs a C++ compiler.

    >>> "idiomatic" in available()
    True
    """
    needs = {
        "idiomatic": True,
        "compiled": any(map(which, ("g++", "clang++", "cl"))),
        "jax": find_spec("jax") is not None,
        "tensorflow": find_spec("tensorflow") is not None,
    }
    return [name for name, met in needs.items() if met]


def idiomatic_net(net: ConvNet) -> nn.Sequential:
    """Return ``net`` as an ``nn.Sequential`` of the framework's modules (and our two layers that it lacks).

    Images (N, 1, 32, 32) in, scores (N, 10) out: the log-softmax is left to ``nn.CrossEntropyLoss``.

    >>> from labcode.network.config import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator().manual_seed(0))
    >>> images = torch.ones(1, 1, 32, 32)
    >>> torch.allclose(idiomatic_net(net)(images).log_softmax(dim=1), net(images), atol=1e-5)
    True
    """
    config = net.config
    rates = config.dropout or (0.0,) * (config.stages + 1)
    activation = MODULES[config.activation]
    layers: list[nn.Module] = []
    channels = 1
    for shape, rate in zip(config.shapes, rates[:-1], strict=True):
        layers += [nn.Conv2d(channels, config.width, config.filter, padding=config.padding), activation()]
        if shape.convolved > 1:
            layers.append(LpPool2d(config.exponent, config.pool, config.pool_stride))
        if config.normalize:
            layers.append(SubtractiveNorm2d(NORM_SIZE))
        layers += [nn.Dropout(rate)] if rate else []
        channels = config.width
    layers += [nn.Flatten(), nn.Linear(config.features, config.hidden), activation()]
    layers += [nn.Dropout(rates[-1])] if rates[-1] else []
    layers.append(nn.Linear(config.hidden, net.output.out_features))
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), net.parameters(), strict=True):
            mine.copy_(theirs)
    return model


def idiomatic(net: ConvNet, images: Images, batch_size: int, learning_rate: float) -> Iterator[float]:
    """Train as a PyTorch tutorial does: modules, a DataLoader, autograd, ``torch.optim.SGD``.

    >>> from labcode.network.config import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator().manual_seed(0))
    >>> digits = Images(torch.zeros(4, 1, 32, 32), torch.tensor([1, 2, 3, 4]))
    >>> losses = idiomatic(net, digits, batch_size=2, learning_rate=0.01)
    >>> 1 < next(losses) < 4
    True
    """
    return _torch_steps(idiomatic_net(net), images, batch_size, learning_rate)


def compiled(net: ConvNet, images: Images, batch_size: int, learning_rate: float) -> Iterator[float]:
    """Train as `idiomatic`, the network passed through ``torch.compile``.

    >>> from labcode.network.config import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator().manual_seed(0))
    >>> digits = Images(torch.zeros(4, 1, 32, 32), torch.tensor([1, 2, 3, 4]))
    >>> 1 < next(compiled(net, digits, batch_size=2, learning_rate=0.01)) < 4  # doctest: +SKIP
    True
    """
    torch.compiler.reset()
    # A compiled module is a module, though `torch.compile` promises no more than something to call.
    model = cast(nn.Module, torch.compile(idiomatic_net(net), dynamic=False))
    return _torch_steps(model, images, batch_size, learning_rate)


def _torch_steps(model: nn.Module, images: Images, batch_size: int, learning_rate: float) -> Iterator[float]:
    loader = DataLoader(
        TensorDataset(images.pixels, images.labels), batch_size, shuffle=True, num_workers=0, drop_last=True
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    while True:
        for pixels, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(pixels), labels)
            loss.backward()
            optimizer.step()
            yield loss.item()


def jax(net: ConvNet, images: Images, batch_size: int, learning_rate: float) -> Iterator[float]:
    """Train with JAX: one jitted step, each convolution one matrix product over gathered windows (channels last)."""
    _refuse_padding(net)
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
    averages = [jnp.asarray(_local_average(shape.pooled)) for shape in config.shapes]

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
        return jax.tree.map(lambda w, g: w - learning_rate * g, weights, gradient), loss

    step = jax.jit(step, donate_argnums=0)
    weights = jax.tree.map(jnp.asarray, (filters, linears))
    key = jax.random.key(0)
    for pixels, labels in _numpy_batches(images, batch_size):
        key, used = jax.random.split(key)
        weights, loss = step(weights, pixels, labels, used)
        yield float(loss)


def tensorflow(net: ConvNet, images: Images, batch_size: int, learning_rate: float) -> Iterator[float]:
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
    averages = [tf.constant(_local_average(shape.pooled).T) for shape in config.shapes]

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
            variable.assign_sub(learning_rate * gradient)
        return loss

    for pixels, labels in _numpy_batches(images, batch_size):
        yield float(step(tf.constant(pixels), tf.constant(labels)))


def _refuse_padding(net: ConvNet) -> None:
    if net.config.padding:
        raise ValueError(
            f"padding is {net.config.padding}; this peer's convolutions have none, so it must be 0 (the idiomatic and "
            "the compiled peer take any)."
        )


def _stages(net: ConvNet) -> list[Stage]:
    return [stage for stage in net.stages if isinstance(stage, Stage)]  # all of them; a ModuleList does not say so


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy().copy()


def _channels_last_columns(net: ConvNet) -> Tensor:
    """Return the hidden layer's weights with their columns in the order (row, column, channel)."""
    config = net.config
    side = config.shapes[-1].pooled
    return net.hidden.weight.view(-1, config.width, side, side).permute(0, 2, 3, 1).flatten(1)


def _local_average(side: int) -> np.ndarray:
    """Return subtractive normalization's local average of a (side, side) map as a (side^2, side^2) matrix."""
    impulses = torch.eye(side**2).view(-1, 1, side, side)
    window = gaussian_window(NORM_SIZE).float()[None, None]
    border = NORM_SIZE // 2
    sums = nn.functional.conv2d(impulses, window, padding=border).flatten(1).T
    mass = nn.functional.conv2d(torch.ones(1, 1, side, side), window, padding=border).flatten()
    return (sums / mass[:, None]).numpy()


def _numpy_batches(images: Images, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield shuffled minibatches endlessly: pixels (N, 32, 32, 1) and labels (N,), the last partial one left out."""
    pixels, labels = images.pixels.permute(0, 2, 3, 1).numpy(), images.labels.numpy().astype(np.int32)
    random = np.random.default_rng(0)
    while True:
        order = random.permutation(len(labels))
        for start in range(0, len(labels) - batch_size + 1, batch_size):
            places = order[start : start + batch_size]
            yield pixels[places], labels[places]
