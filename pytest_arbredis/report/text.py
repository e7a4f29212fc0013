"""A run's explanation as plain text: for pytest's failures, for the terminal, and where HTML cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.canvas import Canvas, canvas_here
from pytest_arbredis.report.cells import cells, padded
from pytest_arbredis.report.lanes_text import lanes_text
from pytest_arbredis.report.view import view_of
from pytest_arbredis.report.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.report.lanes import ProofLanes
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.report.timeline import Band, Mark
    from pytest_arbredis.report.view import FindingRow, ProofRow, RunView

_COLUMNS = ("id", "process", "name", "key", "input", "output", "outcome", "invoked ms", "completed ms", "node")
_RIGHT = {"id", "process", "invoked ms", "completed ms"}
_EVENTS_SHOWN = 12


def failure_text(result: RunResult) -> str:
    """The text of a failing test: its first line is `claim: summary`, with `INCONCLUSIVE ` before what is unknown."""
    inconclusive = bool(result.not_run) or result.verdict is Verdict.UNKNOWN
    return ("INCONCLUSIVE " if inconclusive else "") + explanation(result, canvas_here())


def explanation(result: RunResult, canvas: Canvas = Canvas()) -> str:  # noqa: B008 - a frozen value
    """`claim: summary`, the promise, what the other checks found, proof, timeline of faults, replay, folder."""
    view = view_of(result)
    decisive = result.decisive
    if result.not_run:
        first = f"{view.row.scenario}: not run: {view.row.line}"
    elif decisive:
        first = f"{printable(decisive.claim)}: {view.row.line}"
    else:
        first = f"{view.row.scenario}: {view.row.line}"
    promise = f"{view.row.kind} ({view.row.word}): {view.promise}" if view.promise else ""
    parts = [first, *_decisive(result, view), promise, _others(result, view)]
    if view.proof:
        parts.append(drawn_proof(view.proof, view.lanes, canvas))
    if view.timeline:
        parts += [faults_text(view.timeline.bands), events_text(view.timeline.marks)]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in view.counts.items())
    parts.append(f"operations: {counts}" if view.timeline and result.kind != "game day" else "")
    parts.append(deployment_line(view.deployment))
    parts.append(f"replay: {view.replay}" if view.replay else "")
    parts.append(f"folder: {view.folder}" if view.folder else "")
    return canvas.written("\n".join(part for part in parts if part))


def _decisive(result: RunResult, view: RunView) -> list[str]:
    """The figures and lines of what decided, below its summary."""
    if result.decisive is None:
        return []
    return [f"  {text}" for text in _more(view.findings[result.findings.index(result.decisive)])]


def _others(result: RunResult, view: RunView) -> str:
    lines: list[str] = []
    for finding, row in zip(result.findings, view.findings, strict=True):
        if finding is not result.decisive:
            lines.append(f"[{row.word}] {row.claim}: {row.summary}")
            lines += [f"  {text}" for text in _more(row)]
    return "also found:\n" + _indented("\n".join(lines)) if lines else ""


def _more(finding: FindingRow) -> list[str]:
    figures = [" · ".join(finding.figures)] if finding.figures else []
    return figures + [part for line in finding.lines for part in line.splitlines()]


def drawn_proof(proof: Sequence[ProofRow], lanes: ProofLanes | None, canvas: Canvas) -> str:
    """The operations that prove a finding: drawn, where that is wide enough, and as a table below."""
    drawing = lanes_text(lanes, canvas.narrower(2)) if lanes else ""
    parts = ["proof (ms since the start of the load):", *([_indented(drawing), ""] if drawing else [])]
    return "\n".join([*parts, _indented(aligned(proof))])


def aligned(proof: Sequence[ProofRow]) -> str:
    """The operations as an aligned table; a column that no operation fills is left out, an error ends its line."""
    rows = [_cells(row) for row in proof]
    kept = [at for at, name in enumerate(_COLUMNS) if name == "id" or any(row[at] != "-" for row in rows)]
    widths = {at: max(len(_COLUMNS[at]), *(cells(row[at]) for row in rows)) for at in kept}

    def line(row: Sequence[str], error: str = "-") -> str:
        texts = [padded(row[at], widths[at], right=_COLUMNS[at] in _RIGHT) for at in kept]
        return "  ".join([*texts, *([] if error == "-" else [error])]).rstrip()

    return "\n".join([line(_COLUMNS), *(line(row, op.error) for row, op in zip(rows, proof, strict=True))])


def _cells(row: ProofRow) -> tuple[str, ...]:
    completed = "never" if row.completed_ms is None else f"{row.completed_ms:.1f}"
    invoked = f"{row.invoked_ms:.1f}"
    ids = (str(row.id), str(row.process))
    return (*ids, row.name, row.key, row.input, row.output, row.outcome, invoked, completed, row.node)


def band_line(band: Band) -> str:
    """A fault in one line: when, what, where, until when, and by what it was observed."""
    where = f" ({band.nodes})" if band.nodes and band.nodes != band.target else ""
    params = f" [{band.params}]" if band.params else ""
    if band.ended_s is None:
        until = " and never healed"
    else:
        until = "" if band.ended_s <= band.began_s else f" until {band.ended_s:.3f} s"
    seen = f"observed by {band.evidence}" if band.evidence else "NOT OBSERVED"
    return f"{band.began_s:8.3f} s  {band.name} {band.target}{where}{params}{until}; {seen}"


def notable(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Role changes, and of Sentinel's events those that tell the story, each once a second whoever said it first."""
    telling = ("+odown", "-failover-abort", "+elected-leader", "+promoted-slave", "+switch-master", "+tilt", "-tilt")
    last: dict[str, float] = {}
    kept: list[Mark] = []
    for mark in marks:
        if mark.kind == "phase" or (mark.kind == "sentinel" and not mark.label.startswith(telling)):
            continue
        if mark.kind == "role" or mark.at_s - last.get(mark.label, float("-inf")) >= 1:
            kept.append(mark)
        last[mark.label] = mark.at_s
    return tuple(kept)


def deployment_line(deployment: Sequence[tuple[str, str]]) -> str:
    """What it ran on, in one line; empty if that is not known."""
    parts = "; ".join(f"{printable(name)} {printable(text)}" for name, text in deployment)
    return f"on: {parts}" if parts else ""


def faults_text(bands: Sequence[Band]) -> str:
    """The timeline of faults; empty if there was none."""
    return "faults:\n" + _indented("\n".join(band_line(band) for band in bands)) if bands else ""


def events_text(marks: Sequence[Mark]) -> str:
    """The events that tell the story; empty if there was none."""
    events = notable(marks)
    lines = [f"{mark.at_s:8.3f} s  {_said(mark)}" for mark in events[:_EVENTS_SHOWN]]
    if len(events) > _EVENTS_SHOWN:
        lines.append(f"… and {len(events) - _EVENTS_SHOWN} more in the report")
    return "events:\n" + _indented("\n".join(lines)) if lines else ""


def _said(mark: Mark) -> str:
    return mark.label if mark.kind == "role" else f"{mark.label} ({mark.source})"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
