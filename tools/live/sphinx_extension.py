"""A Sphinx extension: the chapters of Part I run in the reader's browser.

Before the click a page holds a button, and which of its cells are live; the scripts with Python load after it.
"""

import json
from pathlib import Path

import nbformat
from chapters import pairs
from live import bundle, liveness
from live.npm import NoLiveParts
from sphinx.util import logging

PART = "backprop/"
BAR = """\
<div class="live-bar" role="group" aria-label="Run this page">
<button type="button" class="live-run-page">Run this page</button>
<button type="button" class="live-stop" hidden>Stop</button>
<button type="button" class="live-reset-page" hidden>Reset page</button>
<button type="button" class="live-forget" hidden>Forget my answers</button>
<p role="status">Change the code and answer the exercises here: Python runs in your browser ({size} MB, loaded once).</p>
<progress hidden value="0" aria-label="Loaded"></progress>
<script type="application/json" id="live-settings">{settings}</script>
</div>
"""


def bundle_scripts(app) -> None:
    """Write the scripts with Python into the site (on `builder-inited`)."""
    app.live_size = 0
    if app.builder.format != "html":
        return
    try:
        app.live_size = bundle.write(Path(app.outdir))
    except NoLiveParts as problem:
        logging.getLogger(__name__).info(f"The site is built without its live parts. {problem}")


def settings(page: str) -> dict:
    """Return what the page's script must know."""
    notebook = nbformat.read(pairs.snapshot_of(pairs.BOOK / f"{page}.md"), 4)
    return {
        "chapter": page,
        "cells": [
            {"needs": cell.needs} | ({"source": cell.source} if "remove-input" in cell.tags else {})
            for cell in liveness.cells(notebook)
        ],
        "exercises": [vars(exercise) for exercise in liveness.exercises(notebook)],
    }


def make_live(app, pagename, templatename, context, doctree) -> None:
    """Add the button and the script to the chapters of Part I (on `html-page-context`)."""
    if not app.live_size or not doctree or not pagename.startswith(PART):
        return
    data = json.dumps(settings(pagename), separators=(",", ":")).replace("</", "<\\/")
    bar = BAR.format(size=round(app.live_size / 1e6), settings=data)
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{bar}", 1)
    app.add_js_file("live.js", loading_method="defer")
    app.add_css_file("live.css")


def setup(app):
    app.connect("builder-inited", bundle_scripts)
    app.connect("html-page-context", make_live)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
