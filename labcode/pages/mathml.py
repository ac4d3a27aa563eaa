"""Formulas and pages that need no script: MathML, which browsers and readers of ePubs show by themselves."""

import html
import re

from latex2mathml.converter import convert

# In a text: code, then a formula.
_PARTS = re.compile(r"`([^`]+)`|(?<!\\)\$([^$]+)\$")
# Blocks of lines that the converter knows by another name, without the option that says where they stand.
_LINES = re.compile(r"\\(begin|end)\{aligned\}(\[t\])?")
# What it leaves as it is if it does not know it.
_UNKNOWN = re.compile(r"<m\w+>(\\\w+|&)<")
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
{script}</body>
</html>
"""
SHEET = """\
:root { color-scheme: light dark; --line: light-dark(#bbb, #666); --quiet: light-dark(#555, #aaa); }
html { background: light-dark(#fff, #16181c); color: light-dark(#1a1a1a, #e6e6e6); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; } h3 { font-size: 1rem; }
math { font-size: 1.1em; } li math, td math { math-style: normal; }
math[display="block"] { overflow-x: auto; overflow-y: hidden; padding: 0.2em 0; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 0.2em 1em 0.2em 0; vertical-align: baseline; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.9rem; }
pre { padding: 0.6em; border: 1px solid var(--line); }
.quiet, footer { color: var(--quiet); font-size: 0.85rem; }
@media print {
  :root { color-scheme: light; }
  body { margin: 0; padding: 0; max-width: none; font-size: 11pt; }
  h2, h3 { break-after: avoid; } section, pre, tr { break-inside: avoid; }
}
"""


def mathml(tex: str, display: bool = False) -> str:
    """Return a formula in LaTeX as MathML, with its LaTeX as the text that is read where MathML is not understood.

    Raises
    ------
    ValueError : it contains a command that is not known.

    >>> mathml("x^2")[-53:]
    '<mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    """
    shown = convert(_LINES.sub(r"\\\1{split}", tex), display="block" if display else "inline")
    if unknown := _UNKNOWN.search(shown):
        raise ValueError(f"The formula {tex} has {unknown[1]}, which cannot be written in MathML.")
    shown = shown.replace("<mi>:</mi><mo>&#x0003D;</mo>", "<mo>:=</mo>")  # one sign
    # Browsers follow the style, other readers the attribute.
    shown = re.sub(r'columnalign="(\w+)"', r'columnalign="\1" style="text-align: \1"', shown)
    return shown.replace("<math ", f'<math alttext="{html.escape(" ".join(tex.split()))}" ', 1)


def inline(text: str) -> str:
    """Return a text with ``code`` and $formulas$ as HTML.

    >>> inline("a < b, `a`")
    'a &lt; b, <code>a</code>'
    """
    parts, end = [], 0
    for part in _PARTS.finditer(text):
        parts.append(html.escape(text[end : part.start()], quote=False))
        parts.append(f"<code>{html.escape(part[1], quote=False)}</code>" if part[1] else mathml(part[2]))
        end = part.end()
    return "".join(parts) + html.escape(text[end:], quote=False)


def page(title: str, body: str, style: str = SHEET, script: str = "") -> str:
    """Return one HTML file that needs nothing else: no script unless one is given, no font, no network.

    >>> page("A sheet", "<p>Text</p>").count("<script")
    0
    """
    scripts = f"<script>\n{script}</script>\n" if script else ""
    return _PAGE.format(title=html.escape(title), body=body, style=style, script=scripts)
