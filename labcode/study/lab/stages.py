"""Do more stages raise the accuracy? (lab section 2.4.2, figure 2)"""

from labcode.study.ablation import CHECK_SEEDS, Ablation, one_setting
from labcode.study.checks import AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, RATES_OF_STUDY_2, UNPADDED
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import falling, higher, lower
from labcode.study.measures import best_validation, early_training, gap

SECTION, PAGE = "2.4.2", "mnist/stages"

LEVELS = (1, 2, 3)
STAGES = Ablation("stages", SECTION, (2,), "stages", one_setting("stages", LEVELS), registered=(16, 64, 8))
STAGES_PADDED = Ablation(
    "stages_padded",
    SECTION,
    (),
    "stages",
    one_setting("stages", LEVELS),
    seeds=CHECK_SEEDS,
    registered=(16, 64, 8),
    common={"padding": 2},
)
"""With every convolution padded by 2, all three are convolutions proper; without, the third sees 1 value per map."""

ABLATIONS = (STAGES, STAGES_PADDED)

GAIN_WITH_STAGES = Part(
    "validation error falls with the number of stages",
    STAGES_PADDED,
    best_validation,
    "falls as padded stages are added: the fall is taken from 1 stage to 3 along the line fitted in their number.",
    *falling("1 stage to 3", {str(stages): stages for stages in LEVELS}),
)

CLAIMS = (
    Claim(
        "C03",
        SECTION,
        PAGE,
        "More convolution layers raise the accuracy.",
        (GAIN_WITH_STAGES,),
        (AS_THE_LAB, LAST_THREE, *RATES_OF_STUDY_2, UNPADDED),
    ),
    Claim(
        "C04",
        SECTION,
        PAGE,
        "One layer converges faster on the training error, yet has the higher validation error: it overfits.",
        (
            Part(
                "1 stage converges faster",
                STAGES_PADDED,
                early_training,
                "is lower with 1 padded stage than with 2 and than with 3.",
                lower("1", ["2", "3"]),
            ),
            Part(
                "1 stage has the higher validation error",
                STAGES_PADDED,
                best_validation,
                "is higher with 1 padded stage than with 2 and than with 3.",
                higher("1", ["2", "3"]),
            ),
            Part(
                "1 stage overfits",
                STAGES_PADDED,
                gap,
                "is wider with 1 padded stage than with 2 and than with 3.",
                higher("1", ["2", "3"]),
            ),
        ),
        (AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, *RATES_OF_STUDY_2, UNPADDED),
    ),
)
