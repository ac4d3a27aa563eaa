"""The changelog's table of import paths names every old module, and new ones that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(
    r"^\| `labcode\.(\w+)` \| (.+) \|$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_every_new_path_exists():
    assert len(ROWS) == 40  # the modules of version 0.1.0 and those added until they moved
    for old, new in ROWS:
        paths = re.findall(r"`(labcode[\w.]+|tools/\w+\.py)`", new.split(" (")[0])
        assert paths, old
        for path in paths:
            place = ROOT / (path if "/" in path else path.replace(".", "/"))
            assert place.is_file() or place.is_dir() or place.with_suffix(".py").is_file(), f"{old}: {path}"
