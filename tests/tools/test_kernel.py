"""The kernels that execute and compare chapters: whoever starts them, and wherever, they give the same outputs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chapters import __main__ as command
from chapters import pairs

# Each line prints something else where a user's settings reach it.
CHAPTER = """---
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# A page

```{code-cell} ipython3
import locale, os, shutil, sys, time

import matplotlib.pyplot as plt

assert print("Assertions count.") is None
print(sys.flags, sys.warnoptions, hash("a"), sys.stdout.encoding)
print(time.tzname, locale.getlocale(), shutil.get_terminal_size())
print([name for name in os.environ if name.startswith(("MPL", "NO_", "FORCE_", "XDG_"))])
print(plt.get_backend(), plt.rcParams["figure.figsize"])
1
2
```

```{code-cell} ipython3
fig = plt.figure();
```
"""


def hostile(folder: Path) -> dict[str, str]:
    """Settings of a user, each of which changes what a Python session prints, or whether it starts."""
    files = {
        "ipython/profile_default/ipython_kernel_config.py": "c.InteractiveShell.ast_node_interactivity = 'all'",
        "ipython/profile_default/startup/a.py": "print('from a startup file')",
        "home/.ipython/profile_default/ipython_config.py": "c.InteractiveShell.ast_node_interactivity = 'none'",
        "home/.config/matplotlib/matplotlibrc": "figure.figsize: 1, 1",
        "mpl/matplotlibrc": "figure.figsize: 2, 2",
        "jupyter/jupyter_config.py": "raise SystemExit",
        "jupyter/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "", "language": "python"}',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    long = folder / ("long" * 20)
    long.mkdir()
    nowhere = "/proc/nowhere"
    return {
        **{"PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "error", "PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"},
        **{"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "POSIX", "LANG": "tr_TR", "TZ": "Asia/Tokyo"},
        **{"COLUMNS": "20", "NO_COLOR": "1", "FORCE_COLOR": "1", "MPLBACKEND": "agg", "TMPDIR": str(long)},
        **{"IPYTHONDIR": str(folder / "ipython"), "MPLCONFIGDIR": str(folder / "mpl"), "HOME": str(folder / "home")},
        **{"MATPLOTLIBRC": str(folder / "mpl"), "JUPYTER_CONFIG_DIR": str(folder / "jupyter")},
        **{"JUPYTER_PATH": str(folder / "jupyter"), "JUPYTER_RUNTIME_DIR": nowhere, "XDG_CONFIG_HOME": nowhere},
    }


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "ROOT", tmp_path)
    monkeypatch.setattr(pairs, "BOOK", tmp_path / "book")
    source = tmp_path / "book" / "page.md"
    source.parent.mkdir()
    source.write_text(CHAPTER)
    return source


def test_settings_of_the_user_do_not_change_a_snapshot(page, tmp_path, monkeypatch):
    assert command.main([]) == 0
    snapshot = page.with_suffix(".ipynb")
    before = snapshot.read_text(encoding="utf-8")
    assert "Assertions count." in before
    for name, value in hostile(tmp_path / "user").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)  # read TMPDIR again
    monkeypatch.chdir("/")
    assert command.main(["page"]) == 0
    assert snapshot.read_text(encoding="utf-8") == before


def test_settings_of_the_user_do_not_change_the_comparison(page, tmp_path):
    """The same for `pytest --nbval`, which begins in the user's environment."""
    assert command.main([]) == 0
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(Path(__file__).parents[2] / name, tmp_path)
    tools = Path(__file__).parents[2] / "tools"
    options = ["-q", "-n0", "--nbval", f"-opythonpath={tools}", "-pno:cacheprovider", "book/page.ipynb"]
    environment = os.environ | hostile(tmp_path / "user") | {"PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
