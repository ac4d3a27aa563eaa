"""The file to download below an ablation's figure has the numbers of its alternative text."""

import csv
import re
from collections import defaultdict
from statistics import mean

import pytest

LEVEL = re.compile(r"(?P<label>[^:;]+): (?P<ends>(?:(?:training|validation) from [\d.]+% to [\d.]+%(?:, )?)+)")
ENDS = re.compile(r"(training|validation) from ([\d.]+)% to ([\d.]+)%")


@pytest.fixture(scope="module")
def figures(site, soups):
    """Page, alternative text and linked file of each figure with learning curves."""
    found = []
    for page, soup in soups.items():
        for figure in soup.select("article figure"):
            if figure.img and "first and last measurement: " in figure.img["alt"]:
                link = figure.figcaption.select_one("a[download][href$='.csv']")
                assert link, f"{page}: {figure.get('id')} offers no numbers"
                found.append((page, figure.img["alt"], (site / page).parent / link["href"]))
    return found


def first_and_last(path):
    """Means over the seeds at the first and the last measurement, by label and part."""
    errors = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = next(iter(row.values()))
            for part in ("training", "validation"):
                errors[label, part][int(row["epoch"])].append(float(row[f"{part} error (%)"]))
    return {key: (mean(by_epoch[min(by_epoch)]), mean(by_epoch[max(by_epoch)])) for key, by_epoch in errors.items()}


def test_figures_and_files_have_the_same_numbers(figures):
    assert figures
    for page, alt, path in figures:
        inside = first_and_last(path)
        told = alt.split("first and last measurement: ")[1].rstrip(".")
        levels = LEVEL.findall(told)
        assert {label.strip() for label, _ in levels} == {label for label, _ in inside}, page
        for label, ends in levels:
            for part, first, last in ENDS.findall(ends):
                assert inside[label.strip(), part] == pytest.approx((float(first), float(last)), abs=0.0051), page
