"""The code of a page that opens with an answer is folded on the site, except where the text is about it."""

import folding
import pytest
from docutils import nodes
from docutils.utils import new_document


def page(*tags, shown=True, answer=True):
    """A page with one code cell."""
    document = new_document("page")
    if answer:
        document += nodes.container(classes=["answer"])
    cell = nodes.container(nb_element="cell_code", cell_metadata={"tags": list(tags)} if tags else {})
    if shown:
        cell += nodes.container(nb_element="cell_code_source")
    cell += nodes.container(nb_element="cell_code_output")
    document += cell
    return document, cell


@pytest.mark.parametrize(
    ("tags", "answer", "folded"),
    [
        ([], True, True),
        (["check"], True, True),
        (["solution"], True, False),
        (["show-input"], True, False),
        ([], False, False),
    ],
)
def test_cells_of_a_page_with_an_answer_are_folded(tags, answer, folded):
    document, cell = page(*tags, answer=answer)
    folding.fold(None, document)
    assert (cell.get("hide_mode") == "input") == folded
    assert cell.get("prompt_show") == ("Show code" if folded else None)


def test_a_cell_without_code_is_left_alone():
    document, cell = page(shown=False)
    folding.fold(None, document)
    assert "hide_mode" not in cell


@pytest.mark.parametrize(("body", "switches"), [('<details class="hide above-input">', 1), ("<p>Text.</p>", 0)])
def test_only_pages_with_folded_code_have_a_switch(body, switches):
    context = {"body": body, "header_buttons": [{"label": "download-buttons"}]}
    folding.add_switch(None, "page", "page.html", context, object())
    assert [button["label"] for button in context["header_buttons"]].count("code-switch") == switches
    assert context["header_buttons"][-1]["label"] == "download-buttons"
