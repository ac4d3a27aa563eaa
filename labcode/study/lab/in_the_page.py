"""What does the reader's own run compare with? (the page "Train it yourself"; no claim of the lab)"""

from labcode.study.ablation import Ablation

SECTION = "2.4"

NARROW = {"width": 16}
"""The width that a browser trains in a minute or two."""

IN_THE_PAGE = Ablation(
    "in_the_page",
    SECTION,
    (),
    "changed",
    {
        "nothing": NARROW,
        "width 8": {"width": 8},
        "ReLU": NARROW | {"activation": "relu"},
        "sigmoid": NARROW | {"activation": "sigmoid"},
        "batch size 10": NARROW | {"batch_size": 10},
        "filter 3": NARROW | {"filter": 3},
        "filter 7": NARROW | {"filter": 7},
        "pooling 3/2": NARROW | {"pool": 3, "pool_stride": 2},
        "dropout in all three places": NARROW | {"dropout": (0.5, 0.5, 0.5)},
    },
    seeds=range(3),
)
"""One setting at a time, at width 16. They decide nothing: their curves are the bands behind the reader's own."""

ABLATIONS = (IN_THE_PAGE,)
