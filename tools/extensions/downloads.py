"""What readers can download from the site (a Sphinx extension), made whenever the site is built and never committed.

* each chapter as a script, beside its notebook;
* the numbers behind the ablations' figures: a figure's caption (labcode.pages.curves) names the file of its ablation,
  and the archive of records of each level;
* the student edition, as one zip;
* for teachers, the slides of the derivations and the answer key.
"""

from pathlib import Path

import jupytext
from chapters import pairs
from chapters.key import answer_key
from chapters.student import student_edition
from slides import decks
from sphinx.errors import ExtensionError

from labcode.files import write_whole
from labcode.pages.curves import csv_name, curves_csv
from labcode.study import ABLATIONS, RECORDS, MissingRecordError, RecordError
from labcode.study.records import ARCHIVE
from labcode.study.studies import STUDY_1, STUDY_2


def write_downloads(app, exception) -> None:
    """Write all downloads into the site (on `build-finished`)."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    for page in app.env.found_docs:
        write_whole(site / "_sources" / f"{page}.py", script(page))
    try:
        write_curves(site / "curves")
        write_archives(site / "records")
    except RecordError as error:
        raise ExtensionError(str(error)) from error
    write_whole(site / "student-edition.zip", student_edition())
    for name, text in {**decks(), "answer-key.html": answer_key()}.items():
        write_whole(site / "teaching" / name, text)


def script(page: str) -> str:
    """Return the chapter as a Python script: its prose in comments, no outputs."""
    return jupytext.writes(pairs.notebook_from(pairs.BOOK / f"{page}.md"), fmt="py:percent")


def write_curves(folder: Path, records: Path = RECORDS) -> None:
    """Write the curves of each ablation in each study that has all of its runs; no page shows the others."""
    studies = (STUDY_1, 0), *((STUDY_2, stage) for stage in STUDY_2.stages)
    for study, stage in studies:
        for ablation in (study.runs(each, stage) for each in ABLATIONS.values()):
            if not ablation.seeds:
                continue
            try:
                text = curves_csv(ablation, records)
            except MissingRecordError:
                continue
            write_whole(folder / csv_name(ablation), text)


def write_archives(folder: Path) -> None:
    """Write the archives as they are."""
    for path in RECORDS.glob(f"*{ARCHIVE}"):
        write_whole(folder / path.name, path.read_bytes())


def add_script_button(app, pagename, templatename, context, doctree) -> None:
    """Offer the script among the downloads of the page's header (on `html-page-context`, after the theme)."""
    for group in context.get("header_buttons", ()):
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
    app.connect("html-page-context", add_script_button, priority=502)
    app.connect("build-finished", write_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
