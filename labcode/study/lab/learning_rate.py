"""Which learning rate has the baseline? (lab section 2.3, which does not say)"""

from labcode.study.ablation import Ablation, one_setting

SECTION = "2.3"

LEARNING_RATES = Ablation(
    "learning_rates",
    SECTION,
    (),
    "learning rate",
    one_setting("learning_rate", (0.0003, 0.001, 0.003, 0.01)),
    seeds=range(100, 103),
)
"""The grid from which the baseline's learning rate was chosen: the lowest mean validation error over the last 3 epochs.

Its seeds are apart from the study's, so that no run both chooses the rate and decides a claim.
"""

ABLATIONS = (LEARNING_RATES,)
