"""Every variant of every exam question has a proved answer, in the terms that the sheet names, and refused mistakes."""

import random
from dataclasses import replace

import pytest
from sympy import Integer, cos, symbols

from labcode.derivation import DerivationError, Partial, Product, Step, exam, unfold
from labcode.derivation.exam import QUESTIONS, VERSIONS, draw_exam
from labcode.derivation.exam_variant import ExamQuestion, Variant
from labcode.derivation.statement import names_in

POOLS = {question.title: list(question.variants(random.Random(0))) for question in QUESTIONS}
VARIANTS = {f"{title}: {variant.name}": variant for title, pool in POOLS.items() for variant in pool}
every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


@every_variant
def test_the_answer_is_proved_and_each_wrong_one_refused(variant):
    assert variant.solution.start == variant.sought
    assert variant.solution.result == variant.steps[-1].expression
    assert len(variant.wrong) >= 2


@every_variant
def test_the_answer_has_only_the_terms_that_the_sheet_names_and_is_not_the_only_one(variant):
    allowed = {str(name) for term in variant.terms for name in names_in(term)} | {"sigma", "n"}
    answer = variant.steps[-1].expression
    used = {str(name) for name in names_in(answer)}
    # An index is free, or is that of a sum; a Kronecker delta may always be written.
    assert {name for name in used if name not in "ijkc"} <= allowed
    assert variant.terms != (answer,)


@every_variant
def test_a_wrong_answer_put_for_the_right_one_is_refused(variant):
    for mistake, answer in variant.wrong.items():
        with pytest.raises(DerivationError, match="is not an equality"):
            _ = replace(variant, steps=(Step(answer, mistake),)).solution


@pytest.mark.parametrize("title", POOLS)
def test_no_two_variants_ask_for_the_same(title):
    """They vary in their functions; the same difference may be the answer to two losses, of other outputs."""
    pool = POOLS[title]
    assert len(pool) >= 5
    assert len({variant.name for variant in pool}) == len(pool)
    functions = {str(unfold(variant.sought, variant.definitions)) for variant in pool}
    assert len(functions) == len(pool)


def test_a_right_answer_among_the_wrong_ones_is_reported():
    x = symbols("x", real=True)
    steps = (Step(-Product(1, 0 - cos(x)), "rewritten"),)
    variant = Variant("same", cos(x), (x,), steps, {"no mistake": cos(-x)}, {})
    with pytest.raises(DerivationError, match='The wrong answer "no mistake" to "same" is not refuted'):
        _ = variant.solution


def test_a_seed_draws_the_same_exam_and_another_seed_another(monkeypatch):
    monkeypatch.setattr(Variant, "solution", None)  # the answers are proved above

    def drawn(seed):
        return [[variant.name for variant in variants] for _, variants in draw_exam(seed).questions]

    first = drawn(5)
    assert first == drawn(5) != drawn(6)
    assert all(len(set(names)) == len(VERSIONS) for names in first)


def test_an_exam_with_a_wrong_answer_is_not_drawn(monkeypatch):
    right = VARIANTS["One function: tanh"]
    wrong = replace(right, steps=(Step(right.wrong["slope dropped"], "slope dropped"),))
    monkeypatch.setattr(exam, "QUESTIONS", (ExamQuestion("one", "", lambda draw: [wrong] * 3),))
    with pytest.raises(DerivationError, match="is not an equality"):
        draw_exam(1)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", Integer(2) / 3])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        draw_exam(seed)


def test_an_error_that_may_be_anything_is_not_printed():
    variant = VARIANTS["One function: swish"]
    assert [str(name) for name in variant.given] == ["sigma(u)", "x_out"]
    assert isinstance(variant.sought, Partial)
