"""A Sphinx extension: a build shows every page as it is, whatever the dates of the files are.

Sphinx itself compares dates, and a file that was copied or restored can be new and bear an older date. Here contents
decide. If chapters have changed, those are read again, and every page is written, since each shows titles of others.
After any other change, and after a build that failed, was interrupted, warned or left something out, nothing old is
used.
"""

import json
import shutil
from pathlib import Path

from chapters import pairs
from chapters.execute import refresh
from chapters.pairs import ChapterError, name_of
from chapters.stale import digest, is_private, stale_chapters
from filelock import FileLock, Timeout
from sphinx.errors import ExtensionError
from sphinx.util import logging

from labcode.files import write_whole

# What a site is made with. The sources of the chapters are not among it: their snapshots are.
PLACES = ("_config.yml", "requirements.txt", "constraints.txt", "labcode", "tools", "book")
LOG = logging.getLogger(__name__)


def digests() -> dict[str, str]:
    """Return the digests of all files that a site is made with, by path."""
    places = [pairs.ROOT / name for name in PLACES]
    paths = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    names = {path: path.relative_to(pairs.ROOT) for path in paths if path.is_file() and path.suffix != ".md"}
    return {
        name.as_posix(): digest(path.read_bytes())
        for path, name in names.items()
        if not any(is_private(part) for part in name.parts)
    }


def note_of(app) -> Path:
    """Return the file that says what the site was made with, if its last build ended well."""
    return Path(app.doctreedir) / "made-with.json"


def begin(app, config) -> None:
    """Execute stale chapters, and forget what has changed since the last build (on `config-inited`)."""
    wait_for_others(app)
    app.complete = True  # another extension says if it leaves something out
    stale = stale_chapters(pairs.chapters())
    for source, reasons in stale.items():
        LOG.info("%s is stale: %s", name_of(source), ", ".join(reasons))
    try:
        refresh(list(stale), say=LOG.info)
    except ChapterError as error:
        raise ExtensionError(str(error)) from error
    note = note_of(app)
    before, now = json.loads(note.read_text("utf-8")) if note.is_file() else {}, digests()
    app.made_with, app.changed = now, {name for name in before | now if before.get(name) != now.get(name)}
    if app.changed:
        empty(app.outdir)
    if not all(name.endswith(".ipynb") for name in app.changed):
        empty(app.doctreedir)
    note.unlink(missing_ok=True)


def wait_for_others(app) -> None:
    """Wait until no other build works in the same folder."""
    folder = Path(app.doctreedir).parent
    app.lock = FileLock(folder / ".lock")
    try:
        app.lock.acquire(timeout=0)
    except Timeout:
        LOG.info("Waiting for another build in %s.", folder)
        app.lock.acquire()


def empty(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True, exist_ok=True)


def read_again(app, env, added, changed, removed) -> list[str]:
    """Name the pages whose contents have changed (on `env-get-outdated`)."""
    return [page for page in (env.path2doc(pairs.ROOT / name) for name in app.changed) if page]


def end(app, exception) -> None:
    """Note what the site was made with, unless the next build should begin anew (on `build-finished`)."""
    if exception is None and not app._warncount and app.builder.name == "html" and app.complete:
        write_whole(note_of(app), json.dumps(app.made_with))
    app.lock.release()


def setup(app):
    app.connect("config-inited", begin, priority=0)
    app.connect("env-get-outdated", read_again)
    app.connect("build-finished", end, priority=1000)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
