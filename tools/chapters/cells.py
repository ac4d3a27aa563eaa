"""Which code cells of a chapter need which, by the names that they bind and read."""

import ast
import symtable
from collections.abc import Callable, Iterable

from nbformat import NotebookNode


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the global names that a cell binds, and those that it reads before it has bound them.

    >>> bound, read = names("x = 1\\nprint(x, y)")
    >>> sorted(bound), sorted(read)
    (['x'], ['print', 'y'])
    """
    bound: set[str] = set()
    read: set[str] = set()
    for statement in ast.parse(source).body:
        module = symtable.symtable(ast.unparse(statement), "cell", "exec")
        scopes, found = [module], set()
        for scope in scopes:
            scopes += scope.get_children()
            found |= {
                s.get_name() for s in scope.get_symbols() if s.is_referenced() and (scope is module or s.is_global())
            }
        own = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
        if isinstance(statement, ast.For | ast.With | ast.Try):
            found -= own  # it binds its names before it reads them
        changed = [node.target for node in ast.walk(statement) if isinstance(node, ast.AugAssign)]
        found |= {node.id for target in changed for node in ast.walk(target) if isinstance(node, ast.Name)}
        read |= found - bound
        bound |= own
    return bound, read


def leading_to(cells: Iterable[NotebookNode], wanted: Callable[[NotebookNode], bool]) -> list[NotebookNode]:
    """Return the code cells that are wanted, with those that bind what they read, what these read, and so on."""
    kept, needed = [], set()
    for cell in reversed([cell for cell in cells if cell.cell_type == "code"]):
        bound, read = names(cell.source)
        if bound & needed or wanted(cell):
            kept.append(cell)
            needed = needed - bound | read
    return kept[::-1]
