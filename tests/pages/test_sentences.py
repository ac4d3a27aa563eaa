"""A sentence is shown with its numbers while they bear it out, and is refused with a reason when they do not."""

import numpy as np
import pytest

from labcode.errors import LabcodeError
from labcode.pages import SentenceError, expect, paragraph, say
from labcode.study.samples import Curves, Sample

GAIN = Sample(np.array([0.5, 0.7, 0.6]))


def test_numbers_take_their_place_in_the_text():
    sentence = say("The gain is {gain:.1f} points ({gain}), at least {gain.lowest:g}.", gain=GAIN)
    assert sentence.text == "The gain is 0.6 points (+0.60 (+0.35 to +0.85)), at least 0.5."
    assert sentence._repr_markdown_() == repr(sentence) == sentence.text


def test_a_text_may_be_indented_and_span_lines():
    text = """
        - the first of {all};
        - the second.
        """
    assert say(text, all=2).text == "- the first of 2;\n- the second."


def test_what_rounds_to_zero_has_no_minus_sign():
    assert say("{x:.2f} {x:+.1f} {y:.2f} {z}", x=-0.001, y=-0.011, z=Sample(np.array([-1e-9, 1e-9]))).text == (
        "0.00 +0.0 −0.01 +0.00 (+0.00 to +0.00)"
    )


def test_a_broken_condition_is_reported_with_its_sentence_and_its_numbers():
    with pytest.raises(SentenceError) as refused:
        say(
            "The gain, {gain:.1f} points, is large in all {seeds} seeds.",
            "gain.low > 0.5 and gain.positive == seeds",
            "gain.mean < 1",
            gain=GAIN,
            seeds=3,
        )
    assert str(refused.value).splitlines() == [
        'This no longer holds: "The gain, 0.6 points, is large in all 3 seeds."',
        f"It requires gain.low > 0.5 and gain.positive == seeds, but gain.low is {GAIN.low!r}; gain.positive is 3; "
        "seeds is 3.",
    ]
    assert isinstance(refused.value, LabcodeError)
    assert isinstance(refused.value, AssertionError)


def test_every_broken_condition_is_reported():
    with pytest.raises(SentenceError) as refused:
        say("Two and three.", "a == 2", "b == 3", "a < b", a=1, b=5)
    assert str(refused.value).splitlines()[1:] == ["It requires a == 2, but a is 1.", "It requires b == 3, but b is 5."]


def test_a_condition_on_an_array_must_hold_everywhere():
    lead = Curves(np.array([[0.3, 0.2, -0.1], [0.1, 0.2, -0.3]]))
    assert say("Ahead twice.", "lead.epochs(1, 2) > 0", lead=lead).text == "Ahead twice."
    with pytest.raises(SentenceError, match=r"lead.epochs\(1\) > 0, but lead.epochs\(1\) is array\(\[ ?0.2,"):
        say("Ahead throughout.", "lead.epochs(1) > 0", lead=lead)


def test_conditions_may_run_through_several_values():
    assert say("All small.", "all(abs(v) < limit for v in found)", found=[0.1, -0.2], limit=0.3)
    with pytest.raises(SentenceError, match=r"but limit is 0.3; found is \[0.1, -0.4\]"):
        say("All small.", "all(abs(v) < limit for v in found)", found=[0.1, -0.4], limit=0.3, v="not this one")


@pytest.mark.parametrize(
    ("text", "conditions", "message"),
    [
        ("Plain.", [], '"Plain." has no number and no condition; write it as plain Markdown'),
        ("{unknown}", [], "\"{unknown}\" cannot be checked: NameError: name 'unknown' is not defined"),
        ("Small.", ["unknown < 1"], "\"Small.\" cannot be checked: NameError: name 'unknown' is not defined"),
        ("Small.", ["GAIN.size < 1"], "\"Small.\" cannot be checked: AttributeError: 'Sample' object has no attribute"),
        ("Small.", ["GAIN <"], '"Small." cannot be checked: SyntaxError: '),
        ("{GAIN:days}", [], '"{GAIN:days}" cannot be checked: ValueError: '),
    ],
)
def test_a_sentence_that_cannot_be_checked_is_refused(text, conditions, message):
    with pytest.raises(SentenceError) as refused:
        say(text, *conditions)
    assert str(refused.value).startswith(message)


def test_names_are_those_of_the_caller_unless_given():
    GAIN, lower = 3, 2  # noqa: F841  (used by name)
    assert say("{GAIN} {lower} {np.pi:.1f}", "GAIN > lower").text == "3 2 3.1"
    assert say("{GAIN} {lower}", lower=5).text == "3 5"
    with pytest.raises(SentenceError, match="but lower is 2"):
        expect("Five or more.", "lower >= 5")


def test_braces_hold_expressions():
    assert say("{GAIN.highest - GAIN.lowest:.1f} of {max([1, 2])} in {{a}}").text == "0.2 of 2 in {a}"


def test_an_expected_sentence_shows_nothing():
    assert expect("Three seeds.", "GAIN.seeds == 3") is None


def test_sentences_join_to_a_paragraph():
    joined = paragraph(say("One is {x}.", x=1), "Nothing\n    follows.", say("Two.", "x == 2", x=2))
    assert joined.text == "One is 1. Nothing\nfollows. Two."
