"""tools/extensions/ebook.py: pages of the ePub need no script, and what is wrong with an ePub is found."""

import zipfile
from types import SimpleNamespace

import ebook
import pytest
from docutils import nodes
from ebook import clean, faults

PAGE = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><link href="_static/epub.css"/></head>'
    '<body id="top">{body}</body></html>'
)
OPF = '<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest></package>'
GOOD = {
    "META-INF/container.xml": "<container/>",
    "index.xhtml": PAGE.format(body='<a href="a/one.xhtml#top">One</a><img src="pixel.png"/>'),
    "a/one.xhtml": PAGE.format(body='<a href="../index.xhtml">Home</a>').replace("_static", "../_static"),
    "_static/epub.css": "",
    "pixel.png": "",
}


def book(folder, changes, listed=None):
    """An ePub with changed files (None: left out); its manifest lists all of them unless told otherwise."""
    held = {name: text for name, text in {**GOOD, **changes}.items() if text is not None}
    listed = [name for name in held if not name.startswith("META-INF")] if listed is None else listed
    items = "".join(f'<item href="{name}"/>' for name in listed)
    path = folder / "book.epub"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, text in {**held, "content.opf": OPF.format(items=items)}.items():
            archive.writestr(name, text)
    return path


def test_a_good_book_has_no_faults(tmp_path):
    assert list(faults(book(tmp_path, {}))) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"index.xhtml": "<html><br></html>"}, "index.xhtml is not well-formed"),
        ({"index.xhtml": PAGE.format(body="<script>1</script>")}, "index.xhtml has an active <script>"),
        ({"index.xhtml": PAGE.format(body='<p onclick="1">x</p>')}, "index.xhtml has an active <p>"),
        ({"index.xhtml": PAGE.format(body='<img src="https://a.b/c.png"/>')}, "which is not in the book"),
        ({"index.xhtml": PAGE.format(body='<a href="a/two.xhtml">Two</a>')}, "leads to a/two.xhtml"),
        ({"index.xhtml": PAGE.format(body='<a href="#nowhere">x</a>')}, "leads to #nowhere"),
        ({"pixel.png": None}, "index.xhtml shows pixel.png"),
        ({"_static/epub.css": "a { background: url('x.png') }"}, "_static/epub.css shows x.png"),
        ({"_static/epub.css": None}, "shows _static/epub.css"),
    ],
)
def test_what_is_wrong_with_a_page_is_found(tmp_path, changes, found):
    assert found in "\n".join(faults(book(tmp_path, changes)))


def test_the_manifest_lists_what_is_there(tmp_path):
    names = [name for name in GOOD if not name.startswith("META-INF")]
    assert list(faults(book(tmp_path, {}, listed=names[1:]))) == ["index.xhtml is there, but not listed."]
    assert list(faults(book(tmp_path, {}, listed=[*names, "x.png"]))) == ["x.png is listed, but not there."]


def test_a_page_loses_what_needs_a_script_and_keeps_its_words():
    body = (
        '<link href="x.css"/><button>Run</button>'
        '<p>Take <a href="../kit.zip" download>the kit</a>, see <a href="two.xhtml#b">two</a>, '
        '<a href="#here">here</a> or <a href="https://a.b">there</a>.<br></p>'
        '<details><summary><span class="collapsed">Show</span><span class="expanded">Hide</span></summary>No.</details>'
        '<svg viewBox="0 0 1 1"></svg>'
    )
    cleaned = clean(body, "a/one", {"a/two"})
    assert cleaned == (
        '<p>Take the kit, see <a href="two.xhtml#b">two</a>, <a href="#here">here</a> or '
        '<a href="https://a.b">there</a>.<br/></p>'
        '<details><summary><span class="collapsed">Show</span></summary>No.</details>'
        '<svg viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg"></svg>'
    )


def test_formulas_become_mathml():
    translator = SimpleNamespace(body=[], starttag=lambda node, tag, CLASS: f'<{tag} class="{CLASS}">')
    with pytest.raises(nodes.SkipNode):
        ebook.visit_math(translator, nodes.math("x^2", "x^2"))
    block = nodes.math_block("x_1", "x_1", number=None)
    with pytest.raises(nodes.SkipNode):
        ebook.visit_math_block(translator, block)
    inline, *display = translator.body
    assert "<msup>" in inline
    assert 'display="block"' in "".join(display)


def test_only_the_epub_is_changed():
    body = "<button>Run</button>"
    for name, wanted in (("html", body), ("epub", "")):
        app = SimpleNamespace(
            builder=SimpleNamespace(name=name),
            env=SimpleNamespace(found_docs=set()),
            config=SimpleNamespace(nb_mime_priority_overrides=[]),
        )
        context = {"body": body, "css_files": [SimpleNamespace(filename="_static/other.css")]}
        ebook.clean_page(app, "index", "page.html", context, None)
        ebook.prefer_text(app)
        assert context["body"] == wanted
        assert len(context["css_files"]) == (name == "html")
        assert bool(app.config.nb_mime_priority_overrides) == (name == "epub")
