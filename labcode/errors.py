"""The base class of labcode's errors."""


class LabcodeError(Exception):
    """An error whose message is a complete sentence for the reader.

    Each package derives its own errors from it and from the built-in error that fits:

    >>> class DerivationError(LabcodeError, ArithmeticError):
    ...     pass
    >>> issubclass(DerivationError, ArithmeticError)
    True
    """

    def _render_traceback_(self) -> list[str]:
        """Show only the message in a notebook, without the call stack."""
        return [f"{type(self).__name__}: {self}"]
