"""Settings of every test, chapters included."""

import contextlib
import functools
import itertools
import os
import time

import nbval.kernel
import pytest
from chapters import kernel
from hypothesis import settings
from jupyter_client.manager import KernelManager

# It needs Cosmic Ray, which has an environment of its own.
collect_ignore = ["tools/mutants.py"]

# A progress bar writes to standard error, which a chapter's stored output must not hold.
os.environ.setdefault("TQDM_DISABLE", "1")
# Tests run side by side, one per core: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Every run draws the same examples, however busy the machine is: a test that passed does not fail the next time.
settings.register_profile("fixed", derandomize=True, deadline=None)
# `make search` draws new ones.
settings.register_profile("search", deadline=None, print_blob=True)

# Files that take long, in seconds of one processor. They start first, so that no core idles at the end.
SECONDS = {
    "tests/site/test_live.py": 90,
    "tests/site/test_access.py": 80,
    "tests/study/test_faults.py": 50,
    "tests/site/test_browser.py": 65,
    "tests/tools/test_student_edition.py": 52,
    "tests/book/test_contributing.py": 50,
    "tests/study/test_cluster.py": 38,
    "tests/site/test_draw.py": 35,
    "tests/derivation/test_exam.py": 35,
    "tests/pages/test_exam.py": 15,
    "tests/site/test_archive.py": 12,
    "tests/site/test_picture.py": 10,
    "tests/tools/test_readme.py": 20,
    "tests/tools/test_metadata.py": 15,
    "tests/tools/test_archive.py": 7,
    "tests/site/test_first_visit.py": 20,
    "tests/site/test_widgets.py": 20,
    "tests/tools/test_chapters_tool.py": 40,
    "book/mnist/training.ipynb": 18,
    "book/mnist/draw.ipynb": 18,
    "tests/training/test_checkpoints.py": 14,
    "tests/test_types.py": 14,
    "tests/test_main.py": 13,
    "book/appendix/report.ipynb": 13,
    "book/mnist/batch_size.ipynb": 13,
    "book/mnist/misread.ipynb": 13,
    "tests/bench/test_study_cost.py": 12,
    "tests/test_settings.py": 40,
    "tests/test_damage.py": 15,
    "tests/test_arguments.py": 10,
    "tests/training/test_exponents.py": 8,
    "book/mnist/activations.ipynb": 12,
    "book/mnist/stages.ipynb": 11,
    "book/backprop/softmax.ipynb": 11,
    "book/mnist/optimizers.ipynb": 11,
    "tests/site/test_print.py": 10,
    "tests/tools/test_live_tool.py": 10,
    "tests/derivation/test_trial.py": 10,
    "tests/training/test_loop.py": 10,
    "book/appendix/own_notebook.ipynb": 10,
    "tests/study/test_statistics.py": 9,
    "tests/study/test_sweep.py": 5,
    "tests/study/test_fleets.py": 25,
    "tests/tools/test_gpu_check.py": 30,
    "tests/training/test_fleet.py": 30,
    "tests/training/test_fleet_network.py": 10,
    "tests/tools/test_kernel.py": 8,
    "tests/study/test_reproduction.py": 5,
    "tests/study/test_claims.py": 5,
    "tests/training/test_numerics.py": 5,
    "tests/derivation/test_wrong_derivations.py": 4,
    "tests/test_package.py": 4,
    "tests/bench/test_memory.py": 4,
}


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out the files that take long")
    parser.addoption(
        "--search", type=float, metavar="MINUTES", help="run only tests that draw examples: new ones, for so long"
    )


def pytest_configure(config):
    settings.load_profile("search" if config.option.search else "fixed")
    # Compare chapters in the same kernels that execute them.
    home = contextlib.ExitStack()
    config.add_cleanup(home.close)
    nbval.kernel.KernelManager = functools.partial(Kernel, home.enter_context(kernel.empty_home()))


class Kernel(KernelManager):
    """A kernel for nbval, which starts it and decides where it works."""

    numbers = itertools.count()

    def __init__(self, home, **options):
        super().__init__(**kernel.connection(home, next(self.numbers)))
        self.home = home

    def start_kernel(self, **options):
        super().start_kernel(env=kernel.environment(self.home), **options)


@pytest.hookimpl(trylast=True)  # Hypothesis marks its tests in the same hook
def pytest_collection_modifyitems(config, items):
    def seconds(item):
        return SECONDS.get(item.nodeid.split("::")[0], 0)

    items.sort(key=seconds, reverse=True)
    kept = items if config.option.markexpr else [item for item in items if not item.get_closest_marker("gpu")]
    if config.option.quick:
        kept = [item for item in kept if not seconds(item)]
    if config.option.search:
        kept = [item for item in kept if item.get_closest_marker("hypothesis")]
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
        config.seconds_each = 60 * config.option.search * workers / max(len(kept), 1)
    if dropped := [item for item in items if item not in set(kept)]:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Repeat a test that draws examples until its share of the search is over."""
    end = time.monotonic() + getattr(item.config, "seconds_each", 0)
    yield
    while time.monotonic() < end:
        item.runtest()
