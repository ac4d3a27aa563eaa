"""Do more stages raise the accuracy? (lab section 2.4.2, figure 2)"""

from labcode.study.ablation import CHECK_SEEDS, Ablation, one_setting
from labcode.study.checks import LAST_THREE, PADDED, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import higher, lower
from labcode.study.measures import best_validation, early_training, gap

SECTION, PAGE = "2.4.2", "mnist/stages"

STAGES = Ablation("stages", SECTION, (2,), "stages", one_setting("stages", (1, 2, 3)))
STAGES_PADDED = Ablation(
    "stages_padded",
    SECTION,
    (),
    "stages",
    {label: {**level, "padding": 2} for label, level in STAGES.levels.items()},
    seeds=CHECK_SEEDS,
)
"""With every convolution padded by 2, so that the third stage sees maps of 8x8 and not of one filter's size."""
ABLATIONS = (STAGES, STAGES_PADDED)

GAIN_WITH_STAGES = Part(
    "each stage lowers the validation error",
    STAGES,
    best_validation,
    "is lower with 2 stages than with 1, and lower with 3 than with 2.",
    lower("2", ["1"]) | lower("3", ["2"]),
)

CLAIMS = (
    Claim(
        "C03",
        SECTION,
        PAGE,
        "More convolution layers raise the accuracy.",
        (GAIN_WITH_STAGES,),
        (LAST_THREE, *RATES, PADDED),
    ),
    Claim(
        "C04",
        SECTION,
        PAGE,
        "One layer converges faster on the training error, yet has the higher validation error: it overfits.",
        (
            Part(
                "1 stage converges faster",
                STAGES,
                early_training,
                "is lower with 1 stage than with 2 and than with 3.",
                lower("1", ["2", "3"]),
            ),
            Part(
                "1 stage has the higher validation error",
                STAGES,
                best_validation,
                "is higher with 1 stage than with 2 and than with 3.",
                higher("1", ["2", "3"]),
            ),
            Part(
                "1 stage overfits",
                STAGES,
                gap,
                "is wider with 1 stage than with 2 and than with 3.",
                higher("1", ["2", "3"]),
            ),
        ),
        (LAST_THREE, *RATES, PADDED),
    ),
)
