"""Are larger networks better? (lab section 2.5)"""

from labcode.study.checks import AS_THE_LAB, LAST_THREE, RATES_OF_STUDY_2, UNPADDED
from labcode.study.claim import Claim
from labcode.study.lab.hidden_units import GAIN_WITH_WIDTH
from labcode.study.lab.stages import GAIN_WITH_STAGES

SECTION, PAGE = "2.5", "mnist/bigger"

CLAIMS = (
    Claim(
        "C15",
        SECTION,
        PAGE,
        "More layers and more hidden units are generally useful.",
        (GAIN_WITH_STAGES, GAIN_WITH_WIDTH),
        (AS_THE_LAB, LAST_THREE, *RATES_OF_STUDY_2, UNPADDED),
    ),
)
