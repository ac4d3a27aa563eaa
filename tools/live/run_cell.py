"""Run one cell of a page and describe its output as a notebook does. The page's worker calls it, in Pyodide.

It is a file of its own, outside labcode, because only a page without a notebook needs it.
"""

import ast
import contextlib
import io
import json
import linecache
import traceback

# What a page can show, the best first, and the methods that give it.
FORMATS = {"text/html": "_repr_html_", "text/markdown": "_repr_markdown_", "text/latex": "_repr_latex_"}
ABSENT = (
    "The Python in this page has SymPy, mpmath and labcode's derivations; the other cells need the book's environment."
)


def run(source: str, namespace: dict, name: str) -> str:
    """Execute ``source`` in ``namespace``; return its output as JSON.

    Parameters
    ----------
    source : the code; if its last statement is an expression, its value is shown.
    namespace : of all cells of the page.
    name : of the cell, in tracebacks.

    Returns
    -------
    An object with ``text``, which was printed, ``data``, the last value by format, and ``error``: its ``kind``,
    ``sentence`` and ``traceback``. ``data`` and ``error`` are null if there are none.

    >>> run("print(1)", {}, "cell 1")
    '{"text": "1\\\\n", "data": null, "error": null}'
    >>> json.loads(run("1 / 0", {}, "cell 2"))["error"]["sentence"]
    'division by zero'
    """
    data, error, printed = None, None, io.StringIO()
    # A traceback quotes the lines of a cell from here.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            value = execute(source, namespace, name)
            data = None if value is None else formats(value)
        except BaseException as problem:
            error = describe(problem, name)
    return json.dumps({"text": printed.getvalue(), "data": data, "error": error})


def execute(source: str, namespace: dict, name: str) -> object:
    """Execute the statements; return the value of the last one if it is an expression."""
    tree = ast.parse(source, name)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    return eval(compile(last, name, "eval"), namespace) if last else None


def formats(value: object) -> dict[str, str]:
    shown = {kind: getattr(value, method)() for kind, method in FORMATS.items() if hasattr(value, method)}
    return {kind: text for kind, text in shown.items() if text is not None} | {"text/plain": repr(value)}


def describe(problem: BaseException, name: str) -> dict[str, str]:
    """Return the kind of an error, its message, and its traceback without the frames of this file."""
    sentence = str(problem)
    if isinstance(problem, ModuleNotFoundError):
        sentence = f"{sentence}. {ABSENT}"
    if isinstance(problem, MemoryError):
        sentence = "The memory of this page's Python is used up. Names that earlier cells defined are still there."
    lines = traceback.TracebackException.from_exception(problem)
    while lines.stack and lines.stack[0].filename != name:
        del lines.stack[0]
    return {"kind": type(problem).__name__, "sentence": sentence, "traceback": "".join(lines.format())}
