"""A gradient's time is a step's time divided by the gradients that the step takes."""

import json

from labcode.bench import optimizers


def test_a_step_is_divided_by_the_gradients_that_it_takes(monkeypatch, small, batch_of):
    """A step of conjugate gradient counted as one gradient would seem to take many times as long."""
    monkeypatch.setattr(optimizers, "seconds_of", lambda act: act() or 0.3)
    taken = []
    monkeypatch.setattr(optimizers, "_take_steps", lambda optimizer, batches: taken.append(count(optimizer, batches)))
    ms = optimizers.gradient_ms(small, batch_of(20), rounds=1, steps=6)
    sgd, cg = taken[-2:]
    assert ms == {"SGD": round(300 / sgd, 3), "CG": round(300 / cg, 3)}
    assert sgd == 6 < cg


def count(optimizer, batches):
    engine = getattr(optimizer, "engine", optimizer)
    before = engine.computed
    for batch in batches:
        optimizer.step(batch, None)
    return engine.computed - before


def test_the_measurement_is_printed_as_json(monkeypatch, capsys):
    monkeypatch.setattr(optimizers, "gradient_ms", lambda config, images, rounds, steps: {"SGD": 2.0, "CG": 3.0})
    monkeypatch.setattr(optimizers, "processor", lambda: "a processor")
    optimizers.main()
    measured = {"processor": "a processor", "milliseconds a gradient": {"SGD": 2.0, "CG": 3.0}}
    assert json.loads(capsys.readouterr().out) == measured
