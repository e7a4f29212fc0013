"""The verdict table for a terminal, by rich; readable without colour, and at a fixed width when piped."""

from __future__ import annotations

import io
import sys
from typing import IO, TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.canvas import WIDTH, Canvas, canvas_for
from pytest_arbredis.report.text import explanation
from pytest_arbredis.report.view import verdict_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.report.view import Tone

STYLES: dict[Tone, str] = {"good": "bold green", "open": "bold yellow", "bad": "bold red"}


def console_for(file: IO[str] | None = None) -> Console:
    """A console that writes at least 100 columns where nobody watches (rich takes 80 for a pipe).

    A character that the output's encoding lacks is written as an escape: a key is no reason to fail.
    """
    output = sys.stdout if file is None else file
    if isinstance(output, io.TextIOWrapper) and output.errors == "strict":
        output.reconfigure(errors="backslashreplace")
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    return console


def canvas_of(console: Console) -> Canvas:
    """What can be drawn on a console: at most 100 columns, and ASCII where its encoding has nothing else."""
    return canvas_for(console.encoding, width=min(console.width, WIDTH))


def print_verdicts(results: Sequence[RunResult], console: Console) -> None:
    """Print the verdict table and what explains it; long lines, such as a command to copy, are not broken."""
    console.print(_table(results))
    for details in _details(results, canvas_of(console)):
        console.print(details, soft_wrap=True)


def verdict_table(results: Sequence[RunResult]) -> RenderableType:
    """A line for each run, and below the table what explains each one that is not as promised."""
    return Group(_table(results), *_details(results, Canvas()))


def _table(results: Sequence[RunResult]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", expand=True)
    table.add_column("verdict", no_wrap=True, min_width=9)
    table.add_column("scenario", no_wrap=True, overflow="ellipsis", max_width=34)
    table.add_column("kind", no_wrap=True, min_width=9)
    table.add_column("finding", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("time", no_wrap=True, justify="right", min_width=6)
    for row in verdict_rows(list(results)):
        table.add_row(
            Text(row.word, style=STYLES[row.tone]),
            Text(row.scenario),
            Text(row.kind),
            Text(row.line),
            Text(f"{row.duration_s:.1f} s"),
        )
    return table


def _details(results: Sequence[RunResult], canvas: Canvas) -> list[Text]:
    return [_explained(result, canvas) for result in results if result.verdict is not Verdict.VALID or result.not_run]


def _explained(result: RunResult, canvas: Canvas) -> Text:
    (row,) = verdict_rows([result])
    head, _, body = explanation(result, canvas.narrower(2)).partition("\n")
    head = f": {row.line}" if result.not_run else f" - {head}"
    lines = "".join(f"\n  {line}".rstrip(" ") for line in body.splitlines())
    return Text.assemble("\n", (row.word, STYLES[row.tone]), " ", (row.scenario, "bold"), head, lines)
