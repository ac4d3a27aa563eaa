"""Execute a chapter in a new kernel and write its snapshot."""

import ast
import asyncio
import contextlib
import inspect
import json
import signal
from pathlib import Path

import nbformat
from chapters import kernel, pairs
from chapters.pairs import ChapterError, name_of, notebook_from, snapshot_of
from chapters.stale import (
    MADE_FROM,
    SNAPSHOT,
    changed_by_hand,
    digest,
    digest_of_pins,
    digest_of_snapshot,
    digests_of_reads,
)
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

from labcode.files import write_whole

SECONDS_PER_CELL = 300  # as --nbval-cell-timeout in pyproject.toml
# The key of an output's metadata where labcode.pages.figures leaves alternative text and caption.
FIGURE = "labcode"


def watch(root):
    """Make this process note which files of ``root`` it reads. This function runs in the kernel.

    `sys.modules["chapter_watch"].seen()` then returns, as JSON, the files opened for reading (existing or not), the
    folders listed and the modules imported.
    """
    import json
    import os
    import sys
    import types

    opened, listed = set(), set()
    writing = os.O_WRONLY | os.O_RDWR

    def note(event, arguments):
        if event == "open" and not (arguments[2] or 0) & writing:
            path, noted = arguments[0], opened
        elif event in ("os.listdir", "os.scandir"):
            path, noted = "." if arguments[0] is None else arguments[0], listed
        else:
            return
        if isinstance(path, (str, bytes, os.PathLike)):
            noted.add(os.path.realpath(os.fsdecode(path)))

    def seen():
        # The import system lists the folders that it searches: no result depends on those.
        searched = {os.path.realpath(path) for path in sys.path_importer_cache}
        files = (vars(module).get("__file__") for module in list(sys.modules.values()) if module)
        found = {
            "opened": sorted(opened),
            "listed": sorted(listed - searched),
            "imported": sorted(os.path.realpath(file) for file in files if file),
        }
        ours, installed = root + os.sep, os.path.realpath(sys.prefix) + os.sep
        inside = {
            kind: [
                os.path.relpath(path, root)
                for path in paths
                if path.startswith(ours) and not path.startswith(installed)
            ]
            for kind, paths in found.items()
        }
        return json.dumps(inside)

    module = types.ModuleType("chapter_watch")
    module.seen = seen
    sys.modules["chapter_watch"] = module
    sys.addaudithook(note)


async def execute(notebook: nbformat.NotebookNode, folder: Path, home: Path) -> dict[str, list[str]]:
    """Run every cell in a new kernel of this ``home``, which works in ``folder``; return what the kernel read.

    Raises
    ------
    ChapterError : a cell raised an error, took too long or ended its kernel.
    """
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(**kernel.connection(home)),
        timeout=SECONDS_PER_CELL,
        record_timing=False,
        coalesce_streams=True,  # otherwise a print is split wherever the kernel happened to flush
        resources={"metadata": {"path": str(folder)}},
    )
    # The chapter must not find a name of ours in its namespace.
    begin = f"{inspect.getsource(watch)}\nwatch({str(pairs.ROOT)!r})\ndel watch"
    seen = {"seen": "__import__('sys').modules['chapter_watch'].seen()"}
    async with client.async_setup_kernel(env=kernel.environment(home), cleanup_kc=True):
        # nbclient's own handler ends the kernel and lets the program go on.
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        await ask(client, begin, {})
        number = 0
        for index, cell in enumerate(notebook.cells):
            number += cell.cell_type == "code"
            try:
                await client.async_execute_cell(cell, index, execution_count=number)
            except CellExecutionError as error:
                problem = f"raised {error.ename}: {error.evalue.rstrip('.')}"
            except CellTimeoutError:
                problem = f"took more than {SECONDS_PER_CELL} seconds"
            except DeadKernelError:
                problem = "ended its kernel"
            else:
                continue
            first_line = cell.source.strip().splitlines()[0]
            raise ChapterError(f"code cell {number}, which begins `{first_line}`, {problem}")
        reply = await ask(client, "", seen)
    return json.loads(ast.literal_eval(reply["seen"]["data"]["text/plain"]))


async def ask(client: NotebookClient, code: str, expressions: dict[str, str]) -> dict:
    """Run code in the kernel without a trace in the notebook; return the values of the expressions."""
    reply = await client.kc.execute_interactive(
        code, silent=True, user_expressions=expressions, output_hook=lambda message: None
    )
    if reply["content"]["status"] != "ok":
        raise ChapterError(f"the kernel could not be watched: {reply['content']['evalue']}")
    return reply["content"]["user_expressions"]


def label_figure(cell: nbformat.NotebookNode) -> None:
    """Copy a figure's alternative text and caption to the cell's metadata, where MyST-NB looks for them.

    Labels that the author wrote in the source stay as they are.
    """
    shown = [output for output in cell.outputs if output.output_type != "stream"]
    figures = [output.metadata[FIGURE] for output in shown if FIGURE in output.get("metadata", {})]
    if not figures:
        return
    if len(shown) > 1:
        raise ChapterError(
            f"the cell that begins `{cell.source.strip().splitlines()[0]}` shows {len(shown)} "
            "things; a cell with a figure shows only that figure (it may print as well)"
        )
    figure = figures[0]
    labels = cell.metadata.setdefault("mystnb", {})
    labels["image"] = {"alt": figure["alt"], **labels.get("image", {})}
    caption = {key: figure[key] for key in ("caption", "name") if figure.get(key)}
    labels["figure"] = {**caption, **labels.get("figure", {})}


def make_snapshot(source: Path, home: Path) -> str:
    """Execute the chapter in a kernel of this ``home`` and return its snapshot as text: the same text every time.

    Raises
    ------
    ChapterError : the chapter could not be executed; the message names the chapter and the cell.
    """
    made_from = {"source": digest(source.read_bytes()), "pins": digest_of_pins()}
    notebook = notebook_from(source)
    try:
        seen = asyncio.run(execute(notebook, source.parent, home))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                label_figure(cell)
    except ChapterError as error:
        raise ChapterError(f"Chapter {name_of(source)}: {error}.") from error
    notebook.metadata[MADE_FROM] = made_from | {"reads": digests_of_reads(**seen)}
    nbformat.validate(notebook)
    notebook.metadata[MADE_FROM][SNAPSHOT] = digest_of_snapshot(nbformat.writes(notebook))
    return nbformat.writes(notebook, sort_keys=True) + "\n"


def refresh(sources: list[Path], say=print) -> None:
    """Execute chapters one after the other and write their snapshots.

    Raises
    ------
    ChapterError : some chapters failed, or somebody changed their snapshots; the message names each of them. Their old
        snapshots stay, and the other chapters have been executed.
    """
    failed = []
    with kernel.empty_home() as home, tqdm(sources, unit="chapter", disable=not sources) as bar:
        for source in bar:
            bar.set_description(name_of(source))
            snapshot = snapshot_of(source)
            try:
                if by_hand := changed_by_hand(source):
                    raise ChapterError(f"Chapter {name_of(source)} was not executed: {by_hand}.")
                changed = write_whole(snapshot, make_snapshot(source, home))
            except ChapterError as error:
                failed.append(str(error))
            except OSError as error:
                failed.append(f"Chapter {name_of(source)}: {snapshot.name} cannot be written ({error.strerror}).")
            else:
                say(f"{name_of(source)}: executed, {'new snapshot' if changed else 'unchanged'}")
    if failed:
        raise ChapterError("\n".join(failed))
