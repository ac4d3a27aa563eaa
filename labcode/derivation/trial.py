"""Try a derivative of one's own: a function and a claim, both as text, judged in three independent ways."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cached_property

import mpmath
import sympy
from sympy import Expr, Symbol
from sympy.core.function import AppliedUndef

from labcode.derivation.expressions import Partial
from labcode.derivation.printing import latex, text
from labcode.derivation.proof import prove_equal
from labcode.derivation.sampling import AGREE, Difference, sample
from labcode.derivation.statement import parse, shown
from labcode.errors import LabcodeError

#: Names that stand for numbers; all others without parentheses are variables.
CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
NAME = re.compile(r"[^\W\d]\w*")
#: Functions with a corner or a jump, along which steps off the real line say nothing.
CORNERS = (sympy.Abs, sympy.sign, sympy.Max, sympy.Min, sympy.Heaviside, sympy.floor, sympy.ceiling, sympy.Piecewise)
#: The points at which complex steps are taken, and the relative error accepted there.
POINTS, TOLERANCE = 25, 1e-12
#: The step h, and working digits that hold f(x) and the h f'(x) beside it.
STEP, DIGITS = mpmath.mpf("1e-30"), 80


class TrialError(LabcodeError, ValueError):
    """What was typed is not an expression in SymPy's notation."""


@dataclass(frozen=True)
class Trial:
    """A claimed derivative and what three checks say about it. :func:`try_derivative` makes one.

    Attributes
    ----------
    function, variable, claim : what was claimed.
    proof : the strategy that proved the claim, or None.
    tried : points at which derivative and claim were compared to 50 digits.
    difference : a point at which the two differ, or None.
    """

    function: Expr
    variable: Symbol
    claim: Expr
    proof: str | None
    tried: int
    difference: Difference | None

    @property
    def derivative(self) -> Partial:
        """The derivative, not yet taken."""
        return Partial(self.function, self.variable)

    @property
    def verdict(self) -> str:
        """Proved, wrong or not decided; a point where one of the two has no value decides nothing."""
        if self.difference is None:
            return "Proved" if self.proof else "Not decided"
        return "Wrong" if all(map(mpmath.isfinite, (self.difference.left, self.difference.right))) else "Not decided"

    @cached_property
    def checks(self) -> dict[str, str]:
        """What each check found, in a few words."""
        if self.difference is None:
            proof = self.proof or "none found, which does not mean that the claim is false"
            digits = f"equal to {AGREE} digits or more at {self.tried} points"
        elif self.verdict == "Wrong":
            proof = "none: there is a counterexample"
            left, right = (mpmath.nstr(value, 6) for value in (self.difference.left, self.difference.right))
            digits = f"{self.difference.where}, the derivative is {left}, the claim gives {right}"
        else:
            proof = "not tried: say which variables are positive"
            digits = f"{self.difference.where}, one of the two has no value"
        return {"proof": proof, "50 digits": digits, "complex steps": self._steps()}

    def _steps(self) -> str:
        """Compare with Im f(x + ih) / h at random points (Squire and Trapp, SIAM Review 40, 1998)."""
        if self.function.has(*CORNERS):
            return "not possible: the function has corners or jumps"
        variables = sorted(self.function.free_symbols | self.claim.free_symbols | {self.variable}, key=str)
        function, claim = (sympy.lambdify(variables, each, "mpmath") for each in (self.function, self.claim))
        chance, compared = random.Random(0), 0
        for _ in range(POINTS):
            point = {v: mpmath.mpf(chance.uniform(0 if v.is_positive else -4, 4)) for v in variables}
            with mpmath.workdps(DIGITS):
                moved = {**point, self.variable: mpmath.mpc(point[self.variable], STEP)}
                try:
                    values = [claim(*point.values()), function(*point.values())]
                    slope = mpmath.im(function(*moved.values())) / STEP
                except (ZeroDivisionError, ValueError, OverflowError):
                    continue
            if not all(mpmath.isfinite(value) and mpmath.im(value) == 0 for value in values):
                continue
            compared += 1
            if abs(slope - values[0]) > TOLERANCE * max(abs(slope), abs(values[0]), mpmath.mpf("1e-6")):
                where = ", ".join(f"{name} = {mpmath.nstr(value, 4)}" for name, value in point.items())
                return f"at {where} they give {mpmath.nstr(slope, 6)}, the claim {mpmath.nstr(values[0], 6)}"
        if not compared:
            return "not possible: no point was found where both are real numbers"
        return f"equal to a relative error of {TOLERANCE:.0e} at {compared} points"

    def __repr__(self) -> str:
        lines = [f"{self.verdict}: {text(self.derivative)} is {text(self.claim)}"]
        return "\n".join([*lines, *(f"  {check:<14} {found}" for check, found in self.checks.items())])

    def _repr_markdown_(self) -> str:
        rows = [f"| {check} | {found} |" for check, found in self.checks.items()]
        claim = f"**{self.verdict}:** ${latex(self.derivative)}$ is ${latex(self.claim)}$"
        return "\n".join([f"{claim}\n", "| check | what it found |", "|---|---|", *rows]) + "\n"


def try_derivative(function: str, by: str, claim: str, positive: str = "") -> Trial:
    """Judge a claimed derivative by proof, by samples to 50 digits, and by complex-step differences.

    Parameters
    ----------
    function : of a few variables, in SymPy's notation: ``"x**2 * sin(y)"``; ``^`` is a power as well.
    by : the variable to differentiate by.
    claim : the derivative, as claimed.
    positive : names of variables that are positive, separated by spaces; all others are real.

    Raises
    ------
    TrialError : a text is not an expression, or names a function that SymPy does not have.
    ValueError : no point could be tried (:func:`labcode.derivation.sample`).

    >>> try_derivative("sin(x)^2", "x", "sin(2*x)")
    Proved: ∂[sin(x)**2]/∂x is sin(2*x)
      proof          simplification
      50 digits      equal to 45 digits or more at 16 points
      complex steps  equal to a relative error of 1e-12 at 25 points
    >>> try_derivative("exp(x*y)", "x", "exp(x*y)")
    Wrong: ∂[exp(x*y)]/∂x is exp(x*y)
      proof          none: there is a counterexample
      50 digits      at x = 0.104384, y = -2.08682, the derivative is -1.67835, the claim gives 0.804262
      complex steps  at x = 2.755, y = 2.064 they give 608.233, the claim 294.738
    """
    for role, given in {"function": function, "by": by, "claim": claim, "positive": positive}.items():
        if not isinstance(given, str):
            raise TrialError(f"{role} is {shown(given)}; it must be text.")
    positives = frozenset(NAME.findall(positive))
    expression, claimed = (read(each, positives) for each in (function, claim))
    if not NAME.fullmatch(by.strip()) or by.strip() in CONSTANTS:
        raise TrialError(f"{by!r} is not a variable; it must be a name such as x.")
    variable = Symbol(by.strip(), real=True, positive=by.strip() in positives or None)
    derivative = Partial(expression, variable)
    tried, difference = sample(derivative, claimed)
    proof = None if difference else prove_equal(derivative, claimed)
    return Trial(expression, variable, claimed, proof, tried, difference)


def read(written: str, positive: frozenset[str] = frozenset()) -> Expr:
    """Return an expression in SymPy's notation, all of whose variables are real.

    Raises
    ------
    TrialError : it is none.

    >>> read("x^2 + exp(-y)")
    x**2 + exp(-y)
    >>> read("sinus(x)")
    Traceback (most recent call last):
        ...
    labcode.derivation.trial.TrialError: 'sinus(x)' is not an expression: sinus is not a function of mathematics.
    """
    names = {
        found[0]: CONSTANTS.get(found[0]) or Symbol(found[0], real=True, positive=found[0] in positive or None)
        for found in NAME.finditer(written)
        if not re.match(r"\s*\(", written[found.end() :])
    }
    try:
        expression = parse(written.replace("^", "**"), names)
    except Exception as error:
        reason = getattr(error, "msg", None) or str(error)
        raise TrialError(f"{written!r} is not an expression: {reason}.") from error
    if not isinstance(expression, Expr) or expression.has(AppliedUndef, sympy.zoo, sympy.nan):
        raise TrialError(f"{written!r} is not an expression with a finite value.")
    return expression
