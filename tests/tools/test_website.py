"""tools/extensions/website.py: numbers stay on one line."""

import website
from docutils import nodes
from docutils.utils import new_document


def test_only_the_space_within_a_number_is_a_no_break_space():
    text = "Of 4 200 images 84 000 updates; 20 epochs, 8 seeds, 1 2345"
    marked = website.whole_numbers(text).replace("\u00a0", "~")
    assert marked == "Of 4~200 images 84~000 updates; 20 epochs, 8 seeds, 1 2345"


def test_code_and_formulas_keep_their_spaces():
    said, code, formula = nodes.paragraph("", "4 200"), nodes.literal_block("", "4 200"), nodes.math("", "4 200")
    doctree = new_document("page")
    doctree += [said, code, formula]
    website.keep_numbers_whole(None, doctree, "page")
    assert [node.astext() for node in (said, code, formula)] == ["4\u00a0200", "4 200", "4 200"]


def test_a_formula_keeps_what_touches_it_and_nothing_else():
    said = nodes.paragraph()
    said += [
        nodes.Text("Let (see"),
        nodes.math("", "x"),
        nodes.Text("). Then "),
        nodes.math("", "y"),
        nodes.Text(" is 1"),
    ]
    doctree = new_document("page")
    doctree += said
    website.keep_with_formulas(None, doctree, "page")
    joined = [node.astext() for node in said.findall(nodes.inline)]
    assert joined == ["(seex)."]
    assert said.astext() == "Let (seex). Then y is 1"
