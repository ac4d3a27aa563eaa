"""The README: what is written by `make readme` is up to date, and what it names exists."""

import re

import pytest
from picture import PICTURE
from readme import ROOT, again, claims, readme

from labcode.__main__ import main
from labcode.study import ABLATIONS, CLAIMS, commands
from labcode.study.ledger import decide, row

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LARGEST = 500_000  # bytes of the picture


def test_generated_parts_are_up_to_date():
    assert readme() == TEXT, "`make readme` writes them again"


def test_every_claim_has_its_row():
    rows = re.findall(r"^\| \[(C\d\d)\]", TEXT, re.MULTILINE)
    assert rows == [row["id"] for row in claims()]
    assert len(rows) == 17


@pytest.mark.parametrize("name", CLAIMS)
def test_the_command_of_a_claim_trains_the_runs_that_decide_it(name, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(commands, "run_missing", lambda runs, *_: asked.extend(runs) or [])
    command = again(row(CLAIMS[name])).replace("--records again", f"--records {tmp_path}")
    assert main(command.removeprefix("python -m labcode ").split()) == 0
    decision = decide(CLAIMS[name])
    for finding in decision.findings:
        if finding.part.contrasts:  # existence is decided by all records
            assert set(decision.runs_of(finding.part.runs(decision.study)).experiments()) <= set(asked)


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert PICTURE.relative_to(ROOT).as_posix() in links
    assert [link for link in links if not link.startswith("https:") and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(name, capsys):
    text, makefile = (ROOT / name).read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in re.findall(r"^make ([a-z ]+)|`make ([a-z ]+)", text, re.MULTILINE):
        for target in "".join(words).split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for command, arguments in re.findall(r"python -m labcode (\w+)([^`\n#]*)", text):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        options = re.findall(r"--[\w-]+", arguments)
        shown = capsys.readouterr().out
        assert [option for option in options if option not in shown] == []
        if command == "run":
            named = re.match(r"[\w ]*", arguments)[0].split()
            assert set(named) <= {*ABLATIONS, "hidden_nodes"}, named  # CONTRIBUTING.md adds hidden_nodes


def test_picture_is_small():
    assert PICTURE.stat().st_size < LARGEST
