"""The code of Part I is folded on the site, except where the text is about it."""

from types import SimpleNamespace

import folding
import pytest
from docutils import nodes
from docutils.utils import new_document


def page(*tags, shown=True):
    """A page with one code cell."""
    document = new_document("page")
    cell = nodes.container(nb_element="cell_code", cell_metadata={"tags": list(tags)} if tags else {})
    if shown:
        cell += nodes.container(nb_element="cell_code_source")
    cell += nodes.container(nb_element="cell_code_output")
    document += cell
    return document, cell


def app(docname):
    return SimpleNamespace(env=SimpleNamespace(docname=docname))


@pytest.mark.parametrize(
    ("docname", "tags", "folded"),
    [
        ("backprop/logistic", [], True),
        ("backprop/logistic", ["check"], True),
        ("backprop/logistic", ["solution"], False),
        ("backprop/logistic", ["show-input"], False),
        ("mnist/stages", [], False),
    ],
)
def test_cells_of_part_one_are_folded(docname, tags, folded):
    document, cell = page(*tags)
    folding.fold(app(docname), document)
    assert (cell.get("hide_mode") == "input") == folded
    assert cell.get("prompt_show") == ("Show code" if folded else None)


def test_a_cell_without_code_is_left_alone():
    document, cell = page(shown=False)
    folding.fold(app("backprop/logistic"), document)
    assert "hide_mode" not in cell


@pytest.mark.parametrize(("body", "switches"), [('<details class="hide above-input">', 1), ("<p>Text.</p>", 0)])
def test_only_pages_with_folded_code_have_a_switch(body, switches):
    context = {"body": body, "header_buttons": [{"label": "download-buttons"}]}
    folding.add_switch(None, "page", "page.html", context, object())
    assert [button["label"] for button in context["header_buttons"]].count("code-switch") == switches
    assert context["header_buttons"][-1]["label"] == "download-buttons"
