"""How much memory a run takes, measured in a process of its own. Printed by ``python -m labcode bench --memory``."""

import subprocess
import sys
from collections.abc import Mapping

from labcode.study.experiment import Experiment

# A fresh process for each: the peak of a process never falls. A few images do for the training, since what grows with
# their number is the images themselves, and all of them are loaded.
MEASURE = """
import resource, sys
from labcode.network.convnet import ConvNet
from labcode.data.mnist import load
from labcode.study.experiment import Experiment
from labcode.seeds import stream
from labcode.training.loop import train

experiment = Experiment(seed=0).vary(**{settings!r})
mnist = load(experiment.scale, seed=0)
net = ConvNet(experiment.network, stream(0, "initial weights"))
recipe = experiment.vary(epochs=1, measured_every=1).recipe
train(net, mnist.first(max(100, recipe.batch_size), 100), recipe, seed=0, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(settings: Mapping[str, object]) -> float:
    """Return the largest resident memory, in megabytes, of a process that trains the baseline with ``settings``.

    Linux only, which counts in units of 1 024 bytes; other systems have others.

    Raises
    ------
    RuntimeError : the process failed; the sentence says how.

    >>> peak_megabytes({})  # doctest: +SKIP
    697.1
    """
    Experiment(seed=0).vary(**settings)  # type: ignore[arg-type]  # a wrong setting is refused here, by name
    code = MEASURE.replace("{settings!r}", repr(dict(settings)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode} and said nothing"]
        raise RuntimeError(f"The process that was to be measured failed: {said[-1]}")
    return round(int(done.stdout) * 1024 / 1e6, 1)
