"""The theme's icons, reduced to those that the pages show (a Sphinx extension).

The theme includes all of Font Awesome three times, as style sheets, fonts and scripts: 700 KB compressed on the first
page that a reader opens. The book shows about thirty icons, all from one font.
"""

import base64
import io
import logging
import re
import shutil
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont

from labcode.files import write_whole

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it reports every table of a font

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
NAMED = re.compile(r"\bfa-([a-z0-9-]+)")
# Style sheets name an icon by its code point.
PLACED = re.compile(r"\\(f[0-9a-f]{3})\b")
RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
FACE = re.compile(r"@font-face\{[^}]*\}")


def rules(css: str, names: set[str]) -> str:
    r"""Return the style sheet with only the icons of these names, and without its fonts.

    >>> sheet = r'.fa-a:before{content:"\f1"}.fa-b:before,.fa-c:before{content:"\f2"}@font-face{src:url(a)}'
    >>> print(rules(sheet, {"c"}))
    .fa-b:before,.fa-c:before{content:"\f2"}
    """
    kept = RULE.sub(lambda rule: rule[0] if names.intersection(NAMED.findall(rule[1])) else "", css)
    return FACE.sub("", kept)


def reduce_icons(app, exception):
    """Replace Font Awesome in the built site by the icons in use (on `build-finished`)."""
    if exception or app.builder.name != "html":
        return
    static = app.outdir / "_static"
    original = next(THEME.glob("vendor/fontawesome/*"))
    place = static / original.relative_to(THEME)
    read = [path.read_text(encoding="utf-8") for path in app.outdir.rglob("*.html")]
    read += [path.read_text(encoding="utf-8") for path in static.glob("scripts/*.js")]
    names = {name for text in read for name in NAMED.findall(text)}
    css = rules((original / "css/all.min.css").read_text(encoding="utf-8"), names)
    codes = set(PLACED.findall(css))
    for path in static.rglob("*.css"):
        if place not in path.parents:
            codes.update(PLACED.findall(path.read_text(encoding="utf-8")))
    shutil.rmtree(place)
    write_whole(place / "css/all.min.css", css + face(original / "webfonts/fa-solid-900.ttf", codes))


def face(font: Path, codes: set[str]) -> str:
    """Return a rule with the font's icons of these codes embedded: a page on a disk may not load font files."""
    icons = TTFont(font, recalcTimestamp=False)  # the same bytes every time
    cut = subset.Subsetter()
    cut.populate(unicodes=[int(code, 16) for code in codes])
    cut.subset(icons)
    data = io.BytesIO()
    icons.save(data)
    return (
        '@font-face{font-family:"Font Awesome 6 Free";font-style:normal;font-weight:900;'
        f"src:url(data:font/ttf;base64,{base64.b64encode(data.getvalue()).decode()})}}"
    )


def setup(app):
    # After everything else that writes pages.
    app.connect("build-finished", reduce_icons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
