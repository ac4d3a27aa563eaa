"""tools/extensions/website.py: a changed style sheet or script reaches the site, and numbers stay on one line."""

from types import SimpleNamespace

import pytest
import website
from docutils import nodes
from docutils.utils import new_document


@pytest.fixture
def building(tmp_path):
    """A build whose style sheet was copied before, and to which an extension has added a single static file."""
    source, site = tmp_path / "book", tmp_path / "site"
    for folder in (source / "_assets", site / "_static"):
        folder.mkdir(parents=True)
        (folder / "book.css").write_text("p {}")
    (source / "alone.js").write_text("1;")
    config = SimpleNamespace(html_static_path=["_assets", str(source / "alone.js")], root_doc="index")
    return SimpleNamespace(srcdir=source, outdir=site, config=config)


def outdated(building):
    return website.read_again_for_assets(building, None, set(), set(), set())


def test_equal_files_build_nothing(building):
    assert outdated(building) == []


def test_a_changed_file_builds_a_page_and_so_is_copied(building):
    (building.srcdir / "_assets" / "book.css").write_text("p { color: red }")
    assert outdated(building) == ["index"]


def test_before_the_first_build_there_is_nothing_to_compare(building):
    (building.outdir / "_static" / "book.css").unlink()
    assert outdated(building) == []


def test_only_the_space_within_a_number_is_a_no_break_space():
    text = "Of 4 200 images 84 000 updates; 20 epochs, 8 seeds, 1 2345"
    marked = website.whole_numbers(text).replace("\u00a0", "~")
    assert marked == "Of 4~200 images 84~000 updates; 20 epochs, 8 seeds, 1 2345"


def test_code_and_formulas_keep_their_spaces():
    said, code, formula = nodes.paragraph("", "4 200"), nodes.literal_block("", "4 200"), nodes.math("", "4 200")
    doctree = new_document("page")
    doctree += [said, code, formula]
    website.keep_numbers_whole(None, doctree, "page")
    assert [node.astext() for node in (said, code, formula)] == ["4\u00a0200", "4 200", "4 200"]
