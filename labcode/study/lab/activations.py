"""Which activation is best? (lab section 2.4.5, figure 5)"""

from labcode.study.ablation import Ablation, one_setting
from labcode.study.checks import AS_THE_LAB, FURTHER, LAST_THREE, OTHER_WINDOWS, OWN_RATES, RATES
from labcode.study.claim import Claim, Part
from labcode.study.contrasts import Records, higher, lower
from labcode.study.measures import Measure, best_validation, epochs_to, errors, final_validation, validation_variation
from labcode.study.outcomes import comparable, slight

SECTION, PAGE = "2.4.5", "mnist/activations"

ACTIVATIONS = Ablation(
    "activations",
    SECTION,
    (5,),
    "activation",
    one_setting("activation", ("tanh", "relu", "sigmoid")),
    registered=(16, 64, 8),
)
ABLATIONS = (ACTIVATIONS,)

epochs_to_8_percent = Measure(
    "number of epochs until the validation error is at most 8% (one more than the run has, if it never is)",
    lambda record: epochs_to(errors(record, "validation"), 8),
    unit="epochs",
    margin=1,
)


def _sigmoid_above_both(measure: Measure, records: Records) -> float:
    return measure(records["sigmoid"]) - max(measure(records["tanh"]), measure(records["relu"]))


CLAIMS = (
    Claim(
        "C10",
        SECTION,
        PAGE,
        "Sigmoid is worse than tanh and ReLU, and takes long to come to around 8% error.",
        (
            Part(
                "sigmoid is worse",
                ACTIVATIONS,
                final_validation,
                "is higher with sigmoid than with tanh and than with ReLU.",
                higher("sigmoid", ["tanh", "relu"]),
            ),
            Part(
                "sigmoid is slow",
                ACTIVATIONS,
                epochs_to_8_percent,
                "is larger with sigmoid than with the slower of tanh and ReLU.",
                {"sigmoid later than both": _sigmoid_above_both},
            ),
        ),
        (AS_THE_LAB, LAST_THREE, *RATES, OWN_RATES),
    ),
    Claim(
        "C11",
        SECTION,
        PAGE,
        "Tanh and ReLU are comparable; tanh is more stable and slightly lower.",
        (
            Part(
                "tanh and ReLU are comparable",
                ACTIVATIONS,
                best_validation,
                "with tanh is within the margin of that with ReLU (equivalence).",
                lower("tanh", ["relu"]),
                decided_by=comparable,
            ),
            Part(
                "tanh is more stable",
                ACTIVATIONS,
                validation_variation,
                "is smaller with tanh than with ReLU.",
                lower("tanh", ["relu"]),
            ),
            Part(
                "tanh is slightly lower",
                ACTIVATIONS,
                best_validation,
                'is lower with tanh than with ReLU. The lab says "slightly", so any difference counts whose interval '
                "lies above 0: with the usual margin this part and the first could never both hold.",
                lower("tanh", ["relu"]),
                decided_by=slight,
            ),
        ),
        (AS_THE_LAB, LAST_THREE, OTHER_WINDOWS, *RATES, OWN_RATES, FURTHER),
    ),
)
