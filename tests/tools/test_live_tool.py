"""What runs in a page follows from what it imports, and without npm's registry the site lacks only its live parts."""

import io
import json
import subprocess
import sys
import zipfile

import nbformat
import pytest
from live import bundle, npm, sphinx_extension
from live.liveness import ROOT, cells, exercises, form, missing, modules
from live.run_cell import run


def notebook(*sources, tags=()):
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell, its in zip(made, tags, strict=False):
        cell.metadata["tags"] = list(its)
    return nbformat.v4.new_notebook(cells=made)


def needs(*sources):
    return [cell.needs for cell in cells(notebook(*sources))]


def test_a_cell_is_live_if_all_that_it_imports_is():
    live = ("import sympy, mpmath", "from labcode.derivation import derive", "from labcode.pages import Stepper")
    assert needs(*live) == ["", "", ""]
    recorded = ("import torch", "from labcode.pages import say", "from labcode.derivation import check_gradient")
    assert needs(*recorded) == ["PyTorch", "NumPy", "NumPy"]
    assert "torch" in missing("labcode.network.ConvNet")


def test_a_cell_that_reads_a_recorded_name_is_recorded():
    assert needs("import numpy as np", "def f(x):\n    return np.exp(x)", "g = f", "def h(np):\n    return np") == [
        "NumPy",
        "NumPy",
        "NumPy",
        "",
    ]


def test_a_cell_that_changes_a_recorded_name_is_recorded():
    assert needs("import numpy as np\nx = np.pi", "x = x + 1", "x += 1") == ["NumPy", "NumPy", "NumPy"]


def test_a_live_cell_gives_a_name_back():
    assert needs("import numpy as x", "print(x)", "x = 1", "print(x)") == ["NumPy", "NumPy", "", ""]


def test_modules_for_the_page_need_neither_numpy_nor_pytorch():
    """Import them where nothing else can be imported."""
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in modules() if file.suffix == ".py"]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    assert {"labcode.derivation.chain", "labcode.derivation.answers", "labcode.pages.stepper"} <= set(names)
    code = (
        "import importlib, sys\n"
        "for name in ('numpy', 'torch', 'scipy', 'matplotlib', 'IPython'): sys.modules[name] = None\n"
        f"for name in {names}: importlib.import_module(name)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stderr == ""


def test_an_exercise_is_offered_if_its_solution_and_check_are_live():
    made = notebook("answer = 1", "print(answer)", "import torch\nanswer = 2", "print(answer)")
    for place, tag in enumerate(["solution", "check"] * 2):
        made.cells[place].metadata["tags"] = [tag]
    for place, label in ((0, "one"), (3, "two")):
        made.cells.insert(place, nbformat.v4.new_markdown_cell(f"```{{solution-start}} {label}\n```"))
    (exercise,) = exercises(made)
    assert (exercise.label, exercise.answer) == ("one", 0)
    assert exercise.blank.endswith("answer = ...")


def test_a_form_gives_its_cell_back():
    (cell,) = cells(notebook('from x import f\n\nf(\n    a="1 + \\"x\\"",\n    b=-0.5,\n)'))
    fields, rest = form(cell)
    assert [(field.label, field.value) for field in fields] == [("a", '1 + "x"'), ("b", -0.5)]
    assert "".join(f"{field.before}{json.dumps(field.value)}" for field in fields) + rest == cell.source


def test_a_cell_shows_what_a_notebook_shows():
    names = {}
    assert json.loads(run("x = 2\nprint(x)\nx + 1", names, "cell 1")) == {
        "text": "2\n",
        "data": {"text/plain": "3"},
        "error": None,
    }
    assert json.loads(run("x = None\nx", names, "cell 2"))["data"] is None
    chain = "from sympy import symbols\nfrom labcode.derivation import *\nx = symbols('x', real=True)\n"
    data = json.loads(run(chain + "derive('q', x + x, Step(2 * x, 'add'))", names, "cell 3"))["data"]
    assert data.keys() == {"text/markdown", "text/plain"}


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("(", "SyntaxError", "'(' was never closed"),
        ("import nowhere", "ModuleNotFoundError", "the other cells need the book's environment"),
        ("raise MemoryError", "MemoryError", "used up"),
        ("raise SystemExit(1)", "SystemExit", "1"),
    ],
)
def test_an_error_ends_in_a_sentence_and_its_traceback_begins_in_the_cell(source, kind, sentence):
    error = json.loads(run(f"def f():\n    {source}\nf()" if kind != "SyntaxError" else source, {}, "cell 7"))["error"]
    assert error["kind"] == kind
    assert sentence in error["sentence"]
    assert "run_cell.py" not in error["traceback"]
    assert 'File "cell 7"' in error["traceback"]


def test_without_the_registry_the_site_is_built_and_says_so_once(tmp_path, monkeypatch):
    """Ask a registry that is not there, with nothing installed and an empty cache."""
    for name in ("package.json", "package-lock.json", "compile.mjs"):
        (tmp_path / name).write_bytes((npm.HERE / name).read_bytes())
    monkeypatch.setattr(npm, "HERE", tmp_path)
    monkeypatch.setattr(npm, "MODULES", tmp_path / "node_modules")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(npm.NoLiveParts, match="`npm ci` failed"):
        npm.installed()

    def refused(site):
        raise npm.NoLiveParts("No registry.")

    class App:
        outdir = str(tmp_path)
        builder = type("Builder", (), {"name": "html"})

    monkeypatch.setattr(bundle, "write", refused)
    said = []
    monkeypatch.setattr(sphinx_extension.logging, "getLogger", lambda name: type("Log", (), {"info": said.append}))
    sphinx_extension.bundle_scripts(App)
    assert said == ["The site is built without its live parts. No registry."]
    context = {"body": "<h1>A</h1>"}
    sphinx_extension.make_live(App, "backprop/logistic", "", context, object())
    assert context == {"body": "<h1>A</h1>"}


def test_sources_in_the_page_are_those_of_labcode():
    with zipfile.ZipFile(io.BytesIO(bundle.sources())) as archive:
        for name in archive.namelist():
            file = ROOT / name if name.startswith("labcode/") else npm.HERE / name
            assert archive.read(name) == file.read_bytes()
