"""Layers with a right backward pass and plausible wrong ones, each with the thought that leads to it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from labcode.checks import instance_of
from labcode.derivation.gradcheck import check_backward
from labcode.derivation.residuals import GradientError

if TYPE_CHECKING:
    from torch import Tensor

Backward: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Layer:
    """A layer with its right backward pass and with wrong ones.

    Attributes
    ----------
    title : of the layer.
    function : its forward pass.
    inputs : what it is tried with.
    backward : takes the error at the output and the inputs, and returns the errors at the inputs.
    wrong : the same, but wrong; each is added by :meth:`mistake`.
    """

    title: str
    function: Callable
    inputs: Mapping[str, Tensor]
    backward: Backward
    wrong: list[Backward] = field(default_factory=list)

    def mistake(self, backward: Backward) -> Backward:
        """Add a wrong backward pass, whose docstring is the thought that leads to it."""
        self.wrong.append(backward)
        return backward

    def check(self, backward: Backward) -> None:
        """Compare a backward pass with automatic differentiation.

        Raises
        ------
        labcode.derivation.GradientError : the two differ.
        """
        check_backward(self.title, self.function, backward, dict(self.inputs))


@dataclass(frozen=True)
class RefusedPasses:
    """A layer and the sentences that refuse its wrong backward passes. Only :func:`refuse_passes` makes one."""

    layer: Layer
    sentences: tuple[str, ...]

    def _told(self) -> list[tuple[str, str, str, str]]:
        """The name of each mistake, the thought, the code and the sentence."""
        wrong = zip(self.layer.wrong, self.sentences, strict=True)
        return [(name_of(each), str(inspect.getdoc(each)), code_of(each), sentence) for each, sentence in wrong]

    def __repr__(self) -> str:
        lines = [f"{self.layer.title}: the right backward pass agrees with autograd"]
        for name, thought, code, sentence in self._told():
            lines += [
                f"  {name}",
                f"    thought: {thought}",
                textwrap.indent(code, 6 * " "),
                f"    refused: {sentence}",
            ]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        blocks = []
        for name, thought, code, sentence in self._told():
            blocks += [f"**{name[0].upper()}{name[1:]}.** “{thought}”", f"```python\n{code}\n```"]
            blocks.append(f"*Refused:* {sentence}")
        return "\n\n".join(blocks) + "\n"


def refuse_passes(layer: Layer) -> RefusedPasses:
    """Compare the backward passes of a layer with automatic differentiation; refuse the wrong ones.

    Raises
    ------
    labcode.derivation.GradientError : the right one is refused, or a wrong one is not.

    >>> from labcode.network.mistakes import LAYERS
    >>> refuse_passes(LAYERS["relu"])  # doctest: +ELLIPSIS
    ReLU: the right backward pass agrees with autograd
      open at zero
        thought: Zero is not negative, so the error passes.
          return g * (x >= 0)
        refused: ReLU: the largest relative residual against autograd, by x is ...
    """
    instance_of("layer", layer, Layer)
    layer.check(layer.backward)
    sentences = []
    for wrong in layer.wrong:
        try:
            layer.check(wrong)
        except GradientError as error:
            sentences.append(str(error))
        else:
            raise GradientError(f'{layer.title}: the wrong backward pass "{name_of(wrong)}" is not refused.')
    return RefusedPasses(layer, tuple(sentences))


def name_of(wrong: Backward) -> str:
    """Return the name of a mistake in words, without its layer: the last part of the function's name."""
    return wrong.__name__.partition("__")[2].replace("_", " ")


def code_of(wrong: Backward) -> str:
    """Return the statements of a function, without its decorator, its head and its docstring."""
    source = textwrap.dedent(inspect.getsource(wrong))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return textwrap.dedent("\n".join(source.splitlines()[function.body[1].lineno - 1 :]))
