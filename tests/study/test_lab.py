"""The questions of the lab: one module each, found by being in the folder."""

from pathlib import Path

from labcode.study import ABLATIONS, CLAIMS, lab
from labcode.study.lab import QUESTIONS, THE_LABS

SECTIONS = {
    "learning_rate": "2.3",
    "in_the_page": "2.4",
    "hidden_units": "2.4.1",
    "stages": "2.4.2",
    "batch_size": "2.4.3",
    "optimizers": "2.4.4",
    "activations": "2.4.5",
    "pooling": "2.4.6",
    "filters": "2.4.7",
    "dropout": "2.4.8",
    "bigger": "2.5",
    "final_model": "2.5",
    "validation": "2.5",
}


def test_every_question_is_found_in_the_order_of_the_lab():
    assert {question.__name__.split(".")[-1]: question.SECTION for question in QUESTIONS} == SECTIONS
    assert [question.SECTION for question in QUESTIONS] == list(SECTIONS.values())
    assert {path.stem for path in Path(lab.__file__).parent.glob("*.py")} == {*SECTIONS, "__init__"}


def test_what_a_question_declares_has_its_section_and_page():
    for question in QUESTIONS:
        assert all(ablation.section == question.SECTION for ablation in getattr(question, "ABLATIONS", ()))
        for claim in getattr(question, "CLAIMS", ()):
            assert (claim.section, claim.page) == (question.SECTION, question.PAGE)


def test_no_name_and_no_id_is_taken_twice():
    names = [ablation.name for question in QUESTIONS for ablation in getattr(question, "ABLATIONS", ())]
    ids = [claim.id for question in QUESTIONS for claim in getattr(question, "CLAIMS", ())]
    assert sorted(names) == sorted(ABLATIONS)
    assert sorted(ids) == list(CLAIMS)


def test_an_ablation_of_the_labs_has_the_page_of_its_name():
    for ablation in THE_LABS:
        (question,) = [each for each in QUESTIONS if ablation in getattr(each, "ABLATIONS", ())]
        assert f"mnist/{ablation.name}" == question.PAGE


def test_sections_are_ordered_as_numbers():
    assert [question.SECTION for question in sorted(QUESTIONS, key=lab._order)] == list(SECTIONS.values())
    assert lab._order(type("Question", (), {"SECTION": "2.4.10"})) > lab._order(QUESTIONS[2])
