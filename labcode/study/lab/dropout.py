"""Where does dropout help? (lab section 2.4.8, figures 8 and 9)"""

from labcode.study.ablation import BASELINE, Ablation
from labcode.study.checks import AS_THE_LAB, LAST_THREE, RATES
from labcode.study.claim import Check, Claim, Part
from labcode.study.contrasts import lower
from labcode.study.measures import best_validation, gap
from labcode.study.studies import STUDY_2

SECTION, PAGE = "2.4.8", "mnist/dropout"

DROPOUT = Ablation(
    "dropout",
    SECTION,
    (8, 9),
    "dropout in",
    {
        "none": BASELINE,
        "stage 1": {"dropout": (0.5, 0.0, 0.0)},
        "stage 2": {"dropout": (0.0, 0.5, 0.0)},
        "classifier": {"dropout": (0.0, 0.0, 0.5)},
        "all three": {"dropout": (0.5, 0.5, 0.5)},
    },
    registered=(16, 64, 8),
)
DROPOUT_LONGER = Ablation(
    "dropout_longer",
    SECTION,
    (),
    "dropout in",
    {label: {**level, "epochs": 60} for label, level in DROPOUT.levels.items()},
    seeds=range(0),
)
"""After 20 epochs the error with dropout still falls. Only study 2 has these runs."""
ABLATIONS = (DROPOUT, DROPOUT_LONGER)

LONGER = Check("60 epochs in place of 20", ({"epochs": 60},), studies=(STUDY_2,))
"""After 20, the error counted while training with dropout still falls."""

OTHERS = [label for label in DROPOUT.levels if label != "all three"]

CLAIMS = (
    Claim(
        "C14",
        SECTION,
        PAGE,
        "Dropout in all three places generalizes best.",
        (
            Part(
                "dropout in all three places has the lowest validation error",
                DROPOUT,
                best_validation,
                "is lower with dropout in all three places than without it and than in each place alone.",
                lower("all three", OTHERS),
            ),
            Part(
                "dropout in all three places has the narrowest gap",
                DROPOUT,
                gap,
                "is narrower with dropout in all three places than without it and than in each place alone.",
                lower("all three", OTHERS),
            ),
        ),
        (AS_THE_LAB, LAST_THREE, *RATES, LONGER),
    ),
)
