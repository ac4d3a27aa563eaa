"""The one ancestor of every error that labcode names."""


class LabcodeError(Exception):
    """An error whose message is a sentence for the person who reads it.

    Each package derives its own, together with the built-in error that fits:

    >>> class DerivationError(LabcodeError, ArithmeticError):
    ...     pass
    >>> issubclass(DerivationError, ArithmeticError)
    True
    """

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook, where the call stack would only hide it."""
        return [f"{type(self).__name__}: {self}"]
