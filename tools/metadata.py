"""What archives and reviewers read: codemeta.json and codecheck.yml, from files that people edit (`make readme`).

The address of a repository, a DOI and an ORCID are in neither: there are none yet. CONTRIBUTING.md says where they go.
"""

import hashlib
import json
import re
import tomllib
from functools import cache

import yaml
from command import ROOT

from labcode.study.lab import CLAIMS
from labcode.study.ledger import rows
from labcode.study.reproduction import ALLOWED

LICENCES = "https://spdx.org/licenses/"
CHECK_HEAD = """\
%YAML 1.1
# What somebody who checks this book makes again, how, and what must come out. Written by `make readme`.
# Nobody has checked it yet: codechecker, report, summary and certificate are theirs to add.
# The authors' ORCIDs and the article's address are missing because there are none.
---
"""


def citation() -> dict:
    """Return the contents of CITATION.cff."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def project() -> dict:
    """Return the project's table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def codemeta() -> str:
    """Return codemeta.json: the software in the terms of CodeMeta 3.0, which are mostly schema.org's."""
    cited, package = citation(), project()
    described = {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": cited["title"],
        "description": cited["abstract"],
        "version": cited["version"],
        "datePublished": cited["date-released"],
        "license": LICENCES + cited["license"],
        "author": [{"@type": "Organization", "name": author["name"]} for author in cited["authors"]],
        "keywords": cited["keywords"],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {package['requires-python']}",
        "operatingSystem": "Linux",
        "softwareRequirements": [
            {"@type": "SoftwareApplication", "name": re.match(r"[\w.-]+", each)[0], "version": each}
            for each in package["dependencies"]
        ],
        "developmentStatus": "active",
        "readme": "README.md",
        "buildInstructions": "README.md#two-commands",
        "continuousIntegration": ".github/workflows/publish.yml",
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


@cache
def claims_digest() -> str:
    """Return the SHA-256 of what `python -m labcode claims --json` prints."""
    return hashlib.sha256(f"{json.dumps(rows(), indent=2)}\n".encode()).hexdigest()


def codecheck() -> str:
    """Return codecheck.yml: the pages that decide the claims, and the final model's weights."""
    cited = citation()
    pages = {page: [claim.id for claim in CLAIMS.values() if claim.page == page] for page in _pages()}
    manifest = [
        {
            "file": "book/appendix/ledger.ipynb",
            "comment": "Every claim with its outcome, effect and interval, decided from the records.",
            "command": "python tools/chapters appendix/ledger",
            "expected": "equal outputs: pytest --nbval book/appendix/ledger.ipynb",
            "claims_command": "python -m labcode claims --json | sha256sum",
            "claims_sha256": claims_digest(),
        },
        *(
            {
                "file": f"book/{page}.ipynb",
                "comment": f"Decides {', '.join(ids)}.",
                "command": f"python tools/chapters {page}",
                "expected": f"equal outputs, pictures aside: pytest --nbval book/{page}.ipynb",
            }
            for page, ids in pages.items()
        ),
    ]
    content = {
        "version": "https://codecheck.org.uk/spec/config/2.0/",
        "manifest": manifest,
        "paper": {"title": cited["title"], "authors": cited["authors"]},
        "backpropagation_retraining": {
            "sample": "python -m labcode verify --sample 3",
            "everything": "make reproduce",
            "expected": (
                "Equal error counts where engine, numerics version, PyTorch, NumPy and processor are the record's. "
                f"Elsewhere an epoch differs on average by at most {ALLOWED:g} of 1 800 validation images. The "
                "commands compare, and exit with 1 if it differs by more."
            ),
        },
    }
    return CHECK_HEAD + yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)


def _pages() -> list[str]:
    return list(dict.fromkeys(claim.page for claim in CLAIMS.values()))
