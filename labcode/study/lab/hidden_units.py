"""Do more hidden units help? (lab section 2.4.1, figure 1)"""

from math import log2

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import falling
from labcode.study.measures import best_validation, early_training

SECTION, PAGE = "2.4.1", "mnist/hidden_units"

WIDTHS = (16, 32, 64, 128)
HIDDEN_UNITS = Ablation("hidden_units", SECTION, (1,), "width", one_setting("width", WIDTHS), registered=(16, 64, 8))
ABLATIONS = (HIDDEN_UNITS,)

ALONG = falling("width 16 to 128", {str(width): log2(width) for width in WIDTHS})
FALLS = "falls as the width grows: the fall is taken from width 16 to width 128 along the line fitted in log2(width)."
GAIN_WITH_WIDTH = Part("validation error falls with the width", HIDDEN_UNITS, best_validation, FALLS, *ALONG)

CLAIMS = (
    Claim(
        "C01",
        SECTION,
        PAGE,
        "More hidden units converge faster on the training set.",
        (
            Part(
                "training error falls faster with the width",
                HIDDEN_UNITS,
                early_training,
                FALLS,
                *ALONG,
            ),
        ),
        (OTHER_WINDOWS, *RATES),
    ),
    Claim(
        "C02",
        SECTION,
        PAGE,
        "The validation set gains from more hidden units too.",
        (GAIN_WITH_WIDTH,),
        (AS_THE_LAB, LAST_THREE, *RATES),
    ),
)
