"""The page on sources cites the book as CITATION.cff does."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_bibtex_entry_is_that_of_the_citation_file():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    year = cff["date-released"][:4]
    authors = " and ".join(f"{{{author['name']}}}" for author in cff["authors"])
    entry = (
        f"```bibtex\n@software{{backpropagation{year},\n  author  = {{{authors}}},\n  title   = {{{cff['title']}}},\n"
        f"  year    = {{{year}}},\n  version = {{{cff['version']}}},\n}}\n```\n"
    )
    assert entry in (ROOT / "book" / "appendix" / "sources.md").read_text("utf-8")
