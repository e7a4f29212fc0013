"""The verdict table as Markdown, for the page of a CI run: GitHub shows what is written to GITHUB_STEP_SUMMARY."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.text import explanation
from pytest_arbredis.report.view import verdict_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.report.result import RunResult

VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown the run's page shows."""

MARKS = {"good": "✅", "open": "❔", "bad": "❌"}


def verdicts_markdown(results: Sequence[RunResult], failures: Mapping[str, str] | None = None) -> str:
    """A table with a line for each run, and the whole explanation of each that did not come out as promised, folded.

    `failures` are scenarios in which the harness itself failed, with the reason: no verdict on the code under test.
    """
    lines = ["### Drills on real Redis", "", "| | verdict | scenario | finding | time |", "|---|---|---|---|---:|"]
    rows = [verdict_row(result) for result in results]
    lines += [
        f"| {MARKS[row.tone]} | {row.word} | `{_cell(row.scenario)}` | {_cell(row.line)} | {row.duration_s:.1f} s |"
        for row in rows
    ]
    lines += [
        f"| ⚠️ | harness failed | `{_cell(name)}` | {_cell(why.partition(chr(10))[0])} | |"
        for name, why in (failures or {}).items()
    ]
    for result, row in zip(results, rows, strict=True):
        if row.tone != "good":
            lines += ["", *_folded(f"{row.word}: {row.scenario}", explanation(result))]
    for name, why in (failures or {}).items():
        lines += ["", *_folded(f"harness failed: {name}", why)]
    return "\n".join(lines) + "\n"


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


def _folded(title: str, text: str) -> list[str]:
    """A section that opens on a click; as many backticks around the text as it takes."""
    fence = "```"
    while fence in text:
        fence += "`"
    return ["<details>", f"<summary>{_cell(title)}</summary>", "", fence + "text", text, fence, "</details>"]
