"""What the built site adds to its theme (a Sphinx extension).

Lighter pages, MathJax from an installed package, descriptions, roles that screen readers know, and, if the site's
address is configured, a sitemap and link previews.
"""

import html
import importlib.util
import re
from pathlib import Path
from textwrap import shorten
from urllib.parse import urljoin

from docutils import nodes
from PIL import Image

from labcode.files import write_whole

# The theme draws its icons with a font and again with 1.5 MB of script. The font is enough; icons.py reduces it.
ICONS = re.compile(r'<script src="[^"]*fontawesome[^"]*"></script>|<link rel="preload" as="font"[^>]*fontawesome[^>]*>')
# Characters of a description that a search engine shows.
DESCRIPTION_LENGTH = 160
# The space in "4 200".
THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")


def lighten(head: str) -> str:
    """Return the theme's part of a page's head without the scripts and fonts that no page needs.

    >>> lighten('<link href="a.css"/><script src="_static/vendor/fontawesome/6/js/all.min.js?v=1"></script>')
    '<link href="a.css"/>'
    """
    return ICONS.sub("", head)


def description(doctree: nodes.document) -> str:
    """Return the page's first paragraph outside of boxes and cells, cut between words if it is long."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            return shorten(paragraph.astext(), DESCRIPTION_LENGTH, placeholder="…", break_on_hyphens=False)
    return ""


def add_to_head(app, pagename, templatename, context, doctree):
    """Give the templates their variables, and each page its description (on `html-page-context`)."""
    context["lighten"] = lighten
    context["html_baseurl"] = app.config.html_baseurl
    about = description(doctree) if doctree else ""
    tags = {"description": about} if about else {}
    if app.config.html_baseurl and doctree:
        tags |= {
            "og:type": "article",
            "og:site_name": app.config.html_title or app.config.project,
            "og:title": app.env.titles[pagename].astext(),
            "og:description": about,
            "og:url": address(app, pagename),
            "twitter:card": "summary",
        }
    for name, content in tags.items():
        kind = "property" if name.startswith("og:") else "name"
        context["metatags"] += f'\n<meta {kind}="{name}" content="{html.escape(content)}" />'


def address(app, pagename: str) -> str:
    """Return a page's address on the web."""
    return urljoin(app.config.html_baseurl, app.builder.get_target_uri(pagename))


def write_sitemap(app, exception):
    """List all pages for search engines (on `build-finished`), if the site's address is known."""
    if exception or not app.config.html_baseurl or app.builder.name != "html":
        return
    places = "\n".join(
        f"<url><loc>{html.escape(address(app, page))}</loc></url>" for page in sorted(app.env.found_docs)
    )
    write_whole(
        Path(app.outdir, "sitemap.xml"),
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}\n</urlset>\n',
    )


def keep_numbers_whole(app, doctree, docname):
    """Keep each number on one line: make its space a no-break space (on `doctree-resolved`)."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.TextElement) and not isinstance(
            text.parent, nodes.FixedTextElement | nodes.math
        ):
            whole = whole_numbers(text.astext())
            if whole != text.astext():
                text.parent.replace(text, nodes.Text(whole))


def whole_numbers(text: str) -> str:
    """Return ``text`` with no-break spaces between the thousands of a number.

    >>> whole_numbers("4 200 and 1 800 images, 3 seeds").count(" ")
    5
    """
    return THOUSANDS.sub("\u00a0", text)


def keep_with_formulas(app, doctree, docname):
    """Keep each formula on one line with what touches it, such as a full stop (on `doctree-resolved`).

    Browsers may break a line on both sides of a formula, since it is a box.
    """
    for formula in list(doctree.findall(nodes.math)):
        parent, before, after = formula.parent, "", ""
        start = parent.index(formula)
        end = start + 1
        if end < len(parent) and isinstance(parent[end], nodes.Text):
            after, end = parent[end], end + 1
        if start and isinstance(parent[start - 1], nodes.Text):
            before, start = parent[start - 1], start - 1
        before, left = re.fullmatch(r"(.*\s|)(\S*)", before, re.DOTALL).groups()
        right, after = re.fullmatch(r"(\S*)(.*)", after, re.DOTALL).groups()
        if left or right:
            joined = nodes.inline("", "", nodes.Text(left), formula, nodes.Text(right), classes=["joined"])
            parent[start:end] = [nodes.Text(before), joined, nodes.Text(after)]


def bring_mathjax(app):
    """Serve the one file of MathJax that the site needs from the site itself (on `builder-inited`).

    The package `sphinx-mathjax-offline`, used as an extension, would copy all of MathJax (31 MB). The "full" file
    includes all TeX extensions, so that none is looked for elsewhere.
    """
    if app.builder.name == "epub":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    script = Path(package.origin).parent / "static" / "mathjax" / "tex-svg-full.js"
    # Not by html_static_path: the place of this machine's packages would be written into the site.
    write_whole(Path(app.outdir, "_static", script.name), script.read_bytes())
    app.config.mathjax_path = script.name


def keep_year(app, config):
    """Print the year of the copyright as configured (on `config-inited`), where Sphinx prints SOURCE_DATE_EPOCH's."""
    config.copyright = app.stated_copyright


def visit_citation(translator, node):
    """Mark a source as an item of a list: docutils gives it a role that the ARIA standard has withdrawn."""
    type(translator).visit_citation(translator, node)
    translator.body[-1] = translator.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def depart_citation(translator, node):
    type(translator).depart_citation(translator, node)


def visit_image(translator, node):
    """Write the size of a picture into the page, so that nothing below it moves when it has loaded."""
    type(translator).visit_image(translator, node)
    file = Path(translator.builder.srcdir, node["candidates"].get("*", node["uri"]))
    if file.suffix == ".png":
        with Image.open(file) as picture:
            width, height = picture.size
        translator.body[-1] = translator.body[-1].replace("<img ", f'<img width="{width}" height="{height}" ', 1)


def depart_image(translator, node):
    type(translator).depart_image(translator, node)


def setup(app):
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.stated_copyright = app.config.copyright
    app.connect("config-inited", keep_year, priority=900)
    app.connect("builder-inited", bring_mathjax)
    app.connect("doctree-resolved", keep_numbers_whole)
    app.connect("doctree-resolved", keep_with_formulas)
    app.connect("html-page-context", add_to_head)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
