"""Random streams: repeatable, independent of one another, and of no global state."""

import numpy as np
import pytest
import torch

from labcode.seeds import stream


def test_a_stream_repeats():
    assert torch.equal(torch.randperm(100, generator=stream(7, "x")), torch.randperm(100, generator=stream(7, "x")))


def test_purposes_and_seeds_give_unrelated_streams():
    streams = [stream(seed, purpose) for seed in range(20) for purpose in ("split", "dropout")]
    draws = torch.stack([torch.randn(2_000, generator=generator) for generator in streams])
    off_diagonal = torch.corrcoef(draws) - torch.eye(len(draws))
    assert off_diagonal.abs().max() < 0.12  # over five standard errors of a correlation of 2 000 pairs


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    torch.rand(3, generator=stream(0, "x"))
    assert torch.equal(before, torch.get_rng_state())


def test_numpys_whole_number_gives_the_same_stream():
    assert torch.equal(torch.rand(3, generator=stream(np.int64(7), "x")), torch.rand(3, generator=stream(7, "x")))


@pytest.mark.parametrize("seed", [True, 0.0, None, "0"])
def test_what_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed is .*; it must be a whole number"):
        stream(seed, "x")
