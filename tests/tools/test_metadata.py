"""CITATION.cff, codemeta.json and codecheck.yml: valid, up to date, in agreement, and with nothing invented."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from metadata import ROOT, citation, claims_digest, codecheck, codemeta

from labcode.study import CLAIMS

CONTEXT = Path(__file__).with_name("codemeta-3.0.jsonld")  # by the CodeMeta project, Apache License 2.0
GENERATED = {"codemeta.json": codemeta, "codecheck.yml": codecheck}


def check(schema, name):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(ROOT / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_citation_is_valid():
    check("citation-file-format", "CITATION.cff")


def test_workflow_is_valid():
    check("github-workflows", ".github/workflows/publish.yml")


@pytest.mark.parametrize("name", GENERATED)
def test_generated_files_are_up_to_date(name):
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name](), "`make readme` writes it again"


def test_codemeta_uses_terms_of_codemeta():
    terms = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]

    def used(value):
        if isinstance(value, dict):
            for key, each in value.items():
                yield from [each] if key == "@type" else [key] if not key.startswith("@") else []
                yield from used(each)
        for each in value if isinstance(value, list) else []:
            yield from used(each)

    assert set(used(json.loads(codemeta()))) - terms.keys() == set()


def test_version_and_licence_are_the_package_s():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = citation()
    assert (cited["version"], cited["license"]) == (package["version"], package["license"])
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{cited['version']}] - {cited['date-released']}" in changes


def test_the_reference_is_that_of_the_bibliography():
    (data,) = citation()["references"]
    entry = (ROOT / "book" / "references.bib").read_text(encoding="utf-8").partition("lecun1998gradient")[2]
    for value in (data["title"], data["doi"], f"{data['start']}--{data['end']}", data["volume"], data["year"]):
        assert f"{{{value}}}" in entry.partition("\n}")[0]


def test_what_a_codechecker_makes_again_is_there():
    manifest = yaml.safe_load(codecheck())["manifest"]
    for item in manifest:
        assert (ROOT / item["file"]).is_file()
        assert item["file"] == f"book/{item['command'].removeprefix('python tools/chapters ')}.ipynb"
    assert manifest[0]["claims_sha256"] == claims_digest()
    decided = re.findall(r"C\d\d", " ".join(item["comment"] for item in manifest))
    assert sorted(decided) == sorted(CLAIMS)


def test_the_command_prints_what_the_digest_is_of():
    done = subprocess.run(
        f"{sys.executable} -m labcode claims --json | sha256sum",
        shell=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.decode().split()[0] == claims_digest()


def test_what_does_not_exist_yet_is_left_out():
    """No repository, DOI, ORCID or certificate: whoever publishes adds them (CONTRIBUTING.md) and changes this test."""
    cited, described, checked = citation(), json.loads(codemeta()), yaml.safe_load(codecheck())
    assert cited.keys() & {"doi", "identifiers", "repository", "repository-code", "url", "commit"} == set()
    assert described.keys() & {"codeRepository", "identifier", "url", "sameAs", "issueTracker", "downloadUrl"} == set()
    assert checked.keys() & {"certificate", "codechecker", "report", "repository", "summary"} == set()
    assert checked["paper"].keys() == {"title", "authors"}
    assert all("ORCID" not in author and "orcid" not in author for author in cited["authors"])
