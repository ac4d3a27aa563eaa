"""The reproducibility report decides every claim."""

import re

import nbformat
import pytest

from labcode.study import CLAIMS, RECORDS
from labcode.study.outcomes import LISTED


@pytest.fixture(scope="module")
def report():
    """The page as its reader sees it: prose and what its cells show."""
    notebook = nbformat.read(RECORDS.parent / "appendix" / "report.ipynb", as_version=4)
    shown = [output["data"]["text/markdown"] for cell in notebook.cells for output in cell.get("outputs", [])]
    return notebook, "\n".join(shown)


def test_every_claim_has_its_result_in_the_report(report):
    _, shown = report
    outcomes = "|".join(outcome.words for outcome in LISTED)
    for claim in CLAIMS.values():
        assert f"- **{claim.id}** (lab section {claim.section}). {claim.sentence}" in shown
        (result,) = (line for line in shown.splitlines() if line.startswith(f"| [{claim.id}](/"))
        assert re.search(rf"\| \[({outcomes})\]\{{|pending: \d+ of \d+ runs recorded", result)
