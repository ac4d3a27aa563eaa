"""Settings of every test, chapters included."""

import os

# A progress bar writes to standard error, which a chapter's stored output must not hold.
os.environ.setdefault("TQDM_DISABLE", "1")
