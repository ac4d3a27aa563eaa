"""Do more hidden units help? (lab section 2.4.1, figure 1)"""

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import LAST_THREE, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import falls
from labcode.study.measures import best_validation, early_training
from labcode.study.records import Record

SECTION, PAGE = "2.4.1", "mnist/hidden_units"

HIDDEN_UNITS = Ablation("hidden_units", SECTION, (1,), "width", one_setting("width", (16, 32, 64, 128)))
ABLATIONS = (HIDDEN_UNITS,)


def _width(record: Record) -> int:
    return record.experiment.network.width


FALLS = "falls as the width grows: the fall is taken from width 16 to width 128 along the line fitted in log2(width)."
GAIN_WITH_WIDTH = Part(
    "validation error falls with the width", HIDDEN_UNITS, best_validation, FALLS, falls("width 16 to 128", _width)
)

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
                falls("width 16 to 128", _width),
            ),
        ),
        RATES,
    ),
    Claim(
        "C02",
        SECTION,
        PAGE,
        "The validation set gains from more hidden units too.",
        (GAIN_WITH_WIDTH,),
        (LAST_THREE, *RATES),
    ),
)
