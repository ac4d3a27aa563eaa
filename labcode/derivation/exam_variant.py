"""A question of the exam and its variants, each with a model solution that is proved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, IndexedBase, Lambda
from sympy.core.function import AppliedUndef

from labcode.derivation.chain import Derivation, DerivationError, Step, derive
from labcode.derivation.sampling import sample


@dataclass(frozen=True)
class Variant:
    """One variant of a question.

    Attributes
    ----------
    name : of the variant, in a few words.
    sought : what is to be written in another way.
    terms : in terms of what.
    steps : the model solution; its last expression is the answer.
    wrong : plausible wrong answers, by the name of the mistake.
    definitions : what is given, as in :func:`labcode.derivation.derive`.
    """

    name: str
    sought: Expr
    terms: tuple[Expr, ...]
    steps: tuple[Step, ...]
    wrong: Mapping[str, Expr]
    definitions: Mapping

    @cached_property
    def solution(self) -> Derivation:
        """The model solution.

        Raises
        ------
        DerivationError : a step of it is not proved, or a wrong answer is not refuted.
        """
        solution = derive(self.name, self.sought, *self.steps, definitions=self.definitions)
        for mistake, answer in self.wrong.items():
            _, difference = sample(self.sought, answer, self.definitions)
            if difference is None:
                raise DerivationError(f'The wrong answer "{mistake}" to "{self.name}" is not refuted.')
        return solution

    @property
    def given(self) -> dict[Expr, Expr]:
        """The definitions that the sheet prints, by what is defined; an error E that may be anything is none."""
        shown = {}
        for name, meaning in self.definitions.items():
            if isinstance(meaning, Lambda):
                index = meaning.variables if len(meaning.variables) > 1 else meaning.variables[0]
                shown[name[index] if isinstance(name, IndexedBase) else name(index)] = meaning.expr
            elif all(function.func in self.definitions for function in meaning.atoms(AppliedUndef)):
                shown[name] = meaning
        return shown


@dataclass(frozen=True)
class ExamQuestion:
    """A question of the exam with all of its variants.

    Attributes
    ----------
    title, words : what the sheet prints above the definitions.
    variants : makes them; numbers in them are drawn.
    """

    title: str
    words: str
    variants: Callable[[random.Random], Iterator[Variant]]
