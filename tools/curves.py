"""The numbers behind the ablations' figures, to download: a Sphinx extension writes them into the site.

They are made from the records whenever the site is built, as the figures are, and never committed. A figure's caption
(labcode.pages.curves) names the file of its ablation.
"""

from pathlib import Path

from chapters import write_whole

from labcode.pages import curves_csv
from labcode.study import ABLATIONS, RECORDS, MissingRecordError, RecordError

FOLDER = "curves"


def write(site: Path, records: Path = RECORDS) -> None:
    """Write the curves of every ablation whose runs are all recorded; no page shows the others."""
    folder = site / FOLDER
    folder.mkdir(exist_ok=True)
    for name, ablation in ABLATIONS.items():
        try:
            text = curves_csv(ablation, records)
        except MissingRecordError:
            continue
        write_whole(folder / f"{name}.csv", text)


def write_after_build(app, exception) -> None:
    from sphinx.errors import ExtensionError

    if exception is None and app.builder.format == "html":
        try:
            write(Path(app.outdir))
        except RecordError as error:
            raise ExtensionError(str(error)) from error


def setup(app):
    app.connect("build-finished", write_after_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
