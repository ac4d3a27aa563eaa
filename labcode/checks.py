"""Checks of arguments that several modules share. Each error names the value first, then what is accepted.

A number or truth value may be Python's, NumPy's, or a 0-dimensional array or tensor; it becomes Python's.
"""

import math
import os
from collections.abc import Collection
from numbers import Integral, Real
from pathlib import Path
from typing import Any


def whole_number(name: str, value: Any, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return ``value`` as an ``int``. Booleans and floats are not whole numbers.

    Raises
    ------
    ValueError : it is something else, or out of range.

    >>> import numpy as np
    >>> whole_number("width", np.int64(8), at_least=1)
    8
    >>> whole_number("width", 0, at_least=1)
    Traceback (most recent call last):
    ...
    ValueError: width is 0; it must be a whole number of at least 1.
    """
    number = _plain(value)
    fits = isinstance(number, Integral) and not isinstance(number, bool)
    if fits and (at_least is None or number >= at_least) and (at_most is None or number <= at_most):
        return int(number)
    bounds = [("of at least", at_least), ("of at most", at_most)]
    accepted = " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)
    raise ValueError(f"{name} is {value!r}; it must be a whole number {accepted}".rstrip() + ".")


def real_number(
    name: str, value: Any, *, above: float | None = None, at_least: float | None = None, below: float = math.inf
) -> float:
    """Return ``value`` as an ``int`` or a ``float``. Booleans, NaN and infinities are not real numbers.

    Parameters
    ----------
    name, value : of the argument.
    above, at_least, below : the range accepted; all finite numbers where none is given.

    Raises
    ------
    ValueError : it is something else, or out of range.

    >>> import numpy as np
    >>> real_number("rate", np.float64(0.5), at_least=0, below=1)
    0.5
    >>> real_number("rate", 1, at_least=0, below=1)
    Traceback (most recent call last):
    ...
    ValueError: rate is 1; it must be a finite number of at least 0 and below 1.
    """
    number = _plain(value)
    fits = isinstance(number, Real) and not isinstance(number, bool) and _is_finite(number)
    fits = fits and (above is None or number > above) and (at_least is None or number >= at_least) and number < below
    if fits:
        return int(number) if isinstance(number, Integral) else float(number)
    bounds = [("above", above), ("of at least", at_least), ("below", below if below < math.inf else None)]
    accepted = " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)
    raise ValueError(f"{name} is {value!r}; it must be a finite number {accepted}".rstrip() + ".")


def truth(name: str, value: Any) -> bool:
    """Return ``value`` as a ``bool``. Numbers are not accepted, nor is None.

    >>> truth("normalize", 1)
    Traceback (most recent call last):
    ...
    ValueError: normalize is 1; it must be True or False.
    """
    if isinstance(plain := _plain(value), bool):
        return plain
    raise ValueError(f"{name} is {value!r}; it must be True or False.")


def instance_of(name: str, value: Any, *kinds: type) -> None:
    """Raise a `TypeError` unless ``value`` is an instance of one of the ``kinds``.

    >>> instance_of("recipe", None, dict)
    Traceback (most recent call last):
    ...
    TypeError: recipe is of type NoneType; it must be a dict.
    """
    if not isinstance(value, kinds):
        accepted = " or a ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} is of type {type(value).__name__}; it must be a {accepted}.")


def file_path(name: str, value: Any) -> Path:
    """Return ``value``, a string or a path, as a path.

    >>> file_path("root", 3)
    Traceback (most recent call last):
    ...
    TypeError: root is of type int; it must be a path or a string.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} is of type {type(value).__name__}; it must be a path or a string.")
    if "\0" in str(value):
        raise ValueError(f"{name} is {str(value)!r}; a path holds no zero byte.")
    return Path(value)


def _plain(value: Any) -> Any:
    """Return the number in a 0-dimensional array or tensor, which NumPy's numbers are too; other values as they are."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _is_finite(value: Real) -> bool:
    """Whether ``value`` is finite as a float; a whole number can be too large for one."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def one_of(name: str, value: Any, accepted: Collection[str]) -> str:
    """Return ``value`` if it is one of the ``accepted`` words.

    >>> one_of("decay", "linear", ("none", "cosine"))
    Traceback (most recent call last):
    ...
    ValueError: decay is 'linear'; accepted are 'none', 'cosine'.
    """
    if isinstance(value, str) and value in accepted:
        return value
    raise ValueError(f"{name} is {value!r}; accepted are {', '.join(map(repr, accepted))}.")
