"""The embedded tenth, the splits, the normalization."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from labcode.data import download as fetch
from labcode.data import mnist as data


@pytest.fixture(scope="module")
def mnist():
    return data.load("tenth", seed=0)


def test_the_package_ships_the_tenth_and_the_test_set_in_three_megabytes():
    training, test = data.read_tenth()
    assert training.pixels.shape == (6_000, 28, 28)
    assert test.pixels.shape == (10_000, 28, 28)
    assert data.TENTH_FILE.stat().st_size < 3_000_000


def test_the_embedded_test_set_is_the_published_one():
    """The digests of the published files cover a 16-byte header and an 8-byte header, then the bytes themselves."""
    _, test = data.read_tenth()
    pixels = np.array([2051, 10_000, 28, 28], ">i4").tobytes() + test.pixels.tobytes()
    labels = np.array([2049, 10_000], ">i4").tobytes() + test.labels.tobytes()
    assert hashlib.sha256(pixels).hexdigest() == fetch.FILES["t10k-images-idx3-ubyte"]
    assert hashlib.sha256(labels).hexdigest() == fetch.FILES["t10k-labels-idx1-ubyte"]


def test_the_recipe_gives_the_embedded_bytes():
    try:
        full_training, full_test = data.read_full()
    except fetch.MnistUnavailableError as error:
        pytest.skip(f"The recipe can be compared only where the full set is: {error}")
    drawn = data.draw_tenth(full_training)
    training, test = data.read_tenth()
    for found, expected in ((training, drawn), (test, full_test)):
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.fixture
def verified(tmp_path, monkeypatch):
    """Four small files in MNIST's format, taken for the published ones; return their folder and what is in them."""
    random = np.random.default_rng(0)
    held = {
        "train": (random.integers(0, 256, (7, 28, 28), np.uint8), random.integers(0, 10, 7, np.uint8)),
        "t10k": (random.integers(0, 256, (3, 28, 28), np.uint8), random.integers(0, 10, 3, np.uint8)),
    }
    folder = fetch.files_folder(tmp_path)
    folder.mkdir(parents=True)
    for part, arrays in held.items():
        for name, array in zip(("images-idx3", "labels-idx1"), arrays, strict=True):
            header = np.array([0x0800 + array.ndim, *array.shape], ">u4").tobytes()
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(fetch, "FILES", digests)
    return tmp_path, held


def test_the_verified_files_are_read_as_torchvision_reads_them(verified):
    from torchvision.datasets import MNIST

    root, held = verified
    for part, train, (pixels, labels) in zip(data.read_full(root), (True, False), held.values(), strict=True):
        theirs = MNIST(root, train=train)
        np.testing.assert_array_equal(part.pixels, pixels)
        np.testing.assert_array_equal(part.pixels, theirs.data)
        np.testing.assert_array_equal(part.labels, labels)
        np.testing.assert_array_equal(part.labels, theirs.targets)


def test_what_an_older_torchvision_left_beside_them_is_not_read(verified):
    root, held = verified
    processed = root / "MNIST" / "processed"
    processed.mkdir()
    zeros = (torch.zeros(7, 28, 28, dtype=torch.uint8), torch.zeros(7, dtype=torch.int64))
    for name in ("training.pt", "test.pt"):
        torch.save(zeros, processed / name)
    training, _ = data.read_full(root)
    np.testing.assert_array_equal(training.pixels, held["train"][0])


def test_all_classes_are_in_the_tenth_about_equally():
    training, _ = data.read_tenth()
    counts = np.bincount(training.labels, minlength=10)
    assert counts.min() > 500
    assert counts.max() < 720


@pytest.mark.parametrize(("count", "train", "validation"), [(6_000, 4_200, 1_800), (60_000, 42_000, 18_000)])
@pytest.mark.parametrize("seed", range(5))
def test_splits_are_disjoint_and_exhaustive(count, train, validation, seed):
    first, second = data.split_indices(count, seed)
    assert (len(first), len(second)) == (train, validation)
    assert sorted(torch.cat([first, second]).tolist()) == list(range(count))


def test_splits_depend_on_the_seed_alone():
    assert torch.equal(data.split_indices(6_000, 3)[0], data.split_indices(6_000, 3)[0])
    assert not torch.equal(data.split_indices(6_000, 3)[0], data.split_indices(6_000, 4)[0])


def test_the_splits_are_those_of_the_records():
    """A library whose permutations change would change every recorded run: notice it here first."""
    order = torch.cat(data.split_indices(6_000, 0)).numpy().astype("<i8")
    assert hashlib.sha256(order.tobytes()).hexdigest().startswith("c65817655405dfe8")


@pytest.mark.parametrize("first", [1_000, 1_010, 1_060, 2_000])
def test_ten_successive_seeds_share_no_image_and_cover_all(first):
    tenths = torch.stack([data.own_places(seed) for seed in range(first, first + 10)])
    assert tenths.shape == (10, 6_000)
    assert sorted(tenths.flatten().tolist()) == list(range(60_000))


def test_the_next_ten_seeds_are_cut_otherwise():
    first, other = (set(data.own_places(seed).tolist()) for seed in (1_000, 1_010))
    assert 400 < len(first & other) < 800  # a tenth of a tenth, at random


def test_the_tenths_are_those_of_the_records():
    """Places by an independent reading of the rule, and their digest, so that no library changes them unnoticed."""
    seeded = int.from_bytes(hashlib.sha256(b"study 2 tenth/6").digest()[:8], "big", signed=True)
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(seeded))
    assert torch.equal(data.own_places(1_063), order[18_000:24_000])
    digest = hashlib.sha256(data.own_places(1_000).numpy().astype("<i8").tobytes()).hexdigest()
    assert digest.startswith("1bdf91e0eacd4973")


@pytest.mark.parametrize("call", [data.own_places, lambda seed: data.load("own", seed)])
@pytest.mark.parametrize("seed", [0, 100, 999, -1])
def test_a_seed_without_a_tenth_of_its_own_is_refused_before_anything_is_read(call, seed, monkeypatch):
    monkeypatch.setattr(data, "read_full", lambda root: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=f"seed at scale 'own' is {seed}; it must be a whole number of at least 1000"):
        call(seed)


def test_without_the_full_set_a_seeds_own_tenth_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "cache_root", lambda: tmp_path)
    for call in (lambda: data.load("own", 1_000), lambda: data.load_unseen([1_000], [None])):
        with pytest.raises(fetch.MnistUnavailableError, match="`python -m labcode fetch` downloads it"):
            call()


def test_a_seeds_own_tenth_is_split_padded_and_normalized_like_the_embedded_one(full_set):
    training, test = full_set
    mnist = data.load("own", 1_003)
    train, validation = (data.own_places(1_003)[places].numpy() for places in data.split_indices(6_000, 1_003))
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (4_200, 1_800, 10_000)
    padded = np.pad(training.pixels[train].astype(np.float64), ((0, 0), (2, 2), (2, 2)))
    assert (mnist.mean, mnist.deviation) == pytest.approx((padded.mean(), padded.std()), rel=1e-12)
    for images, raw in ((mnist.train, training[train]), (mnist.validation, training[validation]), (mnist.test, test)):
        restored = images.pixels[:, 0, 2:-2, 2:-2] * mnist.deviation + mnist.mean
        np.testing.assert_allclose(restored, raw.pixels, atol=1e-3)
        np.testing.assert_array_equal(images.labels, raw.labels)


def test_the_unseen_images_are_exactly_the_others_normalized_as_the_run_was_trained(full_set):
    training, _ = full_set
    seeds = (1_003, 1_017)
    mnists = [data.load("own", seed) for seed in seeds]
    for seed, mnist, unseen in zip(seeds, mnists, data.load_unseen(seeds, mnists), strict=True):
        others = np.setdiff1d(np.arange(60_000), data.own_places(seed))
        assert len(unseen) == 54_000
        np.testing.assert_array_equal(unseen.places, others)
        np.testing.assert_array_equal(unseen.labels, training.labels[others])
        for part in (slice(0, 100), slice(53_950, 54_000)):
            images = unseen[part]
            restored = images.pixels[:, 0, 2:-2, 2:-2] * mnist.deviation + mnist.mean
            np.testing.assert_allclose(restored, training.pixels[others[part]], atol=1e-3)
            np.testing.assert_array_equal(images.labels, training.labels[others[part]])
    # By the very operations of `load`: its training images, taken for unseen ones, come out bit for bit.
    places = data.own_places(seed)[data.split_indices(6_000, seed)[0]]
    assert torch.equal(replace(unseen, places=places, labels=mnist.train.labels)[:].pixels, mnist.train.pixels)


@pytest.mark.parametrize("setting", [lambda: torch.device("meta"), torch.inference_mode], ids=["device", "inference"])
def test_the_unseen_images_depend_on_no_setting_of_the_session(setting, full_set):
    mnist = data.load("own", 1_000)
    with setting():
        (unseen,) = data.load_unseen([1_000], [mnist])
    (expected,) = data.load_unseen([1_000], [mnist])
    assert not unseen.places.is_inference()
    assert torch.equal(unseen.places, expected.places)
    assert torch.equal(unseen.labels, expected.labels)


def test_the_unseen_images_of_many_runs_share_one_copy(full_set):
    seeds = range(1_000, 1_004)
    found = data.load_unseen(seeds, [data.load("tenth", seed).first(1, 1) for seed in seeds])
    assert len({each.pixels.data_ptr() for each in found}) == 1


def test_images_are_padded_by_two_pixels_of_background(mnist):
    pixels = mnist.train.pixels
    assert pixels.shape == (4_200, 1, 32, 32)
    background = -mnist.mean / mnist.deviation
    border = torch.ones(32, 32, dtype=bool)
    border[2:-2, 2:-2] = False
    assert torch.allclose(pixels[:, 0, border], torch.tensor(background, dtype=pixels.dtype))


def test_the_normalization_knows_the_training_part_only(mnist):
    training, _ = data.read_tenth()
    places, _ = data.split_indices(6_000, 0)
    padded = np.pad(training.pixels[places.numpy()].astype(np.float64), ((0, 0), (2, 2), (2, 2)))
    assert mnist.mean == pytest.approx(padded.mean(), rel=1e-12)
    assert mnist.deviation == pytest.approx(padded.std(), rel=1e-12)
    assert mnist.train.pixels.mean().abs() < 1e-5
    # The others are near, but not exactly, of mean 0: they were not looked at.
    assert 1e-5 < mnist.validation.pixels.mean().abs() < 0.05


def test_labels_stay_with_their_images(mnist):
    training, test = data.read_tenth()
    places, _ = data.split_indices(6_000, 0)
    restored = mnist.train.pixels[17, 0, 2:-2, 2:-2] * mnist.deviation + mnist.mean
    np.testing.assert_allclose(restored, training.pixels[places[17]], atol=1e-3)
    assert mnist.train.labels[17] == training.labels[places[17]]
    np.testing.assert_array_equal(mnist.test.labels, test.labels)


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="scale is 'half'; accepted are 'tenth', 'own', 'full'"):
        data.load("half", seed=0)
