"""Derivations in which every equals sign is checked.

>>> from sympy import Function, Lambda, exp, symbols
>>> from labcode.derivation import Partial, Product
>>> x, u = symbols("x u", real=True)
>>> sigma = Function("sigma")
>>> logistic = {sigma: Lambda(u, 1 / (1 + exp(-u)))}
>>> derive(
...     "slope",
...     Partial(sigma(x), x),
...     Step(exp(-x) / (1 + exp(-x)) ** 2, "quotient rule"),
...     Step(Product(sigma(x), 1 - sigma(x)), "definition of σ", "split the fraction"),
...     definitions=logistic,
... )
slope: 2 steps, each proved, then compared to 50 digits at 16 points or more
      ∂σ(x)/∂x
(1) = exp(-x)/(1 + exp(-x))**2    quotient rule
(2) = σ(x)·(1 - σ(x))             definition of σ

A false step raises :class:`DerivationError` with a point where its two sides differ:

>>> derive("slope", Partial(sigma(x), x), Step(1 - sigma(x), "a slip"), definitions=logistic)
Traceback (most recent call last):
    ...
labcode.derivation.chain.DerivationError: Step 1 of "slope" (a slip) is not an equality.
  before: ∂σ(x)/∂x
  after:  1 - σ(x)
At x = -3.26584 the left side is 0.0354105, the right side 0.963238.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr

from labcode.derivation.printing import latex_lines, text
from labcode.derivation.proof import prove_equal
from labcode.derivation.sampling import sample
from labcode.derivation.statement import StatementError, expression, shown
from labcode.errors import LabcodeError


class DerivationError(LabcodeError, ArithmeticError):
    """A step is false, or could not be proved."""


@dataclass(frozen=True)
class Step:
    """One equality of a derivation.

    Attributes
    ----------
    expression : what stands to the right of "=".
    rule : the rule that gives it, in a few words: "chain rule".
    words : an optional sentence of explanation, in which $...$ is math.
    """

    expression: Expr
    rule: str
    words: str = ""


@dataclass(frozen=True)
class Derivation:
    """A chain of equalities, all of them checked. Only :func:`derive` makes one.

    Attributes
    ----------
    name : prefix of the labels of its equations.
    start : the first expression.
    steps : the equalities that follow.
    definitions : what the names stand for.
    proofs : the strategy that proved each step.
    points : the number of points at which each step was compared, at least.
    """

    name: str
    start: Expr
    steps: tuple[Step, ...]
    definitions: Mapping
    proofs: tuple[str, ...]
    points: int

    @property
    def result(self) -> Expr:
        """The last expression, as written."""
        return self.steps[-1].expression

    def __repr__(self) -> str:
        count = len(self.steps)
        lines = [
            f"{self.name}: {count} step{'s' if count > 1 else ''}, each proved, then compared "
            f"to 50 digits at {self.points} points or more",
            f"      {text(self.start)}",
        ]
        shown = [text(step.expression) for step in self.steps]
        width = max(map(len, shown)) + 4
        for number, (step, right) in enumerate(zip(self.steps, shown, strict=True), 1):
            lines.append(f"({number}) = {right:<{width}}{step.rule}")
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        """MyST with one numbered equation per step, labelled ``name-1``, ``name-2``, ..."""
        blocks = [f"$$\n{latex_lines(self.start)}\n$$ ({self.name}-0)"]
        for number, step in enumerate(self.steps, 1):
            blocks.append(f"$$\n= {latex_lines(step.expression)}\n$$ ({self.name}-{number})")
            blocks.append(f"*{step.rule}*: {step.words}" if step.words else f"*{step.rule}*")
        return "\n\n".join(blocks) + "\n"


def derive(
    name: str,
    start: Expr,
    *steps: Step,
    definitions: Mapping | None = None,
    domain: Mapping | None = None,
    distinct: tuple = (),
    case: Mapping | None = None,
    seed: int = 0,
) -> Derivation:
    """Check a chain ``start = steps[0] = steps[1] = ...`` and return it, ready to be displayed.

    Each expression is proved equal to the one before it (:func:`labcode.derivation.prove_equal`). Independently,
    both are evaluated to 50 digits at random points and at the ends of the domain (:func:`labcode.derivation.sample`).
    Neither check can be skipped.

    Parameters
    ----------
    name : prefix of the equations' labels; cite step 2 as ``{eq}`name-2```.
    start : the first expression.
    *steps : the equalities that follow, each with its rule.
    definitions : what the names in the chain stand for, see :func:`labcode.derivation.unfold`.
    domain : the two ends of a variable's range, where its assumptions do not give them.
    distinct : pairs of indices that differ, for the case i != j.
    case : a substitution that confines a variable to one branch.
    seed : of the random points.

    Raises
    ------
    DerivationError : a step is false (with a point where the sides differ), or no strategy proves it.
    labcode.derivation.StatementError : there are no steps, or one cannot be decided, for instance because a symbol is
        not known to be real (:func:`labcode.derivation.sample`).

    >>> from sympy import cos, sin, symbols
    >>> x = symbols("x", real=True)
    >>> derive("double", sin(2 * x), Step(2 * sin(x) * cos(x), "addition theorem"))
    double: 1 step, each proved, then compared to 50 digits at 16 points or more
          sin(2*x)
    (1) = 2*sin(x)*cos(x)    addition theorem
    """
    if not steps:
        raise StatementError(f'The derivation "{name}" has no steps; it needs at least one.')
    proofs, tried = [], []
    before = expression(start, f'The start of "{name}"')
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Step):
            raise StatementError(f'Step {number} of "{name}" is {shown(step)}; it must be a Step(expression, rule).')
        after = expression(step.expression, f'Step {number} of "{name}"')
        where = f'Step {number} of "{name}" ({step.rule})'
        sides = f"  before: {text(before)}\n  after:  {text(after)}\n"
        count, difference = sample(
            before, after, definitions, domain=domain, distinct=distinct, case=case, seed=seed + number
        )
        if difference is not None:
            raise DerivationError(f"{where} is not an equality.\n{sides}{difference}")
        proof = prove_equal(before, after, definitions, distinct=distinct, case=case)
        if proof is None:
            raise DerivationError(
                f"{where} could not be proved.\n{sides}The two sides agree at all {count} points tried, "
                "but that is not a proof. Insert a smaller step."
            )
        proofs.append(proof)
        tried.append(count)
        before = after
    return Derivation(name, start, steps, definitions or {}, tuple(proofs), min(tried))
