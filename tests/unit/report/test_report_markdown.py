"""The Markdown of a CI run's page: a line a run, what went wrong folded below, nothing of a finding as markup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.markdown import append_step_summary, verdicts_markdown


def test_each_run_is_a_line_and_only_what_went_wrong_is_explained(valid_run, invalid_run, shown_hazard):
    text = verdicts_markdown([valid_run, invalid_run, shown_hazard], {"planted": "RuntimeError: ours\ntrace"})
    lines = text.splitlines()
    assert [line.split("|")[2].strip() for line in lines if line.startswith("| ")] == [
        "verdict",
        "valid",
        "invalid",
        "shown",
        "harness failed",
    ]
    assert invalid_run.findings[0].summary in text
    assert text.count("<details>") == 2
    assert "trace" in text


def test_a_finding_is_never_markup(invalid_run):
    evil = "<img src=x> | `code` ``` \n# heading"
    finding = replace(invalid_run.findings[0], summary=evil, lines=(evil,))
    text = verdicts_markdown([replace(invalid_run, findings=(finding,))])
    (row,) = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert "&lt;img" in row
    assert "`code`" not in row
    fence = next(line for line in text.splitlines() if line.startswith("```"))
    assert fence == "````text"
    assert "\n````\n</details>" in text


def test_it_is_appended_where_github_asks_for_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n")
    append_step_summary("after\n", {"GITHUB_STEP_SUMMARY": str(page)})
    assert page.read_text() == "before\nafter\n"
    append_step_summary("nowhere", {})
    with pytest.raises(HarnessError, match="cannot be written"):
        append_step_summary("x", {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "page.md")})
