"""The checks that several claims share."""

from dataclasses import replace

from labcode.study.ablation import BASELINE, CHECK_SEEDS, FURTHER_SEEDS, SEEDS
from labcode.study.claim import Check
from labcode.study.measures import (
    best_validation,
    early_training,
    early_training_8,
    final_training,
    final_validation,
    gap,
    settled_training,
    settled_validation,
    validation_variation,
    validation_variation_5,
)
from labcode.study.studies import ALL_DATA, STUDY_1, STUDY_2

AS_THE_LAB = Check(
    "on the run's own validation images, as the lab did",
    measures={each: each for each in (best_validation, final_validation, gap)},
    studies=(STUDY_2,),
)
LAST_THREE = Check(
    "mean of the last 3 epochs",
    measures={
        best_validation: settled_validation,
        final_validation: settled_validation,
        final_training: settled_training,
    },
)
OTHER_WINDOWS = Check(
    "first 8 epochs, or last 5",
    measures={early_training: early_training_8, validation_variation: validation_variation_5},
)
THIRD = Check("a third of the learning rate", ({"learning_rate_times": 1 / 3},), CHECK_SEEDS)
TRIPLE = Check("three times the learning rate", ({"learning_rate_times": 3},), CHECK_SEEDS)
RATES = (THIRD, TRIPLE)
OWN_RATES = Check(
    "each level at its own best learning rate",
    tuple({"learning_rate_times": factor} for factor in (1 / 3, 1, 3, 10, 30, 100)),
    CHECK_SEEDS,
    studies=(STUDY_1,),
)
FURTHER = Check("8 further seeds", (BASELINE,), FURTHER_SEEDS, studies=(STUDY_1,))
RATES_OF_STUDY_1, RATES_OF_STUDY_2 = (
    tuple(replace(rate, studies=(study,)) for rate in RATES) for study in (STUDY_1, STUDY_2)
)
"""For claims whose runs the other study does not have at other rates."""
UNPADDED = Check("without padding", ({"padding": 0},), SEEDS, studies=(STUDY_1, STUDY_2, ALL_DATA), main=True)
"""The third convolution then sees a single value per map."""
