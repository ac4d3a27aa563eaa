"""The code behind the book: derivations, the ConvNet, its training, and the evidence.

Import names from the packages. Each module is loaded when one of its names is first asked for, so that a page on
derivations never waits for PyTorch:

>>> from labcode.derivation import Step, derive
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (a checkout on the path was not installed, so nothing has looked yet)
    raise ImportError(f"labcode needs Python 3.11 or newer; this is {sys.version.split()[0]}.", name="labcode")

__version__ = "0.1.0"
