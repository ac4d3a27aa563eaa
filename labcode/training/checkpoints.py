"""A training's state between two epochs, kept in one file, so that a killed training goes on where it was.

The file is in the safetensors format: weights and random streams as tensors, and in its header, as JSON, the curves so
far and what is being trained. One file, so the two cannot disagree.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from labcode.data.mnist import Images


class CheckpointError(RuntimeError):
    """A checkpoint is damaged, or of another training than the one that would go on from it."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a training keeps its state, and which training it is.

    Attributes
    ----------
    path : of the file.
    training : everything that decides the training's course, as JSON can hold it.

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
        """Write ``tensors`` and ``progress`` (JSON), whole or not at all."""
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        header = {"training": json.dumps(self.training), "progress": json.dumps(progress)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            save_file(tensors, beside, metadata=header)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)

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
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            training, progress = json.loads(header["training"]), json.loads(header["progress"])
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The checkpoint {self.path.name} is damaged ({error}); delete it, and the training starts anew."
            ) from error
        if training != json.loads(json.dumps(self.training)):
            raise CheckpointError(
                f"The checkpoint {self.path.name} is of another training: {training}; asked for was {self.training}. "
                "Delete it, and the training starts anew."
            )
        return tensors, progress


def digest(*parts: Images) -> str:
    """Return the SHA-256 of images and labels: which data a training saw.

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
