"""Chains: what is refused, how a refusal reads, what is shown."""

import re
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError

import pytest
from sympy import Function, Lambda, cos, exp, symbols

import labcode.derivation.chain
from labcode.derivation import (
    DerivationError,
    GradientError,
    Partial,
    Product,
    Ratio,
    Step,
    WrongAnswer,
    check_gradient,
    derive,
)

x_in, x_out, E, u = symbols("x_in x_out E u", real=True)
sigma, loss = Function("sigma"), Function("loss")
NAMES = {sigma: Lambda(u, 1 / (1 + exp(-u))), x_out: sigma(x_in), E: loss(x_out)}
SENT = Partial(E, x_out)

#: Plausible wrong answers to Q1, as a student might write them.
WRONG = {
    "the second factor dropped": Product(SENT, 1 - x_out),
    "the first factor dropped": Product(SENT, x_out),
    "the error that was sent dropped": Product(1 - x_out, x_out),
    "sign flipped": Product(-1, SENT, 1 - x_out, x_out),
    "sign flipped inside": Product(SENT, x_out - 1, x_out),
    "plus for minus": Product(SENT, 1 + x_out, x_out),
    "the slope of tanh": Product(SENT, 1 - x_out**2),
    "squared": Product(SENT, (1 - x_out) * x_out, (1 - x_out) * x_out),
    "taken at the output": Product(SENT, 1 - sigma(x_out), sigma(x_out)),
    "input for output": Product(SENT, 1 - x_in, x_in),
    "derivative of the wrong output": Product(SENT, Partial(1 - sigma(x_in), x_in)),
    "the slope passed on undivided": SENT,
    "divided instead of multiplied": Ratio(SENT, Product(1 - x_out, x_out)),
    "mirrored input, odd": Product(SENT, sigma(x_in) - sigma(-x_in)),
    "e for 1": Product(SENT, exp(-x_in), x_out),
}


@pytest.mark.parametrize("slip", WRONG)
def test_wrong_answers_are_refused_with_a_point(slip):
    with pytest.raises(DerivationError, match=r"is not an equality[\s\S]*At .*x_in = "):
        derive("q1", Partial(E, x_in), Step(WRONG[slip], slip), definitions=NAMES)


# Here E is 3 times the output, so that the error that was sent is no 1 that could be dropped unnoticed.
@pytest.mark.parametrize("slip", WRONG)
def test_wrong_answers_are_refused_by_the_three_ways(slip):
    import torch

    names = {**NAMES, E: 3 * x_out}
    with pytest.raises(GradientError, match="is wrong"):
        check_gradient(WRONG[slip], E, [x_in], lambda t: 3 * torch.sigmoid(t), definitions=names)


def test_the_right_answer_passes():
    step = Step(Product(SENT, 1 - x_out, x_out), "all at once")
    chain = derive("q1", Partial(E, x_in), step, definitions=NAMES)
    assert chain.proofs == ("rational identity",)
    assert chain.points >= 16
    assert repr(chain).startswith("q1: 1 step, each proved")
    for proved, part in ((chain, "steps"), (step, "expression")):  # what was proved stays as it was
        with pytest.raises(FrozenInstanceError):
            setattr(proved, part, x_out)


def test_the_broken_step_is_named_with_both_sides_and_a_point():
    good = Step(Ratio(exp(-x_in), (1 + exp(-x_in)) ** 2), "chain rule")
    bad = Step(Product(sigma(x_in), sigma(x_in)), "a slip")
    with pytest.raises(DerivationError) as refused:
        derive("slope", Partial(sigma(x_in), x_in), good, bad, definitions=NAMES)
    said = str(refused.value)
    assert said.startswith('Step 2 of "slope" (a slip) is not an equality.')
    assert "before: exp(-x_in)/(1 + exp(-x_in))**2" in said
    assert "after:  σ(x_in)·σ(x_in)" in said
    point, left, right = map(
        float, re.search(r"x_in = (\S+) the left side is (\S+), the right side (\S+)\.$", said).groups()
    )
    value = 1 / (1 + 2.718281828459045**-point)
    assert left == pytest.approx(value * (1 - value), rel=1e-4)
    assert right == pytest.approx(value**2, rel=1e-4)


def test_the_message_is_the_same_every_time():
    def message():
        with pytest.raises(DerivationError) as refused:
            derive("q1", Partial(E, x_in), Step(SENT, "slip"), definitions=NAMES, seed=3)
        return str(refused.value)

    assert message() == message()


def test_true_but_unproved_is_an_error(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "prove_equal", lambda *a, **k: None)
    with pytest.raises(DerivationError, match=r"could not be proved[\s\S]*no proof"):
        derive("q1", cos(x_in), Step(cos(-x_in), "even"))


def test_a_false_proof_is_caught_by_the_sample(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "prove_equal", lambda *a, **k: "trust me")
    with pytest.raises(DerivationError, match="is not an equality"):
        derive("q1", cos(x_in), Step(1 - x_in**2 / 2, "nearly"))


def test_a_blind_sample_does_not_let_a_false_step_pass(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "sample", lambda *a, **k: (16, None))
    with pytest.raises(DerivationError, match="could not be proved"):
        derive("q1", cos(x_in), Step(1 - x_in**2 / 2, "nearly"))


def test_a_chain_needs_a_step():
    with pytest.raises(ValueError, match='"empty" has no steps'):
        derive("empty", x_in)


def test_what_is_shown_is_what_was_proved():
    """One equals sign a step, each labelled, the factors in the order in which they were written."""
    chain = derive(
        "q1",
        Partial(E, x_in),
        Step(Product(SENT, Partial(x_out, x_in)), "chain rule", "once"),
        Step(Product(SENT, 1 - x_out, x_out), "slope"),
        definitions=NAMES,
    )
    shown = chain._repr_markdown_()
    assert shown.count("=") == 2
    assert chain.result == Product(SENT, 1 - x_out, x_out)
    assert repr(chain).startswith("q1: 2 steps, each proved, then compared to 50 digits at ")
    assert [f"(q1-{number})" in shown for number in range(4)] == [True, True, True, False]
    step = (
        r"= \frac{\partial E}{\partial x_{\mathrm{out}}} \cdot \left[1 - x_{\mathrm{out}}\right] \cdot x_{\mathrm{out}}"
    )
    assert step in shown
    assert "*chain rule*: once" in shown
    assert repr(chain).splitlines()[-1].split("  ")[0] == "(2) = ∂E/∂x_out·(1 - x_out)·x_out"


@pytest.mark.parametrize("error", [DerivationError, GradientError, WrongAnswer])
def test_a_notebook_shows_the_sentence_alone(error):
    """IPython asks an exception for this method, and prints what it returns in place of the call stack."""
    shown = error("Wrong: here.")._render_traceback_()
    assert len(shown) == 1
    assert shown[0].endswith("Wrong: here.")


def test_importing_needs_no_torch_and_little_time():
    code = (
        "import sympy, sys, time; start = time.perf_counter(); import labcode.derivation.chain; "
        "print(time.perf_counter() - start, 'torch' in sys.modules)"
    )
    seconds, torch_came = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert torch_came == "False"
    assert float(seconds) < 1.0


def test_gradcheck_and_answers_need_no_torch_before_they_use_it():
    code = "import labcode.derivation.gradcheck, labcode.derivation.answers, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_chain_of_ordinary_length_takes_little_time():
    start = time.perf_counter()
    derive("q1", Partial(E, x_in), Step(Product(SENT, 1 - x_out, x_out), "all at once"), definitions=NAMES)
    assert time.perf_counter() - start < 5
