"""A Sphinx extension: the API reference, from labcode's packages and docstrings.

A page's line ``% every module of labcode`` is replaced by one section per package, and in it one per module, which
autodoc fills. The docstrings write ``name : description``, where NumPy's convention expects a type after the colon (the
types stand in the signatures), so their sections are laid out here.
"""

import ast
import json
import re
from pathlib import Path

import labcode

PACKAGE = Path(labcode.__file__).parent
# In the order in which they build on each other.
ROOMS = ("data", "derivation", "network", "training", "study", "bench", "pages")
MARKER = "% every module of labcode"

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


def handed_on(package: Path) -> dict[str, str]:
    """Return the names that a package hands on from its modules, each with the full name that autodoc documents.

    >>> handed_on(PACKAGE / "network")["ConvNet"]
    'labcode.network.convnet.ConvNet'
    """
    stub = package / "__init__.pyi"
    if not stub.is_file():
        return {}
    imports = [node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    own = ".".join(package.relative_to(PACKAGE.parent).parts)
    return {each.name: ".".join(filter(None, [own, node.module, each.name])) for node in imports for each in node.names}


def sections(package: Path, level: int = 2) -> list[str]:
    """Return the lines of a package's section: its docstring, its short import paths, its modules, its packages.

    >>> [line for line in sections(PACKAGE / "data") if line.startswith("#")]
    ['## `labcode.data`', '### `labcode.data.download`', '### `labcode.data.mnist`']
    """
    name = ".".join(package.relative_to(PACKAGE.parent).parts)
    names = handed_on(package)  # documented where they are defined, and there only
    lines = [f"{'#' * level} `{name}`", "", *_automodule(name, *[":no-members:"] * bool(names))]
    if names:
        links = ", ".join(f"{{py:obj}}`{short} <{full}>`" for short, full in sorted(names.items()))
        lines += [f"`from {name} import` any of {links}.", ""]
    for module in sorted(package.glob("*.py")):
        if not module.stem.startswith("__"):
            own = f"{name}.{module.stem}"
            lines += [f"{'#' * (level + 1)} `{own}`", "", *_automodule(own)]
    inner = (
        [PACKAGE / room for room in ROOMS]
        if package == PACKAGE
        else sorted(path.parent for path in package.glob("*/__init__.py"))
    )
    for each in inner:
        lines += sections(each, level + (package != PACKAGE))
    return lines


def _automodule(name: str, *options: str) -> list[str]:
    return ["```{eval-rst}", f".. automodule:: {name}", *(f"   {option}" for option in options), "```", ""]


def insert_sections(app, docname: str, source: list[str]) -> None:
    """Replace the marker in a page's source, which is a notebook: JSON, one string per line of a cell."""
    if MARKER in source[0]:
        source[0] = source[0].replace(MARKER, json.dumps("\n".join(sections(PACKAGE)))[1:-1])


def process(app, what, name, thing, options, lines) -> None:
    lines[:] = lay_out(lines)


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("source-read", insert_sections)
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
