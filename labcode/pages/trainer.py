"""A form from which the reader trains the network in the browser; ``book/_assets/train.js`` makes it work.

The choices stand here once: the form is made from them, and so are the page's tables (``tools/train``).
"""

import html
from dataclasses import dataclass
from itertools import product
from typing import Any

from labcode.network.config import ConvNetConfig
from labcode.study.experiment import Experiment

CHOICES: dict[str, dict[str, dict[str, Any]]] = {
    "width": {str(width): {"width": width} for width in (8, 16)},
    "learning rate": {
        str(rate): {"learning_rate": rate} for rate in (0.0003, 0.001, 0.003, 0.009, 0.03, 0.09, 0.3, 1.0, 3.0)
    },
    "batch size": {str(size): {"batch_size": size} for size in (1, 10, 30, 100)},
    "activation": {name: {"activation": name} for name in ("tanh", "relu", "sigmoid")},
    "filter size": {str(size): {"filter": size} for size in (3, 5, 7)},
    "pooling": {
        f"{pool} by {pool}, stride {stride}": {"pool": pool, "pool_stride": stride}
        for pool, stride in ((2, 2), (3, 2), (3, 3), (4, 4))
    },
    "dropout": {
        "none": {"dropout": ()},
        "stage 1": {"dropout": (0.5, 0.0, 0.0)},
        "stage 2": {"dropout": (0.0, 0.5, 0.0)},
        "classifier": {"dropout": (0.0, 0.0, 0.5)},
        "all three": {"dropout": (0.5, 0.5, 0.5)},
    },
}
"""What the reader may set: by its name, the choices and the settings that each makes."""

FIRST = {
    "width": "16",
    "learning rate": "0.003",
    "batch size": "1",
    "activation": "tanh",
    "filter size": "5",
    "pooling": "2 by 2, stride 2",
    "dropout": "none",
}
"""The choices at the beginning: the baseline, but for its width."""

SEEDS = 100
NOWHERE = (0.0, 0.0, 0.0)


PAGE_NAMES = {"learning_rate": "learningRate", "batch_size": "batchSize", "pool_stride": "stride"}


def page_choices() -> dict[str, dict[str, dict[str, Any]]]:
    """Return `CHOICES` under the names of the page's script.

    >>> page_choices()["pooling"]["3 by 3, stride 2"]
    {'pool': 3, 'stride': 2}
    """
    return {
        name: {
            label: {PAGE_NAMES.get(setting, setting): value or NOWHERE for setting, value in settings.items()}
            for label, settings in choices.items()
        }
        for name, choices in CHOICES.items()
    }


def page_settings(experiment: Experiment) -> dict[str, Any]:
    """Return the settings of an experiment under the names of the page's script.

    >>> page_settings(Experiment(0))["learningRate"]
    0.003
    """
    network, recipe = experiment.network, experiment.recipe
    return {
        "width": network.width,
        "hidden": network.hidden,
        "filter": network.filter,
        "pool": network.pool,
        "stride": network.pool_stride,
        "activation": network.activation,
        "dropout": network.dropout or NOWHERE,
        "learningRate": recipe.learning_rate,
        "batchSize": recipe.batch_size,
    }


def refused() -> dict[str, str]:
    """Return labcode's sentence for each pair of filter size and pooling that makes no network.

    >>> refused()["7, 3 by 3, stride 3"]
    'Stage 2 cannot be built: pool 3 does not fit into the 2x2 map after the convolution (stage 1: 32 -> 26 -> 8).'
    """
    sentences = {}
    for (size, filters), (pooling, pools) in product(CHOICES["filter size"].items(), CHOICES["pooling"].items()):
        try:
            ConvNetConfig(**filters, **pools)
        except ValueError as error:
            sentences[f"{size}, {pooling}"] = str(error)
    return sentences


@dataclass(frozen=True)
class Trainer:
    """The form, with the choices of the baseline at width 16.

    >>> Trainer()
    Train in the browser: width, learning rate, batch size, activation, filter size, pooling, dropout, seed.
    """

    def __repr__(self) -> str:
        return f"Train in the browser: {', '.join(CHOICES)}, seed."

    def _repr_html_(self) -> str:
        selects = [
            f'<label>{name} <select name="{name}">'
            + "".join(
                f"<option{' selected' if label == FIRST[name] else ''}>{html.escape(label)}</option>"
                for label in choices
            )
            + "</select></label>"
            for name, choices in CHOICES.items()
        ]
        return _FORM.format(selects="\n".join(selects), last=SEEDS - 1)


_FORM = """\
<section class="train-desk" aria-label="Train the network">
<p class="train-unable">This browser does not run the page's script, so nothing can be trained here. The recorded runs
are in the chapters before this one.</p>
<div class="train-work" hidden>
<form class="train-form">
{selects}
<label>seed <input name="seed" type="number" min="0" max="{last}" step="1" value="0"></label>
<label class="train-wide">backward pass <select name="broken"><option value="">as derived in Part I</option>
<option value="slope">without the derivative of the activation</option>
<option value="mask">without the mask of dropout</option></select></label>
</form>
<p class="train-refused" role="alert"></p>
<div class="train-buttons">
<button type="button" class="train-start">Train</button>
<button type="button" class="train-pause" disabled>Pause</button>
<button type="button" class="train-one">One step</button>
<button type="button" class="train-check">Check the gradient</button>
</div>
<p class="train-status" role="status">Nothing is loaded until you press a button.</p>
<figure class="train-figure">
<label>curve <select class="train-curve"><option value="validation">validation error</option>
<option value="train">training error, dropout off</option>
<option value="online">training error, counted while training</option></select></label>
<svg class="train-curves" viewBox="0 0 640 300" role="img" aria-label="No run yet"></svg>
<figcaption class="train-caption">Your runs will be drawn here.</figcaption>
</figure>
<div class="train-scroll" tabindex="0" role="region" aria-label="Your runs"><table class="train-runs">
<thead><tr><th scope="col">run</th><th scope="col">epoch</th><th scope="col">while training</th>
<th scope="col">training</th><th scope="col">validation</th><th scope="col">the book's record of this seed</th>
<th scope="col">actions</th></tr></thead><tbody></tbody></table></div>
<div class="train-step" hidden></div>
</div>
<script>
// Before the first paint, so that nothing moves.
document.querySelector(".train-unable").hidden = true;
document.querySelector(".train-work").hidden = false;
</script>
</section>
"""
