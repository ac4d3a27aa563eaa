"""The checks that several claims share."""

from labcode.study.ablation import BASELINE, CHECK_SEEDS, FURTHER_SEEDS
from labcode.study.claim import Check
from labcode.study.measures import (
    best_validation,
    final_training,
    final_validation,
    settled_training,
    settled_validation,
)

LAST_THREE = Check(
    "mean of the last 3 epochs",
    measures={
        best_validation: settled_validation,
        final_validation: settled_validation,
        final_training: settled_training,
    },
)
RATES = (
    Check("a third of the learning rate", ({"learning_rate_times": 1 / 3},), CHECK_SEEDS),
    Check("three times the learning rate", ({"learning_rate_times": 3},), CHECK_SEEDS),
)
OWN_RATES = Check(
    "each level at its own best learning rate",
    tuple({"learning_rate_times": factor} for factor in (1 / 3, 1, 3, 10, 30, 100)),
    CHECK_SEEDS,
)
FURTHER = Check("8 further seeds", (BASELINE,), FURTHER_SEEDS)
PADDED = Check("every convolution padded by 2", ({"padding": 2},), CHECK_SEEDS)
