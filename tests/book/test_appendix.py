"""The appendix is mostly prose."""

import re
from pathlib import Path

import pytest

APPENDIX = sorted((Path(__file__).resolve().parents[2] / "book" / "appendix").glob("*.md"))


@pytest.mark.parametrize("chapter", APPENDIX, ids=lambda path: path.stem)
def test_hidden_code_is_less_than_a_fifth_of_the_source(chapter):
    source = chapter.read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}.*?^```$", source, flags=re.DOTALL | re.MULTILINE)
    hidden = [cell for cell in cells if re.search(r"^:tags: \[(?:hide|remove)-", cell, re.MULTILINE)]
    assert sum(map(len, hidden)) < len(source) / 5
