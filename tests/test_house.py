"""How the house is built: imports point back along the road, presentation stays in its room, modules stay short."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "labcode"
ROAD = ["errors", "checks", "files", "seeds", "machine"]  # what stands before the first room, in any order
ROOMS = ["data", "derivation", "network", "training", "study", "bench", "pages"]
PRESENTATION = {"IPython", "latex2mathml", "matplotlib", "tabulate", "PIL"}
LONGEST = 400

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def place(module: str) -> int:
    """How far along the road a module or a package of labcode stands."""
    room = module.split(".")[0]
    return ROOMS.index(room) + 1 if room in ROOMS else 0 if room in ROAD else len(ROOMS) + 1


def imported(path: Path) -> set[str]:
    """Every name that a module imports, wherever in it, as a dotted path."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by a relative path"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_back_along_the_road(module):
    own = place(module.removesuffix(".py").replace("/", "."))
    ours = {name.removeprefix("labcode.") for name in imported(PACKAGE / module) if name.startswith("labcode.")}
    assert {name for name in ours if place(name) > own} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if not m.startswith("pages/")])
def test_presentation_stays_in_pages(module):
    assert {name.split(".")[0] for name in imported(PACKAGE / module)} & PRESENTATION == set()


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short(module):
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_every_room_is_on_the_road():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)
