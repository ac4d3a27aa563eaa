"""A Sphinx extension: the chapters of Part I and the page of mistakes run in the reader's browser.

Before the click a page holds a button, and which of its cells are live; the scripts with Python load after it.
"""

import html
import json
import re
from pathlib import Path

import nbformat
from chapters import pairs
from live import bundle, liveness
from live.npm import NoLiveParts
from sphinx.util import logging

PAGES = ("backprop/", "try_your_own", "appendix/mistakes")
INVITATION = "Change the code and answer the exercises here: Python runs in your browser"
FORM = """\
<form class="live-form">
{fields}
<button type="submit">Run</button>
</form>
"""
FIELD = '<label><span>{label}</span> <input name="{label}" value="{value}"{kind} autocomplete="off"></label>'
BAR = """\
<div class="live-bar" role="group" aria-label="Run this page">
<button type="button" class="live-run-page">Run this page</button>
<button type="button" class="live-stop" hidden>Stop</button>
<button type="button" class="live-reset-page" hidden>Reset page</button>
<button type="button" class="live-forget" hidden>Forget my answers</button>
<p role="status">{invitation} ({size} MB, loaded once).</p>
<progress hidden value="0" aria-label="Loaded"></progress>
<script type="application/json" id="live-settings">{settings}</script>
</div>
"""


def bundle_scripts(app) -> None:
    """Write the scripts with Python into the site (on `builder-inited`)."""
    app.live_size = 0
    if app.builder.name != "html":
        return
    try:
        app.live_size = bundle.write(Path(app.outdir))
    except NoLiveParts as problem:
        app.complete = False  # the next build tries again
        logging.getLogger(__name__).info(f"The site is built without its live parts. {problem}")


def settings(page: str) -> dict:
    """Return what the page's script must know."""
    notebook = nbformat.read(pairs.snapshot_of(pairs.BOOK / f"{page}.md"), 4)
    cells = []
    for cell in liveness.cells(notebook):
        cells.append({"needs": cell.needs})
        if "remove-input" in cell.tags:
            cells[-1]["source"] = cell.source
        if "form" in cell.tags:
            fields, rest = liveness.form(cell)
            cells[-1]["form"] = {"fields": [vars(field) for field in fields], "rest": rest}
    return {
        "chapter": page,
        "cells": cells,
        "exercises": [vars(exercise) for exercise in liveness.exercises(notebook)],
    }


def add_forms(body: str, cells: list[dict]) -> str:
    """Put a form before each cell that has one; a script that added it would move the page."""
    start, *parts = re.split(r'(?=<div class="cell tag_form)', body)
    forms = [cell["form"]["fields"] for cell in cells if "form" in cell]
    for fields, part in zip(forms, parts, strict=True):
        shown = [
            FIELD.format(
                label=field["label"],
                value=html.escape(str(field["value"])),
                kind=' spellcheck="false" autocapitalize="off"'
                if isinstance(field["value"], str)
                else ' type="number" step="any" required',
            )
            for field in fields
        ]
        start += FORM.format(fields="\n".join(shown)) + part
    return start


def make_live(app, pagename, templatename, context, doctree) -> None:
    """Add the button and the script to the chapters of Part I (on `html-page-context`)."""
    if not app.live_size or not doctree or not pagename.startswith(PAGES):
        return
    about = settings(pagename)
    data = json.dumps(about, separators=(",", ":")).replace("</", "<\\/")
    bar = BAR.format(size=round(app.live_size / 1e6), settings=data, invitation=INVITATION)
    context["body"] = add_forms(context["body"], about["cells"]).replace("</h1>", f"</h1>\n{bar}", 1)
    app.add_js_file("live.js", loading_method="defer")
    app.add_css_file("live.css")


def setup(app):
    app.connect("builder-inited", bundle_scripts)
    app.connect("html-page-context", make_live)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
