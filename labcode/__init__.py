"""The code behind the book: derivations, the ConvNet, its training, and the evidence.

Import the modules one by one, as the chapters do, so that a page on derivations never waits for PyTorch:

>>> from labcode.derivation import chain as derivation  # doctest: +SKIP
"""

__version__ = "0.1.0"
