"""The state of a training between two epochs, in one file, so that a killed training can resume.

The file is in the safetensors format: weights and random streams as tensors; in its header, as JSON, the curves so far
and what is being trained. In one file, they cannot disagree.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from labcode.data.mnist import Images
from labcode.errors import LabcodeError
from labcode.files import write_whole
from labcode.network import weights


class CheckpointError(LabcodeError, RuntimeError):
    """A checkpoint cannot be written, is damaged, or is of another training than the one that would resume from it."""


@dataclass(frozen=True)
class Checkpoint:
    """The file of a training's state, and the training it belongs to.

    Attributes
    ----------
    path : of the file.
    training : everything that decides the course of the training, as JSON can hold it.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(Path(folder) / "small.safetensors", {"seed": 5})
    ...     checkpoint.load()  # nothing there yet
    ...     checkpoint.save({"weight": torch.ones(2)}, {"epochs": 3})
    ...     checkpoint.load()
    ({'weight': tensor([1., 1.])}, {'epochs': 3})
    """

    path: Path
    training: dict

    def save(self, tensors: Mapping[str, Tensor], progress: dict) -> None:
        """Write ``tensors`` and ``progress`` (JSON), whole or not at all.

        Raises
        ------
        CheckpointError : the file cannot be written; what was there before is unchanged.
        """
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        header = {"training": json.dumps(self.training), "progress": json.dumps(progress)}
        header["sha256"] = _digest(tensors, header)
        try:
            write_whole(self.path, safetensors.torch.save(tensors, metadata=header))
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {self.path.name} cannot be written to {self.path.parent}: {error.strerror}."
            ) from error

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """Return the tensors and ``progress`` as they were saved; None where there is no checkpoint.

        Raises
        ------
        CheckpointError : the file is damaged, or of another training.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dictionary)
            if header["sha256"] != _digest(tensors, header):
                raise ValueError("its contents do not have the digest that its header names")
            training, progress = json.loads(header["training"]), json.loads(header["progress"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The checkpoint {self.path.name} is damaged ({error}); delete it to start again."
            ) from error
        if training != json.loads(json.dumps(self.training)):
            raise CheckpointError(
                f"The checkpoint {self.path.name} is of another training: {training}; asked for was {self.training}. "
                "Delete it to start again."
            )
        return tensors, progress


def _digest(tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    text = f"{header['training']}\n{header['progress']}\n{weights.digest(tensors)}"
    return hashlib.sha256(text.encode()).hexdigest()


def digest(*parts: Images) -> str:
    """Return the SHA-256 of images and labels, which identifies the data of a training.

    >>> import torch
    >>> images = Images(torch.zeros(1, 1, 32, 32), torch.tensor([7]))
    >>> digest(images) == digest(Images(images.pixels, torch.tensor([8])))
    False
    """
    found = hashlib.sha256()
    for part in parts:
        for tensor in (part.pixels, part.labels):
            found.update(tensor.contiguous().cpu().numpy().tobytes())
    return found.hexdigest()
