"""Which filter size is best? (lab section 2.4.7, figure 7)"""

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import AS_THE_LAB, FURTHER, LAST_THREE, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import lower
from labcode.study.measures import best_validation

SECTION, PAGE = "2.4.7", "mnist/filters"

FILTERS = Ablation("filters", SECTION, (7,), "filter", one_setting("filter", (3, 5, 7)), registered=(16, 64, 8))
ABLATIONS = (FILTERS,)

CLAIMS = (
    Claim(
        "C13",
        SECTION,
        PAGE,
        "Of filter sizes 3, 5 and 7, size 7 has the lowest validation error.",
        (
            Part(
                "filter size 7 is best",
                FILTERS,
                best_validation,
                "is lower with filter size 7 than with 3 and than with 5.",
                lower("7", ["3", "5"]),
            ),
        ),
        (AS_THE_LAB, LAST_THREE, *RATES, FURTHER),
    ),
)
