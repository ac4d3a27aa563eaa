"""Both methods of a convolution are timed, forward and backward."""

import json

from labcode.bench import convolutions
from labcode.machine import processor
from labcode.network.manual_layers import Convolution, UnfoldedConvolution


def test_both_methods_are_timed_forward_and_backward(monkeypatch, small):
    calls = []
    for kind in (Convolution, UnfoldedConvolution):
        for way in ("forward", "at_input", "add_gradient"):
            monkeypatch.setattr(kind, way, noting(calls, way, getattr(kind, way)))
    turns = [[5.0, 7.0, 6.0], [4.0, 3.0, 2.0]]
    monkeypatch.setattr(convolutions, "take_turns", lambda loops, rounds, seconds: once(loops, turns))
    assert convolutions.convolution_ms(small, (3,), rounds=3, seconds=0.1) == {3: {"kernels": 6.0, "products": 3.0}}
    first, second = (3 * shape.convolved**2 for shape in small.shapes)
    assert calls == [
        (kind, way, pixels)
        for kind in (Convolution, UnfoldedConvolution)
        for pixels, ways in ((first, "forward add_gradient"), (second, "forward at_input add_gradient"))
        for way in ways.split()
    ]


def noting(calls, way, act):
    def note(layer, *arguments):
        if type(layer).__dict__.get(way) is note:  # one kind is derived from the other
            calls.append((type(layer), way, len(layer.ones)))
        return act(layer, *arguments)

    return note


def once(loops, turns):
    for steps in loops.values():
        next(steps)
    return dict(zip(loops, turns, strict=True))


def test_the_measurement_is_printed_as_json(monkeypatch, capsys):
    measured = {1: {"kernels": 2.0, "products": 1.5}}
    monkeypatch.setattr(convolutions, "convolution_ms", lambda config, counts, rounds, seconds: measured)
    convolutions.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["milliseconds"] == {"1": {"kernels": 2.0, "products": 1.5}}
    assert printed["machine"]["processor"] == processor()
