"""The same network and training loop as a PyTorch tutorial writes them: what the bench compares ours with."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from labcode.bench.timing import Steps
from labcode.data.mnist import Images
from labcode.network.config import NORM_SIZE
from labcode.network.convnet import ConvNet
from labcode.network.layers import LpPool2d, SubtractiveNorm2d

MODULES: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def idiomatic_net(net: ConvNet) -> nn.Sequential:
    """Return ``net`` as an ``nn.Sequential`` of PyTorch's modules, and of our two layers that PyTorch lacks.

    It maps images (N, 1, 32, 32) to scores (N, 10); the log-softmax is left to ``nn.CrossEntropyLoss``.

    >>> from labcode.network import ConvNetConfig
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


def idiomatic(net: ConvNet, images: Images, batch_size: int, lr: float) -> Steps:
    """Train a copy of ``net`` as a PyTorch tutorial does, endlessly; every ``next`` is one step of plain SGD.

    >>> from labcode.network import ConvNetConfig
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator().manual_seed(0))
    >>> digits = Images(torch.zeros(4, 1, 32, 32), torch.tensor([1, 2, 3, 4]))
    >>> losses = idiomatic(net, digits, batch_size=2, lr=0.01)
    >>> 1 < next(losses) < 4
    True
    """
    return torch_steps(idiomatic_net(net), images, batch_size, lr)


def torch_steps(model: nn.Module, images: Images, batch_size: int, lr: float) -> Steps:
    """Train ``model`` in place with a ``DataLoader``, autograd and ``torch.optim.SGD``, endlessly.

    Parameters
    ----------
    model : maps images (N, 1, 32, 32) to scores (N, 10).
    images, batch_size, lr : a last minibatch with fewer images is left out.

    >>> digits = Images(torch.zeros(4, 1, 32, 32), torch.tensor([1, 2, 3, 4]))
    >>> losses = torch_steps(nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10)), digits, batch_size=2, lr=0.01)
    >>> next(losses) > 0
    True
    """
    loader = DataLoader(
        TensorDataset(images.pixels, images.labels), batch_size, shuffle=True, num_workers=0, drop_last=True
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    while True:
        for pixels, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(pixels), labels)
            loss.backward()
            optimizer.step()
            yield loss.item()
