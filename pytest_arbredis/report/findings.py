"""Findings by themselves, without a scenario: for `arbredis check`, as a table, with their proof, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.view import figure_texts, proof_of
from pytest_arbredis.report.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.report.canvas import Canvas

STYLES = {Verdict.VALID: "bold green", Verdict.UNKNOWN: "bold yellow", Verdict.INVALID: "bold red"}


def findings_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """`[{claim, verdict, summary, proof: [operation ids], figures: {name_unit: number}, lines: [text]}]`."""
    return [
        {
            "claim": finding.claim,
            "verdict": finding.verdict.word,
            "summary": finding.summary,
            "proof": finding.proof,
            "figures": finding.figures,
            "lines": finding.lines,
        }
        for finding in findings
    ]


def findings_table(findings: Sequence[Finding]) -> Table:
    """A line for each finding: verdict, claim, summary."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True, min_width=9)
    table.add_column("claim", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for finding in findings:
        word = Text(finding.verdict.word, style=STYLES[finding.verdict])
        table.add_row(word, Text(printable(finding.claim)), Text(printable(finding.summary)))
    return table


def proof_text(finding: Finding, history: History, canvas: Canvas | None = None) -> str:
    """What explains a finding that is not valid: its figures, its lines, and the operations that prove it, drawn.

    Without a canvas it is drawn as anything can show that takes UTF-8, in 100 columns.
    """
    from pytest_arbredis.report.canvas import Canvas
    from pytest_arbredis.report.lanes import lanes_of
    from pytest_arbredis.report.text import drawn_proof

    if finding.verdict is Verdict.VALID:
        return ""
    canvas = canvas or Canvas()
    parts = [printable(finding.claim)]
    parts += [f"  {' · '.join(figure_texts(finding.figures))}"] if finding.figures else []
    parts += [f"  {printable(line)}" for line in finding.lines]
    if rows := proof_of(finding, history):
        lanes = lanes_of((row.id for row in rows), history)
        parts += [f"  {line}".rstrip() for line in drawn_proof(rows, lanes, canvas.narrower(2)).splitlines()]
    return canvas.written("\n".join(parts))
