"""What the commands of this folder share: where the book and its site are, and an end in one sentence.

Where something is missing, they say so as `python -m labcode` does.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labcode.errors import LabcodeError

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"


@contextmanager
def one_sentence() -> Iterator[None]:
    """Exit with one sentence in place of a stack trace where the user can mend what is wrong.

    >>> with one_sentence():
    ...     Path("nowhere").read_text()
    Traceback (most recent call last):
    ...
    SystemExit: nowhere: No such file or directory.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}." if error.filename else str(error))
    except (LabcodeError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


def built(site: Path) -> Path:
    """Return the folder of the built site; exit if no site was built there.

    >>> built(Path("nowhere"))
    Traceback (most recent call last):
    ...
    SystemExit: There is no built site in nowhere: `make book` builds it.
    """
    if not (site / "index.html").is_file():
        sys.exit(f"There is no built site in {site}: `make book` builds it.")
    return site
