"""Every chapter as a script beside its notebook, to download from its page (a Sphinx extension)."""

import os

import jupytext
from chapters import BOOK, notebook_from, write_whole


def script(docname: str) -> str:
    """The chapter as a Python script: its prose in comments, no outputs."""
    return jupytext.writes(notebook_from(BOOK / f"{docname}.md"), fmt="py:percent")


def write_scripts(app, exception):
    """Write the scripts to where the site keeps the notebooks (on `build-finished`)."""
    if exception or app.builder.format != "html":
        return
    for docname in app.env.found_docs:
        place = app.outdir / "_sources" / f"{docname}.py"
        os.makedirs(place.parent, exist_ok=True)
        write_whole(place, script(docname))


def add_button(app, pagename, templatename, context, doctree):
    """Offer the script among the downloads of the page's header (on `html-page-context`, after the theme)."""
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            group["buttons"].insert(
                1,
                {
                    "type": "link",
                    "url": f"{context['pathto']('_sources', 1)}/{pagename}.py",
                    "text": ".py",
                    "tooltip": "Download as a script",
                    "icon": "fas fa-file-code",
                    "label": "download-script-button",
                },
            )


def setup(app):
    app.connect("html-page-context", add_button, priority=502)
    app.connect("build-finished", write_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
