"""Is conjugate gradient better than stochastic gradient descent? (lab section 2.4.4, figure 4)"""

from dataclasses import replace

from labcode.study.ablation import BASELINE, CHECK_SEEDS, LATER_SEEDS, Ablation
from labcode.study.checks import AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, RATES
from labcode.study.claim import Check, Claim, Part
from labcode.study.contrasts import higher, lower
from labcode.study.measures import Measure, at_gradients, best_validation, early_training, validation_variation
from labcode.study.outcomes import slight
from labcode.study.studies import STUDY_1

SECTION, PAGE = "2.4.4", "mnist/optimizers"

OPTIMIZERS = Ablation(
    "optimizers", SECTION, (4,), "optimizer", {"SGD": BASELINE, "CG": {"optimizer": "cg"}}, registered=(8, 32, 0)
)
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
    Check("batch size 100", ({"batch_size": 100},), CHECK_SEEDS, studies=(STUDY_1,)),
    Check(
        "batch size 100 and 5 line searches",
        ({"batch_size": 100, "line_searches": 5},),
        CHECK_SEEDS,
        studies=(STUDY_1,),
    ),
    Check("1 line search", ({"line_searches": 1},), CHECK_SEEDS, studies=(STUDY_1,)),
    Check("the 5 added seeds alone", (BASELINE,), LATER_SEEDS, studies=(STUDY_1,)),
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
        (EQUAL_GRADIENTS, OTHER_WINDOWS, *OTHER_SETTINGS),
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
        (AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, *OTHER_SETTINGS),
    ),
    Claim(
        "C09",
        SECTION,
        PAGE,
        "Conjugate gradient is slightly better overall.",
        (
            replace(
                CG_GOES_LOWER,
                says="CG is slightly better",
                condition=f'{CG_GOES_LOWER.condition} The lab says "slightly", so any difference counts whose interval '
                "lies above 0.",
                decided_by=slight,
            ),
        ),
        (AS_THE_LAB, LAST_THREE, *OTHER_SETTINGS),
    ),
)
