"""A Sphinx extension: labcode's docstrings as the pages of the API reference.

Sphinx's autodoc finds the names; here a docstring's sections become what Sphinx reads. The docstrings write
``name : description``, where NumPy's own convention expects a type after the colon: the types stand in the signatures.
"""

import re

ENTRY = re.compile(r"(?P<names>[\w., *`]+?)(?: : (?P<description>.*))?")


def lay_out(lines: list[str]) -> list[str]:
    """Return a docstring's lines with each underlined section as a heading and a definition list.

    >>> print("\\n".join(lay_out(["Draw.", "", "Parameters", "-" * 10, "ax : to draw on,", "    or not."])))
    Draw.
    <BLANKLINE>
    .. rubric:: Parameters
    <BLANKLINE>
    ``ax``
        to draw on,
        or not.
    """
    laid, section, number = [], False, 0
    while number < len(lines):
        line = lines[number]
        if number + 1 < len(lines) and line and re.fullmatch("-{3,}", lines[number + 1]):
            laid += [f".. rubric:: {line}", ""]
            section, number = True, number + 2
            continue
        if line.startswith(">>>"):
            section = False
        entry = ENTRY.fullmatch(line) if section and line[:1].strip() else None
        if entry:
            laid.append(", ".join(f"``{name.strip('` ')}``" for name in entry["names"].split(",")))
            laid += [f"    {entry['description']}"] if entry["description"] else []
        else:
            laid.append(line)
        number += 1
    return laid


def process(app, what, name, thing, options, lines) -> None:
    lines[:] = lay_out(lines)


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
