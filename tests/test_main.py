"""The command line: helpful, quick to answer, and a sentence where something is wrong."""

import subprocess
import sys
from dataclasses import replace

import pytest

from labcode import __main__ as cli
from labcode import ablations, fetch, runs
from labcode.ablations import Ablation

TINY = Ablation("tiny", "2.4.1", (1,), "width", {"1": {"width": 1}, "2": {"width": 2}}, seeds=range(1))
SMALL = {"hidden": 4, "epochs": 1, "batch_size": 100}


@pytest.fixture
def tiny_book(monkeypatch, tmp_path):
    """A book whose only ablation takes a second."""

    tiny = replace(TINY, levels={label: SMALL | level for label, level in TINY.levels.items()})
    monkeypatch.setattr(ablations, "ABLATIONS", {"tiny": tiny})
    return tmp_path


def test_help_names_the_commands_without_loading_the_framework():
    code = (
        "import sys, runpy\n"
        "sys.argv = ['labcode', '--help']\n"
        "try:\n    runpy.run_module('labcode', run_name='__main__')\n"
        "except SystemExit as done:\n    assert done.code == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in ("fetch", "run", "bench"):
        assert command in shown


def test_run_trains_what_is_missing_and_says_so(tiny_book, capsys):
    arguments = ["run", "tiny", "--seeds", "1", "--workers", "1", "--records", str(tiny_book)]
    assert cli.main(arguments) == 0
    assert "2 runs: 0 were there, 2 trained" in capsys.readouterr().out
    assert len(list(tiny_book.glob("*.json"))) == 2
    assert cli.main(arguments) == 0
    assert "2 runs: 2 were there, 0 trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "widths"], "Unknown ablation 'widths'; accepted are hidden_units"),
        (["run", "--seeds", "0"], "--seeds is 0; it must be at least 1."),
        (["run", "--workers", "-1"], "--workers is -1; it must be at least 1."),
    ],
)
def test_wrong_words_are_answered_with_a_sentence(arguments, sentence, capsys):
    assert cli.main(arguments) == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert "Traceback" not in printed.err


def test_an_unsound_record_is_named_and_kept(tiny_book, capsys):
    arguments = ["run", "--seeds", "1", "--workers", "1", "--records", str(tiny_book)]
    assert cli.main(arguments) == 0
    victim = next(tiny_book.glob("*.json"))
    victim.write_text("nonsense")
    capsys.readouterr()
    assert cli.main(arguments) == 1
    assert f"{victim.name} is damaged" in capsys.readouterr().err
    assert victim.read_text() == "nonsense"


def test_a_folder_that_cannot_be_made_is_named_before_any_training(tiny_book, monkeypatch, capsys):
    (tiny_book / "file").write_text("in the way")
    monkeypatch.setattr(runs, "run", lambda *_, **__: pytest.fail("it trained"))
    assert cli.main(["run", "--seeds", "1", "--workers", "1", "--records", str(tiny_book / "file" / "records")]) == 1
    assert "file" in capsys.readouterr().err


def test_fetch_says_where_the_files_are(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fetch, "fetch", lambda: tmp_path)
    assert cli.main(["fetch"]) == 0
    assert str(fetch.files_folder(tmp_path)) in capsys.readouterr().out


def test_fetch_without_any_source_is_one_sentence(monkeypatch, capsys):
    def fail():
        raise fetch.MnistUnavailableError("No source gave train-images.")

    monkeypatch.setattr(fetch, "fetch", fail)
    assert cli.main(["fetch"]) == 1
    assert capsys.readouterr().err == "No source gave train-images.\n"
