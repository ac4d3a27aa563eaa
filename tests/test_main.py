"""The command line: helpful, quick to answer, and one sentence when something is wrong."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcode import __main__ as cli
from labcode.data import download as fetch
from labcode.network import weights
from labcode.study import CLAIMS, Ablation, Experiment, commands, records, sweep
from labcode.study.claim import Claim, Decision, Finding
from labcode.study.ledger import KEYS
from labcode.study.run import run
from labcode.study.statistics import decide
from labcode.study.studies import STUDY_2

LEDGER = [*["Q1", "Q2", "Q3", "D1", "D2", "M1", "M2", "T1"], *(f"C{number:02}" for number in range(1, 18))]
TINY = Ablation("tiny", "2.4.1", (1,), "width", {"1": {"width": 1}, "2": {"width": 2}}, seeds=range(1))
SMALL = {"hidden": 4, "epochs": 1, "batch_size": 100}


@pytest.fixture
def tiny_book(monkeypatch, tmp_path):
    """A book whose only ablation takes a second."""

    tiny = replace(TINY, levels={label: SMALL | level for label, level in TINY.levels.items()})
    monkeypatch.setattr(commands, "ABLATIONS", {"tiny": tiny})
    monkeypatch.setattr(commands, "experiments", lambda names: [])
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
    for command in ("fetch", "train", "run", "claims", "verify", "compare", "exam", "bench"):
        assert command in shown


def test_run_trains_what_is_missing_and_reports_it(tiny_book, capsys):
    arguments = ["run", "tiny", "--seeds", "1", "--workers", "1", "--records", str(tiny_book)]
    assert cli.main(arguments) == 0
    assert "2 runs: 0 were there, 2 trained" in capsys.readouterr().out
    assert len(list(tiny_book.glob("*.jsonl.gz"))) == 2
    assert cli.main(arguments) == 0
    assert "2 runs: 2 were there, 0 trained" in capsys.readouterr().out


def test_run_trains_the_seeds_that_are_asked_for_at_a_scale(tiny_book, capsys, full_set):
    where = ["--workers", "1", "--records", str(tiny_book)]
    assert cli.main(["run", "tiny", "--scale", "own", "--seeds", "2000:2001", *where]) == 0
    assert "2 runs: 0 were there, 2 trained" in capsys.readouterr().out
    found = records.read_all(tiny_book)
    settings = [f"scale=own_width={width}_hidden=4_batch_size=100_epochs=1" for width in (1, 2)]
    assert [record.experiment.setting for record in found] == settings
    assert [(record.experiment.seed, record.unseen.images) for record in found] == [(2000, 54_000)] * 2
    assert cli.main(["run", "tiny", "--scale", "own", "--seeds", "2000:2002", *where]) == 0
    assert "4 runs: 2 were there, 2 trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "runs", "settings"),
    [
        (["pooling", "--study", "2", "--seeds", "1016"], 9 * 16, {"scale=own", "scale=own_pool=3_learning_rate=0.001"}),
        (["pooling", "--study", "2"], 3 * 64 + 6 * 16, {"scale=own_pool=3_pool_stride=3"}),
        (["dropout", "--study", "2", "--seeds", "1003:1005"], 4 * 5 * 2, {"scale=own_epochs=60"}),
        (["stages_padded", "--study", "all-data"], 6 * 8, {"scale=full_padding=2", "scale=full_stages=3"}),
        (["--study", "2", "--seeds", "1031:1032"], 22 + 1, {"scale=own_optimizer=cg"}),  # and not the final model
    ],
)
def test_run_takes_the_runs_of_a_study(options, runs, settings, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(commands, "run_missing", lambda wanted, *_: asked.extend(wanted) or [])
    assert cli.main(["run", *options, "--records", str(tmp_path)]) == 0
    assert f"{runs} runs: 0 were there" in capsys.readouterr().out
    assert len(set(asked)) == len(asked) == runs
    assert settings <= {each.setting for each in asked}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "widths"], "Unknown ablation 'widths'; accepted are learning_rates, in_the_page, hidden_units"),
        (["run", "--seeds", "0"], "--seeds is 0; it must be a whole number of at least 1."),
        (["run", "--workers", "-1"], "--workers is -1; it must be a whole number of at least 1."),
        (["run", "--scale", "own"], "--scale needs --seeds A:B, such as 1000:1016."),
        (["run", "--scale", "own", "--seeds", "9"], "--scale needs --seeds A:B, such as 1000:1016."),
        (["run", "--study", "3"], "--study is '3'; accepted are '2', 'all-data'."),
        (["run", "--study", ""], "--study is ''; accepted are '2', 'all-data'."),
        (["run", "--seeds", ""], "--seeds is ''; it must be a whole number of at least 1."),
        (["run", "--seeds", "0:2", "--scale", ""], "scale is ''; accepted are 'tenth', 'own', 'full'."),
        (["run", "--study", "2", "--seeds", "16"], "no such runs in study 2 (ablations: all; seeds: 16)."),
        (["run", "stages", "--study", "2"], "no such runs in study 2 (ablations: stages; seeds: all)."),
        (
            ["run", "--seeds", "0:2", "--scale", "own"],
            "seed at scale 'own' is 0; it must be a whole number of at least",
        ),
        (["run", "--seeds", "0:2", "--scale", "half"], "scale is 'half'; accepted are 'tenth', 'own', 'full'."),
        (["verify", "--sample", "0"], "--sample is 0; it must be a whole number of at least 1."),
        (["compare", "nowhere"], "There are no records in nowhere."),
    ],
)
def test_a_wrong_argument_is_one_sentence(arguments, sentence, capsys):
    assert cli.main(arguments) == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert "Traceback" not in printed.err


def test_an_unsound_record_is_named_and_kept(tiny_book, capsys):
    arguments = ["run", "--seeds", "1", "--workers", "1", "--records", str(tiny_book)]
    assert cli.main(arguments) == 0
    victim = next(tiny_book.glob("*.jsonl.gz"))
    victim.write_text("nonsense")
    capsys.readouterr()
    assert cli.main(arguments) == 1
    assert f"{victim.name} is damaged" in capsys.readouterr().err
    assert victim.read_text() == "nonsense"


def test_a_folder_that_cannot_be_made_is_named_before_any_training(tiny_book, monkeypatch, capsys):
    (tiny_book / "file").write_text("in the way")
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    assert cli.main(["run", "--seeds", "1", "--workers", "1", "--records", str(tiny_book / "file" / "records")]) == 1
    assert "file" in capsys.readouterr().err


def test_fetch_prints_where_the_files_are(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fetch, "fetch", lambda: tmp_path)
    assert cli.main(["fetch"]) == 0
    assert str(fetch.files_folder(tmp_path)) in capsys.readouterr().out


def test_fetch_without_any_source_is_one_sentence(monkeypatch, capsys):
    def fail():
        raise fetch.MnistUnavailableError("No source gave train-images.")

    monkeypatch.setattr(fetch, "fetch", fail)
    assert cli.main(["fetch"]) == 1
    assert capsys.readouterr().err == "No source gave train-images.\n"


def test_seeds_only_limits(tiny_book, capsys):
    arguments = ["run", "tiny", "--seeds", "5", "--workers", "1", "--records", str(tiny_book)]
    assert cli.main(arguments) == 0
    assert "2 runs:" in capsys.readouterr().out


def test_run_trains_everything_that_decides_a_claim_by_default(tiny_book, monkeypatch, capsys):
    again = Experiment(0).vary(width=3, **SMALL)
    monkeypatch.setattr(commands, "experiments", lambda names: [again])
    assert cli.main(["run", "--workers", "1", "--records", str(tiny_book)]) == 0
    assert "3 runs: 0 were there, 3 trained" in capsys.readouterr().out


def test_claims_prints_the_ledger(monkeypatch, capsys):
    assert cli.main(["claims", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == LEDGER
    assert all(set(row) == set(KEYS) for row in rows)
    monkeypatch.setattr(commands, "rows", lambda folder: rows)
    assert cli.main(["claims"]) == 0
    table = capsys.readouterr().out
    assert len(table.splitlines()) == len(rows) + 2
    assert "-0.00" not in table  # what rounds to zero has no minus sign


@pytest.fixture(scope="module")
def thrice():
    """Three seeds of one tiny run."""
    return [run(Experiment(seed).vary(width=1, **SMALL), progress=False).record for seed in range(3)]


@pytest.fixture
def recorded_thrice(thrice, tiny_book, monkeypatch):
    """The three of them recorded, as the book's records."""
    folder, made = tiny_book / "records", thrice
    for record in made:
        records.save(record, folder)
    monkeypatch.setattr(commands, "RECORDS", folder)
    return folder, made


def test_verify_trains_recorded_runs_again(recorded_thrice, capsys):
    assert cli.main(["verify", "--sample", "2", "--workers", "1"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2
    assert all(line.endswith(": equal") for line in printed)


def test_verify_without_records_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "RECORDS", tmp_path)
    assert cli.main(["verify"]) == 1
    assert "There are no records in" in capsys.readouterr().err


def test_bench_measures_one_thing_at_a_time(capsys):
    with pytest.raises(SystemExit):
        cli.main(["bench", "--memory", "--optimizers"])
    assert "not allowed with" in capsys.readouterr().err


def test_verify_finds_a_record_that_training_does_not_give(recorded_thrice, capsys):
    folder, made = recorded_thrice
    for record in made:
        curve = record.history.validation
        wrong = replace(curve, errors=tuple(errors - 1 for errors in curve.errors))
        records.save(replace(record, history=replace(record.history, validation=wrong)), folder)
    assert cli.main(["verify", "--sample", "1", "--workers", "1"]) == 1
    assert "DIFFERS TOO MUCH" in capsys.readouterr().out


def test_compare_compares_records_and_outcomes_with_the_books(recorded_thrice, capsys):
    folder, _ = recorded_thrice
    assert cli.main(["compare", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert printed.count(": equal") == 3
    assert "Every outcome is the same." in printed


def test_compare_finds_another_outcome(recorded_thrice, monkeypatch, capsys):
    folder, _ = recorded_thrice
    (elsewhere := folder.parent / "elsewhere").mkdir()
    for file in folder.glob("*.jsonl.gz"):
        (elsewhere / file.name).write_bytes(file.read_bytes())

    def decided(claim, study, stage, place):
        """The folder has only the first stage of study 2: the book is read by that one, though it has the second."""
        assert (study, stage) == (STUDY_2, 0)
        found = decide([1.0, 1.1] if place == folder else [-1.0, -1.1])
        return Decision(claim, (Finding(claim.parts[0], range(2), {"only": found}),), study, stage)

    monkeypatch.setattr(Claim, "decide", decided)
    stages = {folder: 1, elsewhere: 0}
    monkeypatch.setattr(commands, "decisions", lambda place: [CLAIMS["C01"].decide(STUDY_2, stages[place], place)])
    assert cli.main(["compare", str(elsewhere)]) == 1
    printed = capsys.readouterr().out
    assert printed.count(": equal") == 3
    assert f"C01: reproduced in the book, reversed in {elsewhere}" in printed


def test_compare_leaves_out_claims_whose_runs_are_missing(recorded_thrice, monkeypatch, capsys):
    folder, _ = recorded_thrice
    monkeypatch.setattr(commands, "decisions", lambda place: [Decision(CLAIMS["C01"], ())])
    assert cli.main(["compare", str(folder)]) == 0
    assert f"Not compared, because runs are missing in {folder}: C01." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "module", "arguments"),
    [
        ([], "steps", (False,)),
        (["--json"], "steps", (True,)),
        (["--suite", "--workers", "2"], "study_cost", (2, "sampled", False)),
        (["--suite", "trained", "--workers", "2", "--json"], "study_cost", (2, "trained", True)),
        (["--device", "cuda", "--json"], "fleets", ("cuda", True)),
        (["--memory"], "memory", ()),
        (["--optimizers"], "optimizers", ()),
        (["--convolutions"], "convolutions", ()),
    ],
)
def test_bench_prints_the_measurement_that_its_option_names(monkeypatch, options, module, arguments):
    called = []
    monkeypatch.setattr(f"labcode.bench.{module}.main", lambda *given: called.append(given))
    assert cli.main(["bench", *options]) == 0
    assert called == [arguments]


# An ad-hoc training


def test_train_prints_the_errors_of_the_run_that_python_gives(tmp_path, capsys):
    arguments = ["--width", "2", "--hidden", "4", "--batch-size", "100", "--epochs", "2", "--seed", "3"]
    assert cli.main(["train", *arguments, "--learning-rate", "0.1", "--save", str(tmp_path / "new" / "net")]) == 0
    printed = capsys.readouterr().out.splitlines()
    same = run(Experiment(3).vary(width=2, hidden=4, batch_size=100, epochs=2, learning_rate=0.1), progress=False)
    history = same.record.history
    assert printed[0].startswith(f"{same.record.experiment.name}: ")
    assert [line.split() for line in printed[3:5]] == [
        [str(epoch + 1), *(f"{curve.percent[epoch]:.2f}" for curve in (history.train, history.validation))]
        for epoch in range(2)
    ]
    assert printed[5] == (
        f"Misclassified at the end: {history.train.errors[-1]} of 1800 training images, "
        f"{history.validation.errors[-1]} of 1800 validation images, {same.record.test.errors[0]} of 10000 test images."
    )
    saved = weights.load(tmp_path / "new" / "net")
    assert weights.digest(saved.net.state_dict()) == weights.digest(same.trained.net.state_dict())


def test_train_reports_a_divergence(capsys):
    settings = ["--width", "2", "--activation", "relu", "--batch-size", "10", "--learning-rate", "1e30"]
    assert cli.main(["train", *settings, "--epochs", "1"]) == 0
    assert "The run diverged" in capsys.readouterr().out


def test_train_reads_every_kind_of_value(monkeypatch):
    wanted = []
    monkeypatch.setattr(commands, "train", lambda settings, seed, save: wanted.append((settings, seed, save)) or 0)
    assert cli.main(["train", "--dropout", "0.5, 0, 0.5", "--normalize", "False", "--scale", "full"]) == 0
    assert wanted == [({"dropout": (0.5, 0, 0.5), "normalize": False, "scale": "full"}, 0, None)]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--width", "0"], {"width": 0}),
        (["--width", "wide"], {"width": "wide"}),
        (["--optimizer", "adam"], {"optimizer": "adam"}),
        (["--filter", "17"], {"filter": 17}),
        (["--scale", "half"], {"scale": "half"}),
    ],
)
def test_a_bad_setting_is_the_same_sentence_as_in_python(options, settings, capsys):
    with pytest.raises(ValueError, match=r"(?i)unknown|is|cannot be built") as refused:
        Experiment(0).vary(**settings)
    assert cli.main(["train", *options]) == 1
    assert capsys.readouterr().err == f"{refused.value}\n"


def test_a_folder_that_takes_no_weights_is_named_before_the_training(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(commands, "run", lambda experiment: pytest.fail("it trained"))
    assert cli.main(["train", "--save", str(tmp_path / "file" / "net")]) == 1
    assert "file" in capsys.readouterr().err


# Without the book


@pytest.mark.parametrize("arguments", [["claims"], ["claims", "--json"], ["run"], ["verify"], ["compare", "there"]])
def test_a_package_without_the_book_is_one_sentence(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(commands, "RECORDS", tmp_path / "site-packages" / "book" / "records")
    monkeypatch.setattr(commands, "run_missing", lambda *given: pytest.fail("it trained"))
    assert cli.main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("The recorded runs come with the book, not with the installed package.")
    assert "in a checkout of the project." in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "site-packages").exists()


def test_a_package_without_the_book_records_runs_in_a_folder_of_its_own(tiny_book, monkeypatch, capsys):
    monkeypatch.setattr(commands, "RECORDS", tiny_book / "book" / "records")
    assert cli.main(["run", "tiny", "--workers", "1", "--records", str(tiny_book / "mine")]) == 0
    assert "2 runs: 0 were there, 2 trained" in capsys.readouterr().out


# What the system does


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_ctrl_c_ends_a_sweep_with_one_sentence(tmp_path, ctrl_c):
    """As a terminal sends it: to the command and to its workers."""
    command = [sys.executable, "-m", "labcode", "run", "hidden_units", "--seeds", "1", "--workers", "2"]
    sweep = subprocess.Popen(
        [*command, "--records", str(tmp_path / "records")],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "records").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        os.killpg(sweep.pid, signal.SIGINT)
        out, err = sweep.communicate(timeout=120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(sweep.pid, signal.SIGKILL)
    assert sweep.returncode == 130
    assert out == ""
    # On a busy machine, workers that had hardly begun leave a warning of Python's after it.
    assert "Interrupted. Finished runs are kept; the same command resumes." in err.splitlines()
    assert "Traceback" not in err


def test_ctrl_c_ends_every_command_with_one_sentence(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "train", interrupt)
    assert cli.main(["train"]) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_output_holds_what_is_printed(encoding, monkeypatch):
    said = [{"id": "Q3", "says": "y = max(σ(x1), σ(x2)): ∂E/∂x1"}]
    monkeypatch.setattr(commands, "rows", lambda folder: said)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert cli.main(["claims", "--json"]) == 0
    assert json.loads(sys.stdout.buffer.getvalue().decode(encoding)) == said
    monkeypatch.setattr(fetch, "fetch", lambda: fetch.Path("/home/Łucja"))
    assert cli.main(["fetch"]) == 0


def test_a_reader_that_is_gone_is_no_error(monkeypatch, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(commands, "rows", lambda folder: [])
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert cli.main(["claims", "--json"]) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("command", "package"),
    [("train", "torch"), ("claims", "torch"), ("run", "torch"), ("bench", "torch"), ("exam", "latex2mathml")],
)
def test_a_command_whose_package_is_missing_is_one_sentence(command, package):
    code = (
        f"import sys; sys.modules['{package}'] = None; from labcode.__main__ import main; sys.exit(main(['{command}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    sentence = f"{package} is not installed; `pip install -e '.[book]'` in a checkout of the project installs it.\n"
    assert done.stderr == sentence


def test_an_older_python_is_one_sentence():
    code = (
        "import sys; sys.version_info, sys.argv, sys.version = (3, 10, 4), ['labcode'], '3.10.4 (main)'\n"
        "import runpy; runpy.run_module('labcode', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "labcode needs Python 3.11 or newer; this is 3.10.4." in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--records", "{file}"], "Nothing can be written to {file}: File exists.\n"),
        (["run", "--records", "/proc/self"], "Nothing can be written to /proc/self: "),
        (["train", "--save", "{file}/net"], "Nothing can be written to {file}: File exists.\n"),
        (["train", "--save", "{folder}"], "The weights cannot be written to {folder}: it is a folder.\n"),
        (["compare", "{file}"], "There are no records in {file}.\n"),
    ],
)
def test_a_place_that_takes_no_file_is_named_before_any_training(arguments, sentence, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sweep, "run_group", lambda *_, **__: pytest.fail("it trained"))
    monkeypatch.setattr(commands, "run", lambda experiment: pytest.fail("it trained"))
    monkeypatch.setattr(sweep, "require", lambda root: None)
    (tmp_path / "file").write_text("in the way")
    places = {"file": tmp_path / "file", "folder": tmp_path}
    assert cli.main([argument.format(**places) for argument in arguments]) == 1
    assert capsys.readouterr().err.startswith(sentence.format(**places))


# Any arguments

WORDS = st.sampled_from(
    ["0", "-1", "2.5", "nan", "1e400", "9" * 30, "True", "None", "", "(0.5,)", "{[]: 1}", "[" * 300]
)
VALUES = WORDS | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=5)
OPTIONS = [
    *["--seed", "--save", "--seeds", "--workers", "--cluster", "--records", "--json", "--sample", "--draw", "--device"],
    *[
        "--study",
        "--suite",
        "--memory",
        "--width",
        "--dropout",
        "--normalize",
        "--learning-rate",
        "--scale",
        "--exponent",
    ],
]
COMMANDS = ["fetch", "train", "run", "claims", "verify", "compare", "bench", "-h", ""]


@settings(max_examples=200)
@given(
    st.sampled_from(COMMANDS),
    st.lists(st.tuples(st.sampled_from(OPTIONS), VALUES).map(list) | VALUES.map(lambda value: [value]), max_size=3),
)
def test_any_arguments_end_in_a_sentence(record, tmp_path_factory, command, options):
    """What trains, measures or downloads is left out; all that judges the arguments before it is not."""

    def nothing(*_, **__):
        return iter(())

    folder = tmp_path_factory.getbasetemp()
    replaced = {
        (fetch, "fetch"): lambda: folder,
        (commands, "run"): lambda experiment: (_ for _ in ()).throw(RuntimeError("It would train.")),
        (commands, "run_missing"): nothing,
        (commands, "read_all"): lambda folder: [record],
        (commands, "rows"): lambda folder: [],
        (commands, "decisions"): lambda folder: [],
        **{(f"labcode.bench.{name}", "main"): nothing for name in BENCHES},
    }
    shown, said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with ExitStack() as entered:
        for (place, name), stand_in in replaced.items():
            target = place if isinstance(place, str) else place.__name__
            entered.enter_context(patch(f"{target}.{name}", stand_in))
        entered.enter_context(redirect_stdout(shown))
        entered.enter_context(redirect_stderr(said))
        before = os.getcwd()
        os.chdir(folder)
        try:
            code = cli.main([command, *(word for option in options for word in option)])
        except SystemExit as stop:  # argparse: its help, or a usage error
            code = stop.code
            assert code in (0, 2)
        finally:
            os.chdir(before)
    assert code in (0, 1, 2)
    assert (code == 0) == (said.getvalue() == ""), said.getvalue()
    assert "Traceback" not in said.getvalue()


BENCHES = ["steps", "study_cost", "memory", "optimizers", "convolutions"]
