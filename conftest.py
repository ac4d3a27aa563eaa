"""Settings of every test, chapters included."""

import os

# A progress bar writes to standard error, which a chapter's stored output must not hold.
os.environ.setdefault("TQDM_DISABLE", "1")
# Tests run side by side, one a core: threads of their own would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
