"""MNIST as the lab used it: the embedded tenth, the full set, a tenth of each seed's own, their splits (section 2.1).

The package ships 6 000 of the 60 000 training images and the 10 000 test images, which is enough for every ablation of
the first study. The full set is downloaded on request (`labcode.data.fetch`). In the second study each seed has a tenth
of its own, and the other 54 000 training images measure what its run learned.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from labcode.checks import file_path, one_of, whole_number
from labcode.data.download import MnistUnavailableError, cache_root, files_folder, require
from labcode.machine import fixed_settings, require_precision
from labcode.seeds import stream

SCALES = ("tenth", "own", "full")
FULL_SIZE = 60_000
TENTH_SIZE = 6_000
TENTH_SEED = 0
TENTH_FILE = files("labcode.data") / "tenth.npz"
TENTH_DIGEST = "ac6de74cb4bd22786ec6dbd703a5b59a2f133d58cdff75547534b45e8be18b79"  # SHA-256
FIRST_OWN_SEED = 1_000
"""The first seed that has a tenth of its own."""
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


@dataclass(frozen=True, eq=False)
class UnseenImages:
    """The training images outside a run's own tenth. They are made ready for its network as slices are taken.

    All 54 000 would be 221 MB for each run. Here runs share the published bytes, and each has its own ``places``.

    Attributes
    ----------
    pixels : all training images as published, (60000, 28, 28), where the network computes.
    labels : of the unseen ones, (N,), on the CPU.
    places : of the unseen ones among all, (N,), where the network computes.
    mean, deviation : those of the run's training images.
    dtype : of the pixels that a slice has.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    places: torch.Tensor
    mean: float
    deviation: float
    dtype: torch.dtype

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice) -> Images:
        pixels = _pad(self.pixels[self.places[part]], self.dtype)
        return Images(_normalize(pixels, self.mean, self.deviation), self.labels[part])


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


def require_seed(scale: str, seed: int) -> int:
    """Return ``seed`` as an ``int`` if it has data at ``scale``.

    Raises
    ------
    ValueError : it is not a whole number, or below 1000 at scale own.

    >>> require_seed("own", 3)
    Traceback (most recent call last):
    ...
    ValueError: seed at scale 'own' is 3; it must be a whole number of at least 1000.
    """
    if scale == "own":
        return whole_number("seed at scale 'own'", seed, at_least=FIRST_OWN_SEED)
    return whole_number("seed", seed)


def own_places(seed: int) -> torch.Tensor:
    """Return which 6 000 of the 60 000 training images are the tenth of ``seed``, from 1000 on.

    Each random permutation of the 60 000 is cut into ten tenths: ten successive seeds, the first a multiple of ten,
    share no image.

    Raises
    ------
    ValueError : ``seed`` is not a whole number of at least 1000.

    >>> tenths = [set(own_places(seed).tolist()) for seed in range(1000, 1010)]
    >>> len(tenths[0]), len(set.union(*tenths))
    (6000, 60000)
    """
    seed = require_seed("own", seed)
    permutation, tenth = divmod(seed - FIRST_OWN_SEED, FULL_SIZE // TENTH_SIZE)
    order = torch.randperm(FULL_SIZE, generator=stream(permutation, "study 2 tenth"), device="cpu")
    return order[tenth * TENTH_SIZE :][:TENTH_SIZE]


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
    scale : ``"tenth"`` (4 200 training, 1 800 validation images), ``"own"`` (as many, of the tenth of ``seed`` alone)
        or ``"full"`` (42 000 and 18 000); each with the 10 000 test images.
    seed : of the split into training and validation images; at scale own at least 1000.
    dtype : of the pixels, ``torch.float32`` or ``torch.float64``.

    Raises
    ------
    ValueError : unknown scale or dtype, or a seed that is not a whole number or has no tenth of its own.
    labcode.data.MnistUnavailableError : the full set is not in the cache folder.

    >>> mnist = load("tenth", seed=0)
    >>> len(mnist.train), len(mnist.validation), len(mnist.test), tuple(mnist.train.pixels.shape[1:])
    (4200, 1800, 10000, (1, 32, 32))
    """
    one_of("scale", scale, SCALES)
    require_precision(dtype)
    training, test = _read(scale, seed)
    train_places, validation_places = split_indices(len(training), seed)
    parts = (training[train_places.numpy()], training[validation_places.numpy()], test)
    train, validation, tests = (
        Images(_pad(torch.from_numpy(part.pixels), dtype), torch.from_numpy(part.labels).long()) for part in parts
    )
    # In double precision, since float32 sums of 4 million pixels drift; on one thread, since more would add otherwise.
    deviation, mean = (found.item() for found in torch.std_mean(train.pixels.double(), correction=0))
    for images in (train, validation, tests):
        _normalize(images.pixels, mean, deviation)
    return Mnist(train, validation, tests, mean, deviation)


@fixed_settings()
def load_unseen(seeds: Sequence[int], mnists: Sequence[Mnist], device: str = "cpu") -> list[UnseenImages]:
    """Load, for each of some runs at scale own, the 54 000 training images that it does not see.

    Parameters
    ----------
    seeds : of the runs.
    mnists : what `load` gave for them; each run's unseen images are normalized by its mean and deviation.
    device : where the networks compute. The published bytes are there once, whatever the number of runs.

    Raises
    ------
    ValueError : a seed is not a whole number of at least 1000.
    labcode.data.MnistUnavailableError : the full set is not in the cache folder.

    >>> (unseen,) = load_unseen([1000], [load("own", 1000)])  # doctest: +SKIP
    >>> len(unseen), unseen[:100].pixels.shape  # doctest: +SKIP
    (54000, torch.Size([100, 1, 32, 32]))
    """
    training, _ = _full(cache_root())
    pixels, labels = torch.from_numpy(training.pixels).to(device), torch.from_numpy(training.labels).long()
    found = []
    for seed, mnist in zip(seeds, mnists, strict=True):
        unseen = torch.ones(FULL_SIZE, dtype=torch.bool)
        unseen[own_places(seed)] = False
        places = torch.nonzero(unseen).flatten()
        ready_by = mnist.mean, mnist.deviation, mnist.train.pixels.dtype
        found.append(UnseenImages(pixels, labels[places], places.to(device), *ready_by))
    return found


def _read(scale: str, seed: int) -> tuple[RawImages, RawImages]:
    if scale == "tenth":
        return read_tenth()
    if scale == "full":
        return _full(cache_root())
    places = own_places(seed)  # a seed is refused before anything is read
    training, test = _full(cache_root())
    return training[places.numpy()], test


@lru_cache(maxsize=1)
def _full(root: Path) -> tuple[RawImages, RawImages]:
    """Read the full set once: the runs of a fleet would read it again and again."""
    return read_full(root)


def _pad(pixels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return F.pad(pixels.to(dtype), [PADDING] * 4).unsqueeze(1)


def _normalize(pixels: torch.Tensor, mean: float, deviation: float) -> torch.Tensor:
    """Normalize the pixels in place, and return them."""
    return pixels.sub_(mean).div_(deviation)
