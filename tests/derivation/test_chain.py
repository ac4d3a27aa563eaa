"""Chains of equalities: which are refused, with what message, and how they are displayed."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
from sympy import Function, Lambda, cos, exp, symbols

import labcode.derivation.chain
import labcode.derivation.proof
from labcode.derivation import (
    QUESTIONS,
    DerivationError,
    GradientError,
    Partial,
    Product,
    Ratio,
    StatementError,
    Step,
    WrongAnswer,
    check_gradient,
    derive,
)

x_in, x_out, E, u = symbols("x_in x_out E u", real=True)
sigma, loss = Function("sigma"), Function("loss")
NAMES = {sigma: Lambda(u, 1 / (1 + exp(-u))), x_out: sigma(x_in), E: loss(x_out)}
SENT = Partial(E, x_out)


# E is 3 times the output: with a factor of 1, dropping the output's error would go unnoticed.
@pytest.mark.parametrize("slip", QUESTIONS["logistic"].wrong)
def test_a_wrong_answer_is_refused_by_the_gradient_check(slip):
    import torch

    names = {**NAMES, E: 3 * x_out}
    answer, _ = QUESTIONS["logistic"].wrong[slip]
    with pytest.raises(GradientError, match="is wrong"):
        check_gradient(answer, E, [x_in], lambda t: 3 * torch.sigmoid(t), definitions=names)


def test_the_right_answer_is_proved_and_frozen():
    step = Step(Product(SENT, 1 - x_out, x_out), "all at once")
    chain = derive("q1", Partial(E, x_in), step, definitions=NAMES)
    assert chain.proofs == ("rational identity",)
    assert chain.points >= 16
    assert repr(chain).startswith("q1: 1 step, each proved")
    for proved, part in ((chain, "steps"), (step, "expression")):  # what was proved cannot be changed
        with pytest.raises(FrozenInstanceError):
            setattr(proved, part, x_out)


def test_the_message_names_the_false_step_its_sides_and_a_point():
    good = Step(Ratio(exp(-x_in), (1 + exp(-x_in)) ** 2), "chain rule")
    bad = Step(Product(sigma(x_in), sigma(x_in)), "a slip")
    with pytest.raises(DerivationError) as refused:
        derive("slope", Partial(sigma(x_in), x_in), good, bad, definitions=NAMES)
    message = str(refused.value)
    assert message.startswith('Step 2 of "slope" (a slip) is not an equality.')
    assert "before: exp(-x_in)/(1 + exp(-x_in))**2" in message
    assert "after:  σ(x_in)·σ(x_in)" in message
    point, left, right = map(
        float, re.search(r"x_in = (\S+) the left side is (\S+), the right side (\S+)\.$", message).groups()
    )
    value = 1 / (1 + 2.718281828459045**-point)
    assert left == pytest.approx(value * (1 - value), rel=1e-4)
    assert right == pytest.approx(value**2, rel=1e-4)


def test_the_same_seed_gives_the_same_message():
    def message():
        with pytest.raises(DerivationError) as refused:
            derive("q1", Partial(E, x_in), Step(SENT, "slip"), definitions=NAMES, seed=3)
        return str(refused.value)

    assert message() == message()


def test_a_true_step_without_a_proof_is_refused(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "prove_equal", lambda *a, **k: None)
    with pytest.raises(DerivationError, match=r"could not be proved[\s\S]*not a proof"):
        derive("q1", cos(x_in), Step(cos(-x_in), "even"))


def test_the_sample_catches_a_false_proof(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "prove_equal", lambda *a, **k: "no proof at all")
    with pytest.raises(DerivationError, match="is not an equality"):
        derive("q1", cos(x_in), Step(1 - x_in**2 / 2, "nearly"))


def test_the_proof_catches_what_the_sample_misses(monkeypatch):
    monkeypatch.setattr(labcode.derivation.chain, "sample", lambda *a, **k: (16, None))
    with pytest.raises(DerivationError, match="could not be proved"):
        derive("q1", cos(x_in), Step(1 - x_in**2 / 2, "nearly"))


def test_a_chain_without_steps_is_refused():
    with pytest.raises(ValueError, match='"empty" has no steps'):
        derive("empty", x_in)


@pytest.mark.parametrize("step", [x_in, None, (x_in, "rule")])
def test_what_is_no_step_is_refused_in_words(step):
    with pytest.raises(StatementError, match=r'^Step 1 of "c" is .*; it must be a Step\(expression, rule\)\.$'):
        derive("c", x_in, step)


def test_the_display_has_one_labelled_equals_sign_per_step():
    """Factors keep the order in which they were written."""
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
def test_a_notebook_shows_the_message_without_the_call_stack(error):
    """IPython prints what this method returns in place of the traceback."""
    shown = error("Wrong: here.")._render_traceback_()
    assert len(shown) == 1
    assert shown[0].endswith("Wrong: here.")


def test_derivations_load_no_framework_before_a_gradient_check():
    code = (
        "from labcode.derivation import derive, judge, check_gradient; import sys; "
        "print(*{'torch', 'scipy', 'matplotlib', 'IPython'} & sys.modules.keys())"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


def test_derivations_and_judges_work_without_torch_numpy_and_scipy():
    """As in a browser, where these are not installed."""
    code = """
import sys
sys.modules.update(dict.fromkeys(["torch", "numpy", "scipy"]))  # importing one of them now fails
from sympy import Abs, symbols, tanh
from labcode.derivation import Partial, Step, derive, judge, judge_chain, judge_function, judge_value, latex, sample
x = symbols("x", real=True)
right = 1 - tanh(x) ** 2
derive("slope", Partial(tanh(x), x), Step(right, "tanh"))
judge("1 - tanh(x)**2", Partial(tanh(x), x))
judge_chain("slope", Partial(tanh(x), x), [Step(right, "tanh")], right)
judge_value([0.5, 2], [0.5, 2])
judge_function(abs, abs, [1.0], 1e-9)
assert sample(Abs(x), x)[1] is not None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.count("Right") == 3


def test_an_ordinary_step_needs_no_simplify_and_few_points(monkeypatch):
    """The costs of a step: SymPy's simplify, the slower strategy, and the points at which it is evaluated."""
    monkeypatch.setattr(labcode.derivation.proof.sympy, "simplify", lambda expression: pytest.fail("simplify called"))
    chain = derive("q1", Partial(E, x_in), Step(Product(SENT, 1 - x_out, x_out), "all at once"), definitions=NAMES)
    assert chain.points <= 20
