"""Fold the code of Part I, and give pages with folded code a switch (a Sphinx extension).

A derivation reads as mathematics; its code is one click away. MyST-NB folds the code of a cell tagged "hide-input" into
a details element, which opens without a script. Here every cell of Part I is folded in that way, so that sources,
notebooks and the student edition stay as they are. Cells tagged "show-input", whose code is what the text is about, and
solutions stay open. The switch in the page's header opens and folds all of them (`book/_assets/code.js`).
"""

from docutils import nodes

FOLDED = ("backprop/", "try_your_own")
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
    """Mark the cells of Part I as MyST-NB marks those tagged "hide-input" (on `doctree-read`)."""
    if not app.env.docname.startswith(FOLDED):
        return
    for cell in cells(doctree):
        if OPEN.isdisjoint(cell["cell_metadata"].get("tags", [])):
            cell["hide_mode"], cell["prompt_show"], cell["prompt_hide"] = "input", SHOW, HIDE


def add_switch(app, pagename, templatename, context, doctree) -> None:
    """Add the switch to the header of a page with folded code (on `html-page-context`)."""
    if doctree and "above-input" in context.get("body", ""):
        context["header_buttons"].insert(0, SWITCH)


def setup(app):
    app.connect("doctree-read", fold)
    app.connect("html-page-context", add_switch, priority=502)  # the theme's buttons are added at 501
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
