"""The lab's claims, each beside the rule that decides it. The rules were written before the runs they judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labcode.ablations import HIDDEN_UNITS, SEEDS, Ablation
from labcode.evidence import Verdict, decide, fitted_fall
from labcode.runs import RECORDS, Record
from labcode.training import ErrorCurve

EARLY_EPOCHS = 5
LAST_EPOCHS = 3

Contrast = Callable[[Mapping[object, Record]], float]


@dataclass(frozen=True)
class Claim:
    """One sentence of the lab as data, with its check.

    Attributes
    ----------
    id : permanent, C01 to C17.
    sentence : what the lab says, paraphrased.
    rule : what decides it, in words.
    ablation : the runs that decide it.
    contrast : the rule as code: one seed's records by level to one number in percentage points, positive when it
        agrees with the lab.
    check : the same question measured another way; where its verdict differs, the verdict is not robust.
    check_rule : what the check changes, in words; empty where there is none.
    """

    id: str
    sentence: str
    rule: str
    ablation: Ablation
    contrast: Contrast
    check: Contrast | None = None
    check_rule: str = ""

    def decide(self, seeds: Sequence[int] = SEEDS, folder: Path = RECORDS) -> "Decision":
        """Decide the claim from the recorded runs.

        Raises
        ------
        labcode.runs.RecordError : a record is missing or unsound.
        """
        by_seed = self.ablation.records(seeds, folder)
        verdict = decide([self.contrast(records) for records in by_seed])
        check = decide([self.check(records) for records in by_seed]) if self.check else None
        return Decision(self, verdict, check)


@dataclass(frozen=True)
class Decision:
    """A claim with its verdict, and with the verdict of its check where it has one."""

    claim: Claim
    verdict: Verdict
    check: Verdict | None

    @property
    def robust(self) -> bool:
        """Whether the check, if there is one, gives the same verdict."""
        return self.check is None or self.check.verdict == self.verdict.verdict

    def __repr__(self) -> str:
        return self._repr_markdown_().replace("**", "").replace("\n\n", "\n")

    def _repr_markdown_(self) -> str:
        lines = [
            f"**{self.claim.id}, lab section {self.claim.ablation.section}: {self.verdict.verdict}.** "
            f"{self.claim.sentence}",
            f"- *Rule*: {self.claim.rule}",
            f"- *Effect*: {self.verdict.effect:+.2f} percentage points, 95% interval {self.verdict.low:+.2f} to "
            f"{self.verdict.high:+.2f} over {self.verdict.seeds} seeds (positive agrees with the lab).",
            f"- *One seed alone*: {self.verdict.agreeing} of {self.verdict.seeds} agree with the lab. The lab had one.",
        ]
        if self.check:
            lines.append(
                f"- *Robust*: {'yes' if self.robust else 'no'}. With {self.claim.check_rule}: {self.check.verdict}, "
                f"{self.check.effect:+.2f} ({self.check.low:+.2f} to {self.check.high:+.2f})."
            )
        return lines[0] + "\n\n" + "\n".join(lines[1:])


def early(curve: ErrorCurve) -> float:
    """Mean error over the first 5 epochs, in percent: lower is faster.

    >>> early(ErrorCurve((10, 8, 6, 4, 2, 0), 100))
    6.0
    """
    return float(curve.percent[:EARLY_EPOCHS].mean())


def best(curve: ErrorCurve) -> float:
    """Lowest error of any epoch, in percent: what choosing the epoch on the validation set gives.

    >>> best(ErrorCurve((10, 4, 6), 100))
    4.0
    """
    return float(curve.percent.min())


def settled(curve: ErrorCurve) -> float:
    """Mean error over the last 3 epochs, in percent: less favoured by luck than the best of many epochs.

    >>> settled(ErrorCurve((10, 3, 4, 5), 100))
    4.0
    """
    return float(curve.percent[-LAST_EPOCHS:].mean())


def _fall_with_width(curve: str, measure: Callable[[ErrorCurve], float]) -> Contrast:
    def contrast(records: Mapping[object, Record]) -> float:
        return fitted_fall(list(records), [measure(getattr(record.history, curve)) for record in records.values()])

    return contrast


CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            id="C01",
            sentence="More hidden units converge faster on the training set.",
            rule="Training error (dropout off), averaged over the first 5 epochs, falls as the width grows: the fall "
            "from width 16 to width 128 along the line fitted in log2(width).",
            ablation=HIDDEN_UNITS,
            contrast=_fall_with_width("train", early),
        ),
        Claim(
            id="C02",
            sentence="The validation set gains from more hidden units too.",
            rule="The best validation error of any epoch falls as the width grows: the fall from width 16 to width "
            "128 along the line fitted in log2(width).",
            ablation=HIDDEN_UNITS,
            contrast=_fall_with_width("validation", best),
            check=_fall_with_width("validation", settled),
            check_rule="the mean validation error of the last 3 epochs in place of the best",
        ),
    )
}
