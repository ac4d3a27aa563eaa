"""Is conjugate gradient better than stochastic gradient descent? (lab section 2.4.4, figure 4)"""

from labcode.study.ablation import BASELINE, CHECK_SEEDS, LATER_SEEDS, Ablation
from labcode.study.checks import LAST_THREE, RATES
from labcode.study.claim import Check, Claim, Part
from labcode.study.contrasts import higher, lower
from labcode.study.measures import Measure, at_gradients, best_validation, early_training, validation_variation

SECTION, PAGE = "2.4.4", "mnist/optimizers"

OPTIMIZERS = Ablation("optimizers", SECTION, (4,), "optimizer", {"SGD": BASELINE, "CG": {"optimizer": "cg"}})
OPTIMIZERS_AT_100 = Ablation(
    "optimizers_at_100",
    SECTION,
    (),
    "optimizer",
    {
        "SGD": {"batch_size": 100},
        "SGD, rate times 100": {"batch_size": 100, "learning_rate_times": 100},
        "CG": {"batch_size": 100, "optimizer": "cg"},
    },
    seeds=range(4),
)
ABLATIONS = (OPTIMIZERS, OPTIMIZERS_AT_100)

GRADIENTS = 84_000
"""Minibatch gradients that SGD takes in its 20 epochs of 4 200 images at batch size 1."""

training_at_equal_gradients = Measure(
    "training error (dropout off) after as many minibatch gradients as SGD takes in all its epochs (84 000)",
    lambda record: at_gradients(record, GRADIENTS),
)

EQUAL_GRADIENTS = Check("at equal minibatch gradients", measures={early_training: training_at_equal_gradients})
OTHER_SETTINGS = (
    *RATES,
    Check("batch size 100", ({"batch_size": 100},), CHECK_SEEDS),
    Check("batch size 100 and 5 line searches", ({"batch_size": 100, "line_searches": 5},), CHECK_SEEDS),
    Check("1 line search", ({"line_searches": 1},), CHECK_SEEDS),
    Check("the 5 added seeds alone", (BASELINE,), LATER_SEEDS),
)

CG_GOES_LOWER = Part(
    "CG reaches a lower validation error",
    OPTIMIZERS,
    best_validation,
    "is lower with conjugate gradient than with SGD.",
    lower("CG", ["SGD"]),
)

CLAIMS = (
    Claim(
        "C07",
        SECTION,
        PAGE,
        "Conjugate gradient converges faster on the training set than SGD.",
        (
            Part(
                "CG converges faster",
                OPTIMIZERS,
                early_training,
                "is lower with conjugate gradient than with SGD.",
                lower("CG", ["SGD"]),
            ),
        ),
        (EQUAL_GRADIENTS, *OTHER_SETTINGS),
    ),
    Claim(
        "C08",
        SECTION,
        PAGE,
        "On the validation set conjugate gradient goes lower but is less stable.",
        (
            CG_GOES_LOWER,
            Part(
                "CG is less stable",
                OPTIMIZERS,
                validation_variation,
                "is larger with conjugate gradient than with SGD.",
                higher("CG", ["SGD"]),
            ),
        ),
        (LAST_THREE, *OTHER_SETTINGS),
    ),
    Claim(
        "C09",
        SECTION,
        PAGE,
        "Conjugate gradient is slightly better overall.",
        (CG_GOES_LOWER,),
        (LAST_THREE, *OTHER_SETTINGS),
    ),
)
