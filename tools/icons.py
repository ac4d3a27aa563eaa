"""The theme's icons, cut down to those that the pages show (a Sphinx extension).

The theme brings all of Font Awesome three times over, as style sheets, as fonts and as scripts: 700 KB compressed on
the first page that a reader opens. The book shows some thirty icons, all of one font.
"""

import base64
import io
import re
import shutil
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
NAMED = re.compile(r"\bfa-([a-z0-9-]+)")
# Style sheets name an icon by its place in the font.
PLACED = re.compile(r"\\(f[0-9a-f]{3})\b")
RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
FACE = re.compile(r"@font-face\{[^}]*\}")


def rules(css: str, names: set[str]) -> str:
    r"""The style sheet without the icons that have none of the names, and without its fonts.

    >>> sheet = r'.fa-a:before{content:"\f1"}.fa-b:before,.fa-c:before{content:"\f2"}@font-face{src:url(a)}'
    >>> print(rules(sheet, {"c"}))
    .fa-b:before,.fa-c:before{content:"\f2"}
    """
    kept = RULE.sub(lambda rule: rule[0] if names.intersection(NAMED.findall(rule[1])) else "", css)
    return FACE.sub("", kept)


def cut_down(app, exception):
    """Replace Font Awesome in the built site (on `build-finished`)."""
    if exception or app.builder.format != "html":
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
    (place / "css").mkdir(parents=True)
    (place / "css/all.min.css").write_text(css + face(original / "webfonts/fa-solid-900.ttf", codes), encoding="utf-8")


def face(font: Path, codes: set[str]) -> str:
    """The font with these icons alone, within the style sheet: a page opened from a file may not load a font's file."""
    icons = TTFont(font)
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
    # After the downloads and all else that writes pages.
    app.connect("build-finished", cut_down, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
