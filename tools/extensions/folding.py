"""Fold the code of pages that open with an answer, and give them a switch (a Sphinx extension).

A derivation reads as mathematics and an experiment as a text with figures; their code is one click away. On the pages
that build the network, code is the text, and stays open.

MyST-NB folds the code of a cell tagged "hide-input" into a details element, which opens without a script. Here every
cell of such a page is folded in that way, so that sources, notebooks and the student edition stay as they are. Cells
tagged "show-input", whose code is what the text is about, and solutions stay open. The switch in the page's header
opens and folds all of them (`book/_assets/code.js`).
"""

from docutils import nodes

OPEN = {"show-input", "solution"}
SHOW, HIDE = "Show code", "Hide code"
SWITCH = {
    "type": "javascript",
    "javascript": "switchCode()",
    "text": SHOW,
    "tooltip": "Show or hide the code of this page",
    "icon": "fas fa-code",
    "label": "code-switch",
}


def cells(doctree: nodes.document) -> list[nodes.container]:
    """Return the page's code cells that show their code."""
    return [
        cell
        for cell in doctree.findall(nodes.container)
        if cell.get("nb_element") == "cell_code"
        and cell.children
        and cell.children[0].get("nb_element") == "cell_code_source"
    ]


def fold(app, doctree: nodes.document) -> None:
    """Mark the cells as MyST-NB marks those tagged "hide-input" (on `doctree-read`)."""
    if not any("answer" in box["classes"] for box in doctree.findall(nodes.container)):
        return
    for cell in cells(doctree):
        if OPEN.isdisjoint(cell["cell_metadata"].get("tags", [])):
            cell["hide_mode"], cell["prompt_show"], cell["prompt_hide"] = "input", SHOW, HIDE


def add_switch(app, pagename, templatename, context, doctree) -> None:
    """Add the switch to the header of a page with folded code (on `html-page-context`)."""
    if doctree and "header_buttons" in context and "above-input" in context.get("body", ""):
        context["header_buttons"].insert(0, SWITCH)


def setup(app):
    app.connect("doctree-read", fold)
    app.connect("html-page-context", add_switch, priority=502)  # the theme's buttons are added at 501
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
