"""The book as an ePub whose pages show everything without scripts (a Sphinx extension): `make epub`.

Sphinx's own builder writes it. Formulas are MathML, which the standard of ePub names for them: they grow with the text,
take its color at night and are read aloud, which pictures of formulas do not. Where the site has a widget, the page
shows what the widget prints in a terminal. What only a site can do (scripts, forms, downloads) is left out.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.builders.epub3 import Epub3Builder
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number

from labcode.files import write_whole
from labcode.pages.mathml import mathml

STYLE = """\
body { line-height: 1.45; }
math[display="block"] { margin: 0.6em 0; overflow-x: auto; }
.eqno { float: right; }
div.highlight { background: none; }
pre { white-space: pre-wrap; font-size: 0.85em; border-left: 0.15em solid gray; padding-left: 0.6em; }
table { border-collapse: collapse; font-size: 0.9em; } th, td { padding: 0.15em 0.5em; border-bottom: 1px solid gray; }
figure, .admonition, .answer, .sd-card { margin: 1em 0; }
.admonition, .answer, .sd-card, .exercise, .solution { border: 1px solid gray; padding: 0 0.8em; }
img { max-width: 100%; height: auto; }
"""
STYLES = ("basic.css", "epub.css", "pygments.css")
XHTML, OPF = "{http://www.w3.org/1999/xhtml}", "{http://www.idpf.org/2007/opf}"
# Elements that do nothing without a script, with all that they hold, and attributes that are not of XHTML.
ACTIVE = ("script", "button", "input", "form", "select", "textarea", "iframe", "canvas", "style")
# What the theme's styles take from elsewhere: fonts of some readers, and an icon.
FOREIGN = re.compile(r"@font-face\s*\{[^}]*\}|background-image: url\(file\.png\);")
# Attributes that the parser of HTML writes in small letters.
CAMEL = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
ELSEWHERE = re.compile(r"^(?:[a-z]+:|#|//)")


class Epub(Epub3Builder):
    """Sphinx's builder with our formulas and pages, and without the site's assets."""

    def init(self) -> None:
        self.config.templates_path, self.config.html_additional_pages = [], {}
        self.config.html_css_files = self.config.html_js_files = []
        handlers = self.app.registry.translation_handlers
        math = {"math": (visit_math, None), "math_block": (visit_math_block, None)}
        handlers["epub"] = {**handlers["html"], **math}
        super().init()

    def copy_static_files(self) -> None:
        """Copy no script, no font and no style but the theme's, to which ours is added."""
        super().copy_static_files()
        static = Path(self.outdir, "_static")
        for path in static.rglob("*"):
            if path.is_file() and path.name not in STYLES:
                path.unlink()
        for name, ours in (("basic.css", ""), ("epub.css", STYLE)):
            style = Path(static, name)
            write_whole(style, FOREIGN.sub("", style.read_text(encoding="utf-8")) + ours)

    def build_content(self) -> None:
        """Say in the manifest which pages have formulas and drawings, as the standard demands."""
        super().build_content()
        manifest = Path(self.outdir, "content.opf")

        def with_properties(item: re.Match) -> str:
            text = Path(self.outdir, item[1]).read_text(encoding="utf-8")
            found = " ".join(name for tag, name in (("<math", "mathml"), ("<svg", "svg")) if tag in text)
            return f'{item[0]} properties="{found}"' if found else item[0]

        text = manifest.read_text(encoding="utf-8")
        write_whole(manifest, re.sub(r'<item id="epub-\d+" href="([^"]+\.xhtml)"', with_properties, text))

    def toc_metadata(self, *arguments: object) -> dict:
        """Identify the table of contents by the book's identifier, where Sphinx uses the name of its element."""
        return {**super().toc_metadata(*arguments), "uid": self.config.epub_identifier}

    def build_epub(self) -> None:
        super().build_epub()
        if found := list(faults(Path(self.outdir, f"{self.config.epub_basename}.epub"))):
            raise ExtensionError("The ePub is not valid:\n" + "\n".join(found))


def visit_math(translator, node) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator, node) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})</span>')
    translator.body.append(mathml(node.astext(), display=True) + "</div>\n")
    raise nodes.SkipNode


def clean_page(app, pagename, templatename, context, doctree) -> None:
    """Leave out of a page what needs a script or the site (on `html-page-context`)."""
    if app.builder.name == "epub":
        context["body"] = clean(context.get("body", ""), pagename, app.env.found_docs)
        context["script_files"] = []
        context["css_files"] = [file for file in context["css_files"] if Path(file.filename).name in STYLES]


def led_to(file: str, link: str) -> str:
    """Return the path of the file to which a relative link of another leads.

    >>> led_to("a/one.xhtml", "../b.png")
    'b.png'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), link))


def clean(body: str, page: str, pages: set[str]) -> str:
    """Return the body of a page as well-formed XHTML without anything active.

    A link to a file of the site that is no page of the book keeps its words.

    >>> clean('<p><a href="x.zip" download>A file</a><br></p><script>1</script>', "index", set())
    '<p>A file<br/></p>'
    """
    tree = BeautifulSoup(body, "html.parser")
    for element in tree.find_all((*ACTIVE, "link")):  # a widget links to its style sheet
        element.decompose()
    for link in tree.find_all("a", href=True):
        target = led_to(page, link["href"].partition("#")[0])
        if not ELSEWHERE.match(link["href"]) and target.removesuffix(".xhtml").removesuffix(".html") not in pages:
            link.unwrap()
    for icon in tree.select("svg.sd-octicon"):
        icon.decompose()
    for drawing in tree.find_all("svg"):
        drawing["xmlns"] = "http://www.w3.org/2000/svg"
        for attribute in [name for name in drawing.attrs if name in CAMEL]:
            drawing[CAMEL[attribute]] = drawing.attrs.pop(attribute)
    for title in tree.select("summary > .expanded"):
        title.decompose()  # a style sheet of the site shows one of the two titles
    return tree.decode(formatter="minimal")


def prefer_text(app) -> None:
    """Show what a widget prints in place of the widget (on `builder-inited`)."""
    if app.builder.name == "epub":
        app.config.nb_mime_priority_overrides = [*app.config.nb_mime_priority_overrides, ("epub", "text/html", None)]


def faults(epub: Path) -> Iterator[str]:
    """Yield what is wrong with an ePub, in sentences: a part of what epubcheck checks, without Java.

    Every page is well-formed, nothing is active or remote, every file is in the manifest and every item of the manifest
    is a file, and every link within the book leads to a place that exists.
    """
    with zipfile.ZipFile(epub) as archive:
        names = archive.namelist()
        if names[0] != "mimetype" or archive.read("mimetype") != b"application/epub+zip":
            yield "Its first file is not its media type."
        opf = next(name for name in names if name.endswith(".opf"))
        items = [item.attrib for item in ElementTree.fromstring(archive.read(opf)).iter(f"{OPF}item")]
        listed = {led_to(opf, item["href"]) for item in items}
        held = {name for name in names if not name.startswith("META-INF/")} - {"mimetype", opf}
        for name in sorted(listed ^ held):
            yield f"{name} is {'listed, but not there' if name in listed else 'there, but not listed'}."
        for name in sorted(name for name in held if name.endswith(".css")):
            for url in re.findall(r"url\(['\"]?([^)'\"]+)", archive.read(name).decode("utf-8")):
                if led_to(name, url) not in held:
                    yield f"{name} shows {url}, which is not in the book."
        pages = {}
        for name in sorted(name for name in held if name.endswith(".xhtml")):
            try:
                pages[name] = ElementTree.fromstring(archive.read(name))
            except ElementTree.ParseError as error:
                yield f"{name} is not well-formed: {error}."
    ids = {name: {element.get("id") for element in page.iter()} for name, page in pages.items()}
    for name, page in pages.items():
        for element in page.iter():
            kind = str(element.tag).removeprefix(XHTML)
            if kind in ACTIVE or any(attribute.startswith("on") for attribute in element.attrib):
                yield f"{name} has an active <{kind}>."
            for attribute in ("src", "href" if kind == "link" else "data"):
                source = element.get(attribute, "")
                if source and led_to(name, source) not in held:
                    yield f"{name} shows {source}, which is not in the book."
            target, _, place = element.get("href", "").partition("#") if kind == "a" else ("", "", "")
            if kind == "a" and element.get("href") and not re.match(r"[a-z]+:", target):
                page_there = led_to(name, target) if target else name
                if page_there not in pages or (place and place not in ids[page_there]):
                    yield f"{name} leads to {element.get('href')}, which is not in the book."


def setup(app):
    app.setup_extension("sphinx.builders.epub3")
    app.add_builder(Epub, override=True)
    app.connect("builder-inited", prefer_text)
    app.connect("html-page-context", clean_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
