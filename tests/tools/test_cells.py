"""tools/chapters/cells.py: which names cells bind and read, and which cells lead to others."""

import nbformat
import pytest
from chapters.cells import leading_to, names


@pytest.mark.parametrize(
    ("source", "bound", "read"),
    [
        ("x = x + 1", {"x"}, {"x"}),
        ("x += 1", {"x"}, {"x"}),
        ("x = 1\ny = x", {"x", "y"}, set()),
        ("def f(a):\n    return a + b", {"f"}, {"b"}),
        ("for x in y:\n    z = x", {"x", "z"}, {"y"}),
        ("for x in y:\n    z += x", {"x", "z"}, {"y", "z"}),
        ("try:\n    x = y\nexcept E as e:\n    f(x, e)", {"x", "e"}, {"y", "E", "f"}),
        ("import a.b", {"a"}, set()),
        ("c = [d for d in e]", {"c"}, {"e"}),
    ],
)
def test_names_that_a_cell_binds_and_reads(source, bound, read):
    assert names(source) == (bound, read)


def test_only_cells_that_lead_to_the_wanted_ones_are_kept():
    sources = ["import math", "n = 3\nunused = 1", "for k in range(n):\n    last = k", "print(unused)", "show(n, math)"]
    cells = [nbformat.v4.new_markdown_cell("Text."), *map(nbformat.v4.new_code_cell, sources)]
    kept = leading_to(cells, lambda cell: cell.source.startswith("show"))
    assert [cell.source for cell in kept] == ["import math", "n = 3\nunused = 1", "show(n, math)"]
