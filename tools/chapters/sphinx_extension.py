"""A Sphinx extension: a build shows every chapter as it is, whatever the dates of the files are."""

from pathlib import Path

from chapters import pairs
from chapters.execute import refresh
from chapters.pairs import ChapterError, name_of
from chapters.stale import digest, stale_chapters
from sphinx.errors import ExtensionError
from sphinx.util import logging


def refresh_before_build(app) -> None:
    """Execute stale chapters before Sphinx reads them (on `builder-inited`)."""
    say = logging.getLogger(__name__).info
    stale = stale_chapters(pairs.chapters())
    for source, reasons in stale.items():
        say(f"{name_of(source)} is stale: {', '.join(reasons)}")
    try:
        refresh(list(stale), say=say)
    except ChapterError as error:
        raise ExtensionError(str(error)) from error


def read_again(app, env, added, changed, removed) -> list[str]:
    """Name the pages whose contents differ from those that Sphinx read last (on `env-get-outdated`).

    Sphinx itself compares dates, and a file that was copied or restored can be new and bear an older date.
    """
    before = getattr(env, "book_digests", {})
    env.book_digests = {page: digest(Path(env.doc2path(page)).read_bytes()) for page in env.found_docs}
    return [page for page, now in env.book_digests.items() if before.get(page, now) != now]


def setup(app):
    app.connect("builder-inited", refresh_before_build)
    app.connect("env-get-outdated", read_again)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
