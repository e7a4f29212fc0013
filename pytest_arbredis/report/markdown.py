"""Verdicts and failed tests as Markdown, for the page of a CI run: GitHub shows the file of GITHUB_STEP_SUMMARY."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.text import explanation
from pytest_arbredis.report.view import VerdictRow, verdict_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_arbredis.report.result import RunResult

VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown the run's page shows."""

MARKS = {"good": "✅", "open": "❔", "bad": "❌"}
HARNESS_FAILED: Final = "⚠️"
LONGEST_FOLDED: Final = 400_000
"""Characters below a table: GitHub shows nothing of a summary that is longer than 1 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A run as the page shows it: its row of the table, and what is folded below it, if anything."""

    row: VerdictRow
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTest:
    """A test that failed, or in which the harness did: why in one line, and what its servers went through."""

    name: str
    why: str
    story: str = ""
    by_harness: bool = False


def line_of(result: RunResult) -> Line:
    """The line of a run; one that did not come out as promised is explained."""
    row = verdict_row(result)
    return Line(row=row, explanation="" if row.tone == "good" else explanation(result))


def verdicts_markdown(results: Sequence[RunResult], failures: Mapping[str, str] | None = None) -> str:
    """A table with a line for each run, and the whole explanation of each that did not come out as promised, folded.

    `failures` are scenarios in which the harness itself failed, with the reason: no verdict on the code under test.
    """
    return lines_markdown([line_of(result) for result in results], failures)


def lines_markdown(runs: Sequence[Line], failures: Mapping[str, str] | None = None) -> str:
    """The same, of runs whose lines are known."""
    lines = ["### Drills on real Redis", "", "| | verdict | scenario | finding | time |", "|---|---|---|---|---:|"]
    lines += [
        f"| {MARKS[row.tone]} | {row.word} | `{_cell(row.scenario)}` | {_cell(row.line)} | {row.duration_s:.1f} s |"
        for row in (run.row for run in runs)
    ]
    lines += [
        f"| {HARNESS_FAILED} | harness failed | `{_cell(name)}` | {_cell(why.partition(chr(10))[0])} | |"
        for name, why in (failures or {}).items()
    ]
    below = [(f"{run.row.word}: {run.row.scenario}", run.explanation) for run in runs if run.explanation]
    below += [(f"harness failed: {name}", why) for name, why in (failures or {}).items()]
    return "\n".join([*lines, *_below(below)]) + "\n"


def tests_markdown(failed: Sequence[FailedTest]) -> str:
    """A table of tests that failed on real servers, and what those went through, folded."""
    lines = ["### Tests on real Redis that failed", "", "| | test | why |", "|---|---|---|"]
    lines += [
        f"| {HARNESS_FAILED if test.by_harness else MARKS['bad']} | `{_cell(test.name)}` | {_cell(test.why)} |"
        for test in failed
    ]
    return "\n".join([*lines, *_below((test.name, test.story) for test in failed if test.story)]) + "\n"


def append_step_summary(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Append it to the page of this CI step, where there is one; else nothing.

    Raises `HarnessError` if the file that GITHUB_STEP_SUMMARY names cannot be written.
    """
    if not (named := environment.get(VARIABLE)):
        return
    try:
        with Path(named).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(text)
    except OSError as error:
        raise HarnessError(f"the summary of the CI step cannot be written: {error}", remedy=f"unset {VARIABLE}") from (
            error
        )


def _cell(text: str) -> str:
    """Text that stays within its cell, and is no markup."""
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"), ("\n", " ")):
        text = text.replace(char, escaped)
    return text


def _below(sections: Iterable[tuple[str, str]]) -> list[str]:
    """Sections that open on a click, as far as the page has room for them."""
    lines: list[str] = []
    left, missing = LONGEST_FOLDED, 0
    for title, text in sections:
        if len(text) > left:
            missing += 1
            continue
        left -= len(text)
        lines += ["", *_folded(title, text)]
    return [*lines, "", f"For {missing} more there is no room here: see the runs' folders."] if missing else lines


def _folded(title: str, text: str) -> list[str]:
    """A section; as many backticks around the text as it takes."""
    fence = "```"
    while fence in text:
        fence += "`"
    return ["<details>", f"<summary>{_cell(title)}</summary>", "", fence + "text", text, fence, "</details>"]
