"""Which pooling is best? (lab section 2.4.6, figure 6)"""

from labcode.study.ablation import Ablation
from labcode.study.checks import AS_THE_LAB, FURTHER, LAST_THREE, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import lower
from labcode.study.measures import best_validation

SECTION, PAGE = "2.4.6", "mnist/pooling"

POOLING = Ablation(
    "pooling",
    SECTION,
    (6,),
    "pool/stride",
    {f"{pool}/{stride}": {"pool": pool, "pool_stride": stride} for pool, stride in ((2, 2), (3, 3), (3, 2))},
    registered=(16, 64, 8),
)
ABLATIONS = (POOLING,)

CLAIMS = (
    Claim(
        "C12",
        SECTION,
        PAGE,
        "Of pool size and stride 2/2, 3/3 and 3/2, size 3 with stride 2 is best.",
        (
            Part(
                "pooling 3 with stride 2 is best",
                POOLING,
                best_validation,
                "is lower with size 3 and stride 2 than with 2/2 and than with 3/3.",
                lower("3/2", ["2/2", "3/3"]),
            ),
        ),
        (AS_THE_LAB, LAST_THREE, *RATES, FURTHER),
    ),
)
