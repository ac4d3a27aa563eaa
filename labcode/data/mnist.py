"""MNIST as the lab used it: the embedded tenth, the full set, and their splits (lab section 2.1).

The package ships 6 000 of the 60 000 training images and the 10 000 test images, which is enough for every ablation.
The full set is downloaded on request (`labcode.data.fetch`).
"""

import hashlib
import io
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from labcode.checks import file_path, one_of, whole_number
from labcode.data.download import MnistUnavailableError, cache_root, files_folder, require
from labcode.machine import fixed_settings, require_precision
from labcode.seeds import stream

SCALES = ("tenth", "full")
TENTH_SIZE = 6_000
TENTH_SEED = 0
TENTH_FILE = files("labcode.data") / "tenth.npz"
TENTH_DIGEST = "ac6de74cb4bd22786ec6dbd703a5b59a2f133d58cdff75547534b45e8be18b79"  # SHA-256
TRAINING_SHARE = 0.7
MOST_IMAGES = 100_000_000  # a typing error should not fill the memory
PADDING = 2  # the Torch MNIST files are 32x32: the 28x28 digit with 2 pixels of zeros around it


@dataclass(frozen=True, eq=False)
class RawImages:
    """Digits as published: ``pixels`` (N, 28, 28) in 0..255 and ``labels`` (N,) in 0..9, both unsigned bytes."""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: slice | np.ndarray) -> "RawImages":
        return RawImages(self.pixels[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Images:
    """Digits ready for the network: ``pixels`` (N, 1, 32, 32), normalized, and ``labels`` (N,) in 0..9."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: slice | torch.Tensor) -> "Images":
        """Select images by a slice or by a tensor of indices."""
        return Images(self.pixels[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Mnist:
    """One split of MNIST: the training, validation and test images.

    ``mean`` and ``deviation`` are those of the training images' pixels (0..255, padding included). All three parts are
    normalized by them, so that training knows nothing of the validation and test images.
    """

    train: Images
    validation: Images
    test: Images
    mean: float
    deviation: float

    def first(self, training: int, validation: int) -> "Mnist":
        """Return the same split with only its first ``training`` and ``validation`` images, for a run of seconds.

        Raises
        ------
        ValueError : one of them is not a whole number of at least 0.

        >>> len(load("tenth", seed=0).first(300, 100).train)
        300
        """
        training, validation = (
            whole_number(*named, at_least=0) for named in (("training", training), ("validation", validation))
        )
        return replace(self, train=self.train[:training], validation=self.validation[:validation])


def read_tenth() -> tuple[RawImages, RawImages]:
    """Return the embedded (training, test) images: 6 000 and 10 000.

    Raises
    ------
    labcode.data.MnistUnavailableError : the file that ships with the package is missing or altered.

    >>> training, test = read_tenth()
    >>> training.pixels.shape, test.pixels.shape
    ((6000, 28, 28), (10000, 28, 28))
    """
    try:
        content = TENTH_FILE.read_bytes()
    except OSError as error:
        raise MnistUnavailableError(f"{TENTH_FILE} cannot be read: {error.strerror}. Install labcode again.") from error
    if hashlib.sha256(content).hexdigest() != TENTH_DIGEST:
        raise MnistUnavailableError(f"{TENTH_FILE} is altered or truncated. Install labcode again.")
    with np.load(io.BytesIO(content)) as arrays:
        return (
            RawImages(arrays["train_pixels"], arrays["train_labels"]),
            RawImages(arrays["test_pixels"], arrays["test_labels"]),
        )


def read_full(root: Path | None = None) -> tuple[RawImages, RawImages]:
    """Return all 60 000 training and 10 000 test images from the cache folder.

    They are read from the very files whose SHA-256 was checked, never from what another program made of them.

    Raises
    ------
    labcode.data.MnistUnavailableError : a file is missing, truncated or altered; `labcode.data.fetch` downloads it.
    """
    root = cache_root() if root is None else file_path("root", root)
    require(root)
    training, test = (
        RawImages(
            _read_idx(files_folder(root) / f"{part}-images-idx3-ubyte"),
            _read_idx(files_folder(root) / f"{part}-labels-idx1-ubyte"),
        )
        for part in ("train", "t10k")
    )
    return training, test


def _read_idx(path: Path) -> np.ndarray:
    """Read MNIST's own format: two zeros, the type (8: bytes), the count of dimensions, their sizes, the bytes."""
    content = path.read_bytes()
    dimensions = content[3]
    sizes = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(sizes).copy()


def draw_tenth(training: RawImages) -> RawImages:
    """Draw the lab's tenth from the full training set: the first 6 000 places of a seeded permutation.

    This made the embedded file (``tools/make_tenth.py``).
    """
    order = torch.randperm(len(training), generator=stream(TENTH_SEED, "tenth"), device="cpu")
    return training[order[:TENTH_SIZE].numpy()]


def split_indices(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Split ``count`` places at random into 70% for training and 30% for validation (lab section 2.1).

    Raises
    ------
    ValueError : ``count`` or ``seed`` is not a whole number.

    >>> train, validation = split_indices(6_000, seed=0)
    >>> len(train), len(validation), len(set(train.tolist()) | set(validation.tolist()))
    (4200, 1800, 6000)
    """
    count = whole_number("count", count, at_least=0, at_most=MOST_IMAGES)
    order = torch.randperm(count, generator=stream(seed, "split"), device="cpu")
    cut = round(count * TRAINING_SHARE)
    return order[:cut], order[cut:]


@fixed_settings()
def load(scale: str, seed: int, dtype: torch.dtype = torch.float32) -> Mnist:
    """Load MNIST at ``scale``, split by ``seed``, padded to 32x32 and normalized.

    Parameters
    ----------
    scale : ``"tenth"`` (4 200 training, 1 800 validation images) or ``"full"`` (42 000 and 18 000); both with the
        10 000 test images.
    seed : of the split into training and validation images.
    dtype : of the pixels, ``torch.float32`` or ``torch.float64``.

    Raises
    ------
    ValueError : unknown scale or dtype, or a seed that is not a whole number.
    labcode.data.MnistUnavailableError : the full set is not in the cache folder.

    >>> mnist = load("tenth", seed=0)
    >>> len(mnist.train), len(mnist.validation), len(mnist.test), tuple(mnist.train.pixels.shape[1:])
    (4200, 1800, 10000, (1, 32, 32))
    """
    one_of("scale", scale, SCALES)
    require_precision(dtype)
    training, test = read_tenth() if scale == "tenth" else read_full()
    train_places, validation_places = split_indices(len(training), seed)
    parts = (training[train_places.numpy()], training[validation_places.numpy()], test)
    train, validation, tests = (
        Images(_pad(part.pixels, dtype), torch.from_numpy(part.labels).long()) for part in parts
    )
    # In double precision, since float32 sums of 4 million pixels drift; on one thread, since more would add otherwise.
    deviation, mean = torch.std_mean(train.pixels.double(), correction=0)
    for images in (train, validation, tests):
        images.pixels.sub_(mean).div_(deviation)
    return Mnist(train, validation, tests, mean.item(), deviation.item())


def _pad(pixels: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    return F.pad(torch.from_numpy(pixels).to(dtype), [PADDING] * 4).unsqueeze(1)
