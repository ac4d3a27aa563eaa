"""A Sphinx extension: the chapters of Part I run in the reader's browser.

Before the click a page holds a button, and which of its cells are live; the scripts with Python load after it.
"""

import html
import json
import re
from pathlib import Path

import nbformat
from chapters import pairs
from live import bundle, liveness
from live.npm import HERE, NoLiveParts
from sphinx.util import logging

from labcode.files import write_whole

PART = "backprop/"
FOLDER = "_static/live"
CELL = re.compile(r'<div class="cell (?:[\w-]+ )*docutils container">')
BAR = """\
<div class="live-bar" role="group" aria-label="Run this page">
<button type="button" class="live-run-page">Run this page</button>
<button type="button" class="live-stop" hidden>Stop</button>
<button type="button" class="live-reset-page" hidden>Reset page</button>
<button type="button" class="live-forget" hidden>Forget my answers</button>
<p role="status">{invitation}</p>
<progress hidden max="{size}" value="0" aria-label="Loaded"></progress>
<script type="application/json" id="live-settings">{settings}</script>
</div>
"""
INVITATION = "Change the code and answer the exercises here: Python runs in your browser ({size} MB, loaded once)."


def bundle_scripts(app) -> None:
    """Make the scripts before the pages that name them (on `builder-inited`)."""
    app.live_scripts = {}
    if app.builder.format != "html":
        return
    try:
        app.live_scripts = bundle.write(Path(app.outdir, FOLDER))
    except NoLiveParts as problem:
        logging.getLogger(__name__).info(f"The site is built without its live parts. {problem}")


def settings(page: str, scripts: dict[str, int]) -> dict:
    """Return what the page's script must know."""
    notebook = nbformat.read(pairs.snapshot_of(pairs.BOOK / f"{page}.md"), 4)
    return {
        "chapter": page,
        "scripts": [[name, size] for name, size in scripts.items()],
        "cells": [
            {"needs": cell.needs} | ({"source": cell.source} if "remove-input" in cell.tags else {})
            for cell in liveness.cells(notebook)
        ],
        "exercises": [vars(exercise) for exercise in liveness.exercises(notebook)],
    }


def make_live(app, pagename, templatename, context, doctree) -> None:
    """Add the button and the script to the chapters of Part I (on `html-page-context`)."""
    app.add_js_file("answers.js")
    if not app.live_scripts or not doctree or not pagename.startswith(PART):
        return
    size = sum(app.live_scripts.values())
    data = json.dumps(settings(pagename, app.live_scripts), separators=(",", ":")).replace("</", "<\\/")
    bar = BAR.format(size=size, settings=data, invitation=INVITATION.format(size=round(size / 1e6)))
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{bar}", 1)
    app.add_js_file("live.js", loading_method="defer")
    app.add_css_file("live.css")


def write_licences(app, exception) -> None:
    """Write the licences of what the site takes, and the service worker (on `build-finished`)."""
    if exception or not getattr(app, "live_scripts", None):
        return
    site = Path(app.outdir)
    # A service worker serves only what stands below it.
    (site / "_static" / "live-cache.js").rename(site / "live-cache.js")


def setup(app):
    app.connect("builder-inited", bundle_scripts)
    app.connect("html-page-context", make_live)
    app.connect("build-finished", write_licences)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
