"""Every public function answers any argument with a result or with a sentence."""

import contextlib
import inspect
import io
from fractions import Fraction

import mpmath
import numpy as np
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, Eq, Function, IndexedBase, Lambda, Matrix, Piecewise, Sum, exp, log, sqrt, symbols

import labcode.derivation
from labcode.derivation import Partial, Product, Question, Row, Step
from labcode.derivation.passes import Layer
from labcode.errors import LabcodeError

x, y = symbols("x y", real=True)
t = symbols("t", positive=True)
i, j, k, n = symbols("i j k n", integer=True, positive=True)
m = symbols("m", integer=True)
plain = symbols("x")
z, plain_base = IndexedBase("z", real=True), IndexedBase("z")
sigma = Function("sigma")

EXPRESSIONS = [
    *(x, 2 * x, x**2 + y, exp(-x), sqrt(x), log(x), Abs(x), sigma(x), sigma(x, y), z[i], z[1], 0.1 * x, m / 2, plain),
    *(plain_base[k], Sum(z[k], (k, 1, n)), Sum(x, (k, 0, sympy.oo)), Sum(x, (k, 1, 10**9)), Sum(x, (k, 1, y))),
    *(Sum(z[k], (k, i, n)), Partial(sigma(x), x), Partial(x**2, plain), Product(x, x), sympy.diff(sigma(x), x)),
    *(sympy.Derivative(x**2, x), sympy.Integral(x, x), sympy.DiracDelta(x), Piecewise((x, x > 0)), sympy.Float(0.1)),
    *(sympy.nan, sympy.oo, sympy.zoo, sympy.I, 1 / x, x**x, sympy.Max(x, y), sympy.floor(x), sympy.gamma(x)),
    *(sympy.KroneckerDelta(i, j), sympy.Symbol("lambda", real=True), sympy.Symbol("a b", real=True), sympy.Symbol("")),
    *(sympy.Symbol("{", real=True), sympy.Symbol("A", commutative=False), sympy.MatrixSymbol("A", 2, 2), sympy.O(x)),
]
OTHERS = [
    *(
        None,
        ...,
        True,
        0,
        1,
        -1,
        2.5,
        float("nan"),
        float("inf"),
        1j,
        10**400,
        Fraction(1, 3),
        "",
        "x",
        "2*x +",
        "é",
        b"x",
    ),
    *([], [[]], (), {}, set(), [x], [[x]], [x, y], (x, x), [1, 2.0], [None], [...], ["x"], {x: 1}, {"x": 1}, {x: x}),
    *({x: y, y: x}, {x: 5}, {x: (0, 1)}, {x: (1, 0)}, {x: (0, sympy.pi)}, {x: (float("nan"), 1)}, {t: (-1, 1)}, {x: t}),
    *(
        {t: x},
        {Abs(x): x},
        {sigma: x},
        {sigma: Lambda(x, x**2)},
        {sigma: Lambda((x, y), x)},
        {z: Lambda(i, i)},
        {n: (7, 9)},
    ),
    *([(i, j)], [(i, i)], [(i, 1)], (i, j), (0, 1), (1, 0), (sympy.pi, 4), (float("nan"), 1), range(3), iter([1, 2])),
    *(object(), len, lambda *_: None, lambda *_: 1.0, lambda p: p, lambda p: 2 * p, lambda p: 1 / 0, float, sigma, z),
    *(
        np.array(1.5),
        np.array([1.0, 2.0]),
        np.zeros((0, 2)),
        np.float32(0.5),
        np.bool_(True),
        np.array(["a"]),
        mpmath.mpf(2),
    ),
    *(
        torch.tensor(2.0),
        torch.ones(2, dtype=torch.float64, requires_grad=True),
        torch.tensor([]),
        Matrix([x]),
        Eq(x, y),
    ),
    *(
        Matrix([[x, y]]),
        sympy.true,
        Lambda(x, x),
        Step(x, "rule"),
        Step(None, ""),
        Step("x", "rule"),
        [Step(x, "rule")],
    ),
    *(Row("way", 0.0, 1e-12, "reason"), [Row("way", 0.0, 1e-12, "reason")], [Row("way", None, None, "")], type, sympy),
]
TENSORS = {"x": torch.ones(2, dtype=torch.float64)}

QUESTION = Question("t", Partial(x**2, x), 2 * x, {"factor forgotten": (x, "why")})
LAYER = Layer("t", torch.abs, TENSORS, lambda g, p: (g * p.sign(),))

#: Valid arguments of every public function, from which a search replaces some.
CALLS = {
    "judge": {
        "answer": 2 * x,
        "truth": Partial(x**2, x),
        "definitions": {},
        "domain": None,
        "distinct": (),
        "case": {},
    },
    "judge_chain": {"name": "c", "start": x, "steps": [Step(x, "r")], "end": x, "definitions": None},
    "judge_function": {"answer": abs, "truth": abs, "points": [0.5, 1.0], "tolerance": 1e-9},
    "judge_value": {"answer": [1.0, 2], "truth": [1, 2], "tolerance": 0.1},
    "derive": {
        "name": "c",
        "start": x,
        "1": Step(x, "r"),
        "definitions": None,
        "domain": None,
        "distinct": (),
        "case": None,
    },
    "prove_equal": {"left": x, "right": x, "definitions": None, "distinct": (), "case": None},
    "sample": {
        "left": x,
        "right": x,
        "definitions": None,
        "domain": None,
        "distinct": (),
        "case": None,
        "points": 2,
        "seed": 1,
    },
    "differentiate": {"expression": x**2, "variable": x},
    "unfold": {"expression": x, "definitions": {x: y}, "held": frozenset()},
    "Partial": {"function": x, "variable": x},
    "Product": {"1": x, "2": y},
    "Ratio": {"numerator": x, "denominator": y},
    "Total": {"1": x, "2": y},
    "central_differences": {"function": lambda p: [p[0]], "point": np.ones(1)},
    "check_backward": {
        "title": "t",
        "layer": lambda p: 2 * p,
        "hand": lambda g, p: 2 * g,
        "inputs": TENSORS,
        "seed": 0,
    },
    "check_gradient": {
        **{"answer": 2, "function": 2 * x, "variables": [x], "framework": lambda p: 2 * p, "definitions": None},
        **{"smooth": True, "span": (-1, 1), "points": 2, "seed": 0},
    },
    "refuse": {"question": QUESTION},
    "refuse_passes": {"layer": LAYER},
    "residual": {"value": [1.0], "reference": [1.0]},
    "tabulate": {"title": "t", "rows": [Row("way", 0.0, 1e-12, "reason")]},
    "latex": {"expression": x},
    "latex_lines": {"expression": x},
    "text": {"expression": x},
    "try_derivative": {"function": "x**2", "by": "x", "claim": "2*x", "positive": ""},
}


def test_every_public_function_is_called():
    public = {name for name in labcode.derivation.__all__ if callable(getattr(labcode.derivation, name))}
    plain_data = {"Derivation", "Question", "Step", "Row", "ResidualTable", "Trial"}
    errors = {
        name
        for name in public
        if inspect.isclass(kind := getattr(labcode.derivation, name)) and issubclass(kind, Exception)
    }
    assert public - plain_data - errors == CALLS.keys()


def call(name, arguments):
    """Call a public function. Return None, or what it says if that is no sentence."""
    positional = [value for key, value in arguments.items() if key.isdigit()]
    named = {key: value for key, value in arguments.items() if not key.isdigit()}
    if positional:  # what stands before them goes by position too
        positional = [named.pop(key) for key in ("name", "start") if key in named] + positional
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            repr(getattr(labcode.derivation, name)(*positional, **named))
    except (LabcodeError, ValueError, TypeError) as error:
        return None if str(error).endswith((".", "?")) else f"{type(error).__name__}: {error}"
    return None


@settings(max_examples=200)
@given(st.data())
def test_an_odd_argument_gets_a_sentence(data):
    name = data.draw(st.sampled_from(sorted(CALLS)))
    arguments = dict(CALLS[name])
    for changed in data.draw(st.lists(st.sampled_from(list(arguments)), min_size=1, max_size=2)):
        arguments[changed] = data.draw(st.sampled_from([*EXPRESSIONS, *OTHERS]))
    assert call(name, arguments) is None
