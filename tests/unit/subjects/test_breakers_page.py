"""The page of circuit breakers says what the stored results say: a row a library, a column a claim."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("build_breakers", ROOT / "docs" / "build_breakers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(page):
    return json.loads(page.RESULTS.read_text())


def rows(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_the_page_is_what_the_results_give(page, results):
    assert page.PAGE.read_text() == page.render(results), "run: python docs/build_breakers.py --from-results"


def test_every_library_has_a_row_and_every_claim_a_column(page, results):
    head, _, *table = rows(page.render(results))
    assert head == ["library", *(column for column, _, _ in page.CLAIMS)]
    assert [row[0].split()[0] for row in table] == ["pytest-arbredis", "pybreaker", "purgatory", "circuitbreaker"]
    assert {len(row) for row in table} == {len(head)}


def test_ours_holds_every_claim(page, results):
    """In every run that is on record, and there is one for every claim."""
    ours = [run for run in results["runs"] if run["library"] == "pytest-arbredis"]
    assert {run["claim"] for run in ours} == {column for column, _, _ in page.CLAIMS}
    assert {run["verdict"] for run in ours} == {"valid"}


def test_versions_date_and_commit_are_on_the_page(page, results):
    text = page.render(results)
    for run in results["runs"]:
        assert f"| {run['library']} {run['version']} |" in text
    assert results["date"] in text
    assert results["commit"] in text


def run(verdict, seed=1, **more):
    return {
        "library": "purgatory",
        "version": "3",
        "scenario": "outage",
        "claim": "moves",
        "seed": seed,
        "verdict": verdict,
        "summary": "2 | 3\nof *them*",
        **more,
    }


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (["valid", "valid"], "held (2 of 2)"),
        (["valid", "invalid"], "**violated** (1 of 2)"),
        (["valid", "unknown"], "not decided (1 of 2)"),
        (["not run", "not run"], "not run"),
    ],
)
def test_a_cell_tells_the_worst(page, verdicts, told):
    assert page.cell([run(verdict) for verdict in verdicts]) == told


def test_a_finding_does_not_break_the_page(page):
    (line,) = page.found_in("purgatory", [run("invalid")])
    assert line == "- purgatory, moves, **violated** (seed 1): 2 \\| 3 of \\*them\\*"
