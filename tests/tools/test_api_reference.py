"""The API reference has every module of labcode once, and every name that a package hands on."""

import importlib
import json
from pathlib import Path

import api
import pytest

import labcode

PAGE = Path(__file__).resolve().parents[2] / "book" / "appendix" / "api.md"
PACKAGE = Path(labcode.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def test_every_module_and_package_has_one_section():
    files = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = [".".join(part for part in path.parts if part != "__init__") for path in files]
    documented = [line.split()[-1] for line in api.sections(PACKAGE) if line.startswith(".. automodule::")]
    assert sorted(documented) == sorted(name for name in names if not name.endswith(".__main__"))


def test_the_sections_replace_the_marker_of_the_page():
    lines = PAGE.read_text("utf-8").splitlines(keepends=True)
    source = [json.dumps({"cells": [{"source": lines}]})]
    api.insert_sections(None, "appendix/api", source)
    text = "".join(json.loads(source[0])["cells"][0]["source"])
    assert text == "".join(lines).replace(api.MARKER, "\n".join(api.sections(PACKAGE)))
    assert len(text) > 2 * sum(map(len, lines))


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_handed_on_links_to_where_it_is_documented(room):
    handed_on = api.handed_on(PACKAGE / room)
    package = importlib.import_module(f"labcode.{room}")
    assert set(handed_on) == set(getattr(package, "__all__", ()))
    for name, full in handed_on.items():
        module, _, attribute = full.rpartition(".")
        assert getattr(package, name) is getattr(importlib.import_module(module), attribute)
