"""Chapters are mostly prose, and what they say of records fails when a record says otherwise."""

import re
from dataclasses import replace

import pytest
from chapters.pairs import BOOK, chapters, find, name_of, notebook_from

from labcode.pages import SentenceError, figures
from labcode.study import ablation
from labcode.study.outcomes import Outcome
from labcode.study.studies import STUDY_2
from labcode.training import ErrorCurve

TREATED = ["mnist/stages", "mnist/optimizers"]
# Marks the cells that train, those that need their results, and the slow ones without sentences.
LIVE = ("train(", "deepcopy(", "cg_step", "show_specifications", "show_decision")


@pytest.mark.parametrize("chapter", sorted(map(name_of, chapters())))
def test_hidden_code_is_less_than_a_fifth_of_the_source(chapter):
    assert hidden_share(chapter) < 1 / 5


def hidden_share(chapter):
    source = (BOOK / f"{chapter}.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}.*?^```$", source, flags=re.DOTALL | re.MULTILINE)
    hidden = [cell for cell in cells if re.search(r"^:tags: \[(?:hide|remove)-", cell, re.MULTILINE)]
    return sum(map(len, hidden)) / len(source)


def read_out(chapter):
    """Execute the cells of a chapter that read records, up to its quiz, as far as its sentences hold; return names."""
    names = {}
    for cell in notebook_from(find(chapter)).cells:
        if cell.cell_type == "markdown" and "## Quiz" in cell.source:
            break
        if cell.cell_type == "code" and not any(word in cell.source for word in LIVE):
            exec(compile(cell.source, chapter, "exec"), names)
    return names


@pytest.fixture
def imagine(monkeypatch):
    """Let study 2 have its runs: the curves of study 1, and unseen errors (%) by network."""
    monkeypatch.setattr(figures, "display", lambda *_, **__: None)
    recorded = ablation.read

    def change(unseen):
        def read(experiment, folder):
            if experiment.scale != "own" or experiment.seed >= 1016:  # those of the second stage
                return recorded(experiment, folder)
            record = recorded(replace(experiment, scale="tenth", seed=experiment.seed % 3), folder)
            errors = round(540 * unseen(experiment.network) + experiment.seed % 7)
            return replace(record, experiment=experiment, unseen=ErrorCurve((errors,), 54_000))

        monkeypatch.setattr(ablation, "read", read)

    return change


@pytest.mark.parametrize(("error", "outcome"), [(1.0, Outcome.REPRODUCED), (2.0, Outcome.NO_DIFFERENCE)])
@pytest.mark.parametrize(
    ("chapter", "decision", "favored"),
    [
        ("mnist/hidden_units", "c02", lambda network: network.width == 128),
        ("mnist/stages", "c03", lambda network: network.stages > 1),
        ("mnist/pooling", "c12", lambda network: (network.pool, network.pool_stride) == (3, 2)),
        ("mnist/filters", "c13", lambda network: network.filter == 7),
        ("mnist/dropout", "c14", lambda network: sum(network.dropout) == 1.5),
    ],
    ids=["hidden units", "stages", "pooling", "filters", "dropout"],
)
def test_a_chapter_holds_whatever_study_2_says(chapter, decision, favored, error, outcome, imagine):
    imagine(lambda network: error if favored(network) else 2.0)
    found = read_out(chapter)[decision]
    assert found.study == STUDY_2
    assert found.outcome == outcome


@pytest.mark.parametrize("chapter", ["mnist/how_many_seeds", "appendix/changes"])
def test_a_page_on_all_claims_holds_when_study_2_decides(chapter, imagine):
    imagine(lambda network: 1.5 + network.filter / 10 + (network.activation == "sigmoid"))
    names = read_out(chapter)
    if "decided" in names:
        assert {decision.claim.id for decision in names["decided"] if decision.study == STUDY_2} >= {"C02", "C13"}
    else:
        assert names["today"]["C13"]["study"] == STUDY_2.name


@pytest.fixture
def alter(monkeypatch):
    """Add errors to the records of some runs, without touching their files: alter(run, part, {epoch: errors})."""
    monkeypatch.setattr(figures, "display", lambda *_, **__: None)

    def change(run, part, added):
        unaltered = ablation.read

        def read(experiment, folder):
            record = unaltered(experiment, folder)
            if not re.fullmatch(run, experiment.name):
                return record
            curve = getattr(record.history, part)
            errors = tuple(max(0, n + added.get(epoch, 0)) for epoch, n in enumerate(curve.errors, 1))
            history = replace(record.history, **{part: ErrorCurve(errors, curve.images)})
            return replace(record, history=history)

        monkeypatch.setattr(ablation, "read", read)

    return change


@pytest.mark.parametrize("chapter", TREATED)
def test_every_sentence_holds_on_the_records(chapter, alter):
    alter("no such run", "train", {})
    read_out(chapter)


EVERY_EPOCH = range(1, 21)


@pytest.mark.parametrize(
    ("chapter", "run", "part", "added", "sentence"),
    [
        ("mnist/stages", r"scale=own_stages=1_padding=2_seed=\d+", "train", {3: 30}, "what the figure shows"),
        (
            "mnist/stages",
            r"scale=own_stages=3_padding=2_seed=10\d\d",
            "validation",
            dict.fromkeys(EVERY_EPOCH, 15),
            "what the figure shows",
        ),
        ("mnist/optimizers", r"optimizer=cg_seed=\d", "train", {1: -40, 2: -40}, "Counted in gradients"),
        ("mnist/optimizers", r"optimizer=cg_seed=\d", "train", {5: -40}, "behind and jumpy at first"),
        (
            "mnist/optimizers",
            r"learning_rate=0\.001_seed=\d",
            "train",
            dict.fromkeys(range(1, 6), -40),
            "what the list says",
        ),
        (
            "mnist/optimizers",
            "batch_size=100_optimizer=cg_seed=1",
            "validation",
            dict.fromkeys(EVERY_EPOCH, 30),
            "far ahead of SGD at its unchanged rate, and a little at the scaled one",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_a_sentence_fails_when_a_record_contradicts_it(chapter, run, part, added, sentence, alter):
    alter(run, part, added)
    with pytest.raises(SentenceError, match=r"^This no longer holds: \"" + re.escape(sentence)) as failed:
        read_out(chapter)
    assert re.search(r"\nIt requires .+, but .+ is .+\.", str(failed.value))
