"""A trained network as one file: its configuration, its weights, and the normalization of its images.

The file is in the safetensors format, numbers and a header of JSON, so nothing in it can be executed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from labcode.checks import file_path, instance_of, real_number
from labcode.data.mnist import PADDING
from labcode.errors import LabcodeError
from labcode.files import write_whole
from labcode.machine import fixed_settings
from labcode.network.config import ConvNetConfig
from labcode.network.convnet import ConvNet

FINAL_FILE = Path(__file__).with_name("final.safetensors")
"""The final model, trained: it ships with the package."""


class WeightsError(LabcodeError, RuntimeError):
    """A file of weights is missing, damaged or of another kind."""


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A network with the normalization of its training images, which every other image needs too.

    Attributes
    ----------
    net : with its weights.
    mean, deviation : of the training part's pixels (0..255, padding included), as in `labcode.data.Mnist`.

    Raises
    ------
    ValueError : a mean that is not finite, or a deviation that is not above 0.

    >>> trained = TrainedNet(ConvNet(ConvNetConfig(width=2), torch.Generator()), mean=25.5, deviation=51.0)
    >>> pixels = trained.prepare(np.full((1, 28, 28), 255, dtype=np.uint8))
    >>> tuple(pixels.shape), pixels.unique().tolist()
    ((1, 1, 32, 32), [-0.5, 4.5])
    """

    net: ConvNet
    mean: float
    deviation: float

    def __post_init__(self) -> None:
        instance_of("net", self.net, ConvNet)
        object.__setattr__(self, "mean", float(real_number("mean", self.mean)))
        object.__setattr__(self, "deviation", float(real_number("deviation", self.deviation, above=0)))

    @fixed_settings()
    def prepare(self, pixels: np.ndarray) -> Tensor:
        """Pad and normalize images (N, 28, 28) of bytes into what the network takes, (N, 1, 32, 32).

        The arithmetic is that of `labcode.data.load`, and so are the floating-point numbers.

        Raises
        ------
        ValueError : the pixels have another shape or type.
        """
        if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[1:] == (28, 28)):
            found = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise ValueError(f"pixels is {found}; it must be an array of unsigned bytes (N, 28, 28).")
        padded = F.pad(torch.from_numpy(pixels).to(self.net.output.weight.dtype), [PADDING] * 4).unsqueeze(1)
        return padded.sub_(self.mean).div_(self.deviation)


def save(path: Path, trained: TrainedNet) -> None:
    """Write the network to ``path``, whole or not at all.

    Raises
    ------
    ValueError : a part of the network was replaced, which its configuration does not say, or its weights are neither
        all float32 nor all float64.
    WeightsError : the file cannot be written; what was there before is unchanged.

    >>> import tempfile
    >>> net = ConvNet(ConvNetConfig(width=2), torch.Generator().manual_seed(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "small.safetensors", TrainedNet(net, mean=26.0, deviation=70.0))
    ...     loaded = load(Path(folder) / "small.safetensors")
    >>> loaded.net.config == net.config, loaded.mean, torch.equal(loaded.net.hidden.weight, net.hidden.weight)
    (True, 26.0, True)
    """
    instance_of("trained", trained, TrainedNet)
    if altered := trained.net.alterations():
        raise ValueError(f"A file of weights cannot say that {'; '.join(altered)}: save its state_dict() instead.")
    tensors = {name: value.contiguous() for name, value in trained.net.state_dict().items()}
    _common_dtype(tensors)
    network, pixels = asdict(trained.net.config), {"mean": trained.mean, "deviation": trained.deviation}
    header = {"network": json.dumps(network), "pixels": json.dumps(pixels), "sha256": digest(tensors)}
    header["settings_sha256"] = _settings_digest(header)
    path = file_path("path", path)
    try:
        write_whole(path, safetensors.torch.save(tensors, metadata=header))
    except OSError as error:
        raise WeightsError(f"The weights {path.name} cannot be written to {path.parent}: {error.strerror}.") from error


def load(path: Path = FINAL_FILE) -> TrainedNet:
    """Read the network at ``path``, by default the final model that ships with the package.

    A setting that was added after the file was written takes its default.

    Raises
    ------
    WeightsError : the file is missing, cannot be read or is damaged, or was not written by `save`.

    >>> final = load()
    >>> final.net.config.width, final.net.config.dropout
    (128, (0.5, 0.5, 0.5))
    """
    path = file_path("path", path)
    try:
        # The library maps the file into memory, which Python does not see; opened here, it counts as read by a chapter.
        path.open("rb").close()
    except FileNotFoundError as error:
        message = f"There is no file {path.name} in {path.parent}; labcode.network.weights.save writes one."
        raise WeightsError(message) from error
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read: {error.strerror}.") from error
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dictionary)
    except SafetensorError as error:
        raise WeightsError(f"{path.name} is damaged, or is not a safetensors file ({error}).") from error
    if missing := [part for part in ("network", "pixels", "sha256") if part not in header]:
        raise WeightsError(
            f"{path.name} holds no network of this book: its header lacks {', '.join(missing)}; it must be a file that "
            "labcode.network.weights.save wrote."
        )
    if digest(tensors) != header["sha256"]:
        raise WeightsError(f"{path.name} is damaged: its weights do not have the digest that its header names.")
    if header.get("settings_sha256", expected := _settings_digest(header)) != expected:  # absent in older files
        raise WeightsError(f"{path.name} is damaged: its settings do not have the digest that its header names.")
    try:
        network, pixels = json.loads(header["network"]), json.loads(header["pixels"])
        config = ConvNetConfig(**{**network, "dropout": tuple(network["dropout"])})
        net = ConvNet(config, torch.Generator(), _common_dtype(tensors))  # its draws are overwritten
        net.load_state_dict(tensors)
        return TrainedNet(net, pixels["mean"], pixels["deviation"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path.name} describes a network that this version cannot build: {error}") from error


def _common_dtype(tensors: dict[str, Tensor]) -> torch.dtype:
    """Return the dtype of the weights, which must be one that `ConvNet` has."""
    dtypes = {str(value.dtype): value.dtype for value in tensors.values()}
    if len(dtypes) != 1 or not {*dtypes.values()} <= {torch.float32, torch.float64}:
        found = " and ".join(sorted(dtypes)) or "missing"
        raise ValueError(f"The weights are {found}; they must be all torch.float32 or all torch.float64.")
    return next(iter(dtypes.values()))


def _settings_digest(header: Mapping[str, str]) -> str:
    return hashlib.sha256(f"{header['network']}\n{header['pixels']}".encode()).hexdigest()


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of named weights, in the order of their names, which identifies a network.

    >>> one, other = {"w": torch.zeros(2)}, {"w": torch.tensor([0.0, 1.0])}
    >>> digest(one) == digest({"w": torch.zeros(2)}), digest(one) == digest(other)
    (True, False)
    """
    found = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        found.update(value.detach().contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
