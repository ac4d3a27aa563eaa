"""Valid HTML where other extensions write invalid HTML (a Sphinx extension)."""

import re

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput, visit_HideCellInput

STYLE = re.compile(r"<style>.*?</style>\n?", re.DOTALL)


def visit_hidden_cell(translator, node):
    """Make the two titles of a hidden cell spans: a `summary` holds no paragraphs."""
    visit_HideCellInput(translator, node)
    titles = slice(-3, -1)
    translator.body[titles] = [
        title.replace("<p ", "<span ").replace("</p>", "</span>") for title in translator.body[titles]
    ]


def remove_repeated_ids(app, doctree, docname):
    """Remove ids that every exercise and every solution of a page has (on `doctree-resolved`)."""
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


def move_styles_to_head(app, pagename, templatename, context, doctree):
    """Move the widgets' style sheets from the body to the head, each once (on `html-page-context`)."""
    body = context.get("body", "")
    context["body"] = STYLE.sub("", body)
    context["styles"] = "".join(dict.fromkeys(STYLE.findall(body)))


def setup(app):
    app.add_node(HideCodeCellNode, override=True, html=(visit_hidden_cell, depart_HideCellInput))
    app.connect("doctree-resolved", remove_repeated_ids)
    app.connect("html-page-context", move_styles_to_head)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
