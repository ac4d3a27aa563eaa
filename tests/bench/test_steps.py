"""The bench of a step counts what PyTorch counts, and its ratios agree with its times."""

import json
import os

import pytest
from torch.utils.flop_counter import FlopCounterMode

from labcode.bench import steps as bench
from labcode.network import FINAL_MODEL, ConvNet, ConvNetConfig
from labcode.seeds import stream
from labcode.training import AutogradSteps


@pytest.mark.parametrize(
    "config", [ConvNetConfig(width=3, hidden=5), FINAL_MODEL, ConvNetConfig(width=4, stages=3, filter=3)]
)
@pytest.mark.parametrize("count", [1, 2])
def test_multiply_adds_are_those_that_pytorch_counts(config, count, batch_of):
    # Without normalization: PyTorch would count its small filter too, which the floor leaves out.
    bare = ConvNetConfig(**{**vars(config), "normalize": False, "dropout": ()})
    steps = AutogradSteps(ConvNet(bare, stream(0, "initial weights")), 0.1)
    with FlopCounterMode(display=False) as counter:
        steps.step(batch_of(count), masks=None)
    assert counter.get_total_flops() == 2 * bench.step_multiply_adds(config, count)


@pytest.fixture
def measured(monkeypatch, small):
    monkeypatch.setattr(bench, "PRODUCT_SIZES", (256,))
    monkeypatch.setattr(bench, "NETS", {"small": small})
    monkeypatch.setattr(bench, "PROFILE_STEPS", 5)
    return bench.measure(bench.NETS, (1, 2), rounds=2, seconds=0.001)


def test_every_loop_has_its_row_and_the_ratios_agree(measured):
    rows = {(row["net"], row["batch"], row["engine"]): row for row in measured["rows"]}
    assert set(rows) == {("small", batch, e) for batch in (1, 2) for e in ("hand", "autograd", "idiomatic")}
    floor = {f["batch"]: f for f in measured["floor"]}
    for (_, batch, engine), row in rows.items():
        flops = 2 * floor[batch]["multiply_adds"]
        assert row["fraction_of_floor"] * row["ms"] * measured["machine"]["peak_gflops"] * 1e6 == pytest.approx(flops)
        assert row["fastest"] <= row["ms"] <= row["slowest"]
        if engine == "idiomatic":
            assert row["ratio_to_idiomatic"] == 1


def test_the_same_measurements_print_as_json_and_as_a_table(monkeypatch, capsys, measured):
    monkeypatch.setattr(bench, "measure", lambda *_: measured)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    bench.main(as_json=True)
    assert json.loads(capsys.readouterr().out) == measured
    bench.main(as_json=False)
    text = capsys.readouterr().out
    assert all(f"{row['ms']:10.2f}" in text for row in measured["rows"])


def test_other_loops_are_measured_with_ours_and_their_packages_named(monkeypatch, small):
    monkeypatch.setattr(bench, "PRODUCT_SIZES", (256,))
    monkeypatch.setattr(bench, "PROFILE_STEPS", 1)
    more = {**bench.LOOPS, "other": lambda net, images, batch_size, lr: iter(lambda: 0.5, None)}
    found = bench.measure({"small": small}, (1,), 1, 0.001, more, packages=("numpy",))
    assert [row["engine"] for row in found["rows"]] == ["hand", "autograd", "idiomatic", "other"]
    assert set(found["machine"]["versions"]) == {"torch", "numpy"}
