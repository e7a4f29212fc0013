"""The view model of a run: everything that a report shows, as plain values. Pure; terminal and HTML only draw it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.lanes import ProofLanes, lanes_of
from pytest_arbredis.report.timeline import Timeline, origin_of, timeline_of
from pytest_arbredis.report.wording import abridged, figure, printable, redacted, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op, Outcome
    from pytest_arbredis.report.result import RunResult

Tone = Literal["good", "open", "bad"]
"""How a verdict is coloured: green, yellow, red. The word beside it says the same."""

MOST_PROOF = 10
OUTCOMES: tuple[Outcome, ...] = ("ok", "fail", "unknown")
_TONES: dict[Verdict, Tone] = {Verdict.VALID: "good", Verdict.UNKNOWN: "open", Verdict.INVALID: "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One line of the verdict table."""

    scenario: str
    kind: str
    word: str
    tone: Tone
    line: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding. In a hazard a violated claim is the point: its word is `held`, `unknown`, `violated` or `shown`."""

    claim: str
    word: str
    tone: Tone
    summary: str
    figures: tuple[str, ...]
    lines: tuple[str, ...]
    proof: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """An operation that shows a finding; times are milliseconds since the start of the load."""

    id: int
    process: int
    name: str
    key: str
    input: str
    output: str
    outcome: str
    error: str
    invoked_ms: float
    completed_ms: float | None
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as reports show it.

    `proof` is that of the first finding which is not valid and has one, `lanes` what is drawn of it.
    """

    row: VerdictRow
    promise: str
    findings: tuple[FindingRow, ...]
    proof: tuple[ProofRow, ...]
    lanes: ProofLanes | None
    timeline: Timeline | None
    counts: Mapping[str, int]
    subject: str
    run: str
    seed: int
    deployment: tuple[tuple[str, str], ...]
    replay: str
    folder: str
    not_run: str


def verdict_row(result: RunResult) -> VerdictRow:
    """The line of one run: the decisive finding's summary, or why there is none."""
    decisive = result.decisive
    line = result.not_run or (decisive.summary if decisive else _unjudged(result))
    return VerdictRow(
        scenario=printable(result.scenario),
        kind=result.kind,
        word=result.word,
        tone=_tone(result),
        line=printable(line),
        duration_s=result.duration_s,
    )


def _unjudged(result: RunResult) -> str:
    """What there is to say of a run without findings."""
    if result.kind != "game day" or result.history is None:
        return "no check gave a finding"
    faults, events = result.history.faults, timeline_of(result.history).marks
    observed = sum(fault.evidence is not None for fault in faults)
    changes = sum(mark.kind == "role" for mark in events)
    return f"faults injected: {len(faults)}, of them observed: {observed}; role changes: {changes}"


def verdict_rows(results: tuple[RunResult, ...] | list[RunResult]) -> tuple[VerdictRow, ...]:
    """The verdict table, in the order in which the scenarios ran."""
    return tuple(verdict_row(result) for result in results)


def view_of(result: RunResult) -> RunView:
    """The whole view of one run."""
    history = result.history
    header = history.header if history else None
    proof = proof_rows(result)
    return RunView(
        row=verdict_row(result),
        promise=printable(result.promise),
        findings=tuple(_finding_row(finding, result) for finding in result.findings),
        proof=proof,
        lanes=lanes_of((row.id for row in proof), history) if history else None,
        timeline=timeline_of(history) if history else None,
        counts=outcome_counts(history),
        subject=printable(header.subject) if header else "",
        run=printable(header.run) if header else "",
        seed=result.seed,
        deployment=tuple((printable(name), printable(text)) for name, text in result.deployment.items()),
        replay=redacted(result.replay),
        folder=str(result.folder or ""),
        not_run=printable(result.not_run),
    )


def outcome_counts(history: History | None) -> dict[str, int]:
    """Operations of the load by outcome; final reads are not counted."""
    seen = Counter(op.outcome for op in history.ops if not op.is_final) if history else Counter()
    return {outcome: seen[outcome] for outcome in OUTCOMES}


def proof_rows(result: RunResult) -> tuple[ProofRow, ...]:
    """At most ten operations that prove what decided, in the order of the finding's proof.

    Where the decisive finding names none, those of the first other finding that is not valid; for a run whose findings
    are all valid, those of the decisive one.
    """
    if result.history is None:
        return ()
    decisive = result.decisive
    candidates = [decisive] if decisive else []
    candidates += [finding for finding in result.findings if finding.verdict is not Verdict.VALID]
    proven = next((finding for finding in candidates if finding.proof), None)
    return proof_of(proven, result.history) if proven else ()


def proof_of(finding: Finding, history: History) -> tuple[ProofRow, ...]:
    """The operations that prove a finding, at most ten, in its order."""
    wanted = set(finding.proof)
    ops = {op.id: op for op in history.ops if op.id in wanted}
    origin = origin_of(history)
    numbers = tuple(dict.fromkeys(finding.proof))[:MOST_PROOF]
    return tuple(_proof_row(ops[number], origin) for number in numbers if number in ops)


def _proof_row(op: Op, origin: int) -> ProofRow:
    return ProofRow(
        id=op.id,
        process=op.process,
        name=shown(op.name, limit=16),
        key="-" if op.key is None else abridged(printable(op.key), 28),
        input=shown(op.input, limit=20),
        output="null" if op.output is None and op.outcome == "ok" else shown(op.output, limit=20),
        outcome=op.outcome,
        error=shown(op.error, limit=100),
        invoked_ms=(op.invoked_ns - origin) / NS_PER_MS,
        completed_ms=None if op.completed_ns is None else (op.completed_ns - origin) / NS_PER_MS,
        node=shown(op.node, limit=16),
    )


def _tone(result: RunResult) -> Tone:
    if result.not_run:
        return "open"
    if result.verdict is Verdict.VALID:
        return "good"
    return "bad" if result.verdict is Verdict.INVALID and result.kind == "guarantee" else "open"


def _finding_row(finding: Finding, result: RunResult) -> FindingRow:
    if result.kind == "hazard":
        violated = "shown" if result.verdict is Verdict.VALID else "violated"
        word = {Verdict.VALID: "held", Verdict.UNKNOWN: "unknown", Verdict.INVALID: violated}[finding.verdict]
        tone: Tone = "open" if finding.verdict is Verdict.UNKNOWN else _tone(result)
    else:
        word = finding.verdict.word
        tone = _TONES[finding.verdict]
    return FindingRow(
        claim=printable(finding.claim),
        word=word,
        tone=tone,
        summary=printable(finding.summary),
        figures=figure_texts(finding.figures),
        lines=tuple(printable(line, newlines=True) for line in finding.lines),
        proof=finding.proof[:MOST_PROOF],
    )


def figure_texts(figures: Mapping[str, Json]) -> tuple[str, ...]:
    """Figures for people; a percentile stands with its budget: `p99 0.31 ms (budget 0.5 ms)`.

    `p99_budget_ms` and `budget_p99_ms` are the budget of `p99_ms`. A table of figures is written row by row. What is
    empty is left out.
    """
    texts: list[str] = []
    for name, value in figures.items():
        if value in ("", [], {}):
            continue
        if isinstance(value, dict):
            texts.append(f"{printable(name).replace('_', ' ')}: {' · '.join(figure_texts(value))}")
        elif isinstance(value, list):
            texts.append(figure(name, ", ".join(shown(item) for item in value[:MOST_PROOF])))
        elif not _is_budget_of_another(name, figures):
            budget = next((figures[other] for other in _budget_names(name) if other in figures), None)
            limit = "" if budget is None else f" (budget {shown(budget)} {name.rpartition('_')[2]})"
            texts.append(figure(name, value) + limit)
    return tuple(texts)


def _budget_names(name: str) -> tuple[str, ...]:
    stem, _, unit = name.rpartition("_")
    return (f"{stem}_budget_{unit}", f"budget_{stem}_{unit}") if stem else ()


def _is_budget_of_another(name: str, figures: Mapping[str, Json]) -> bool:
    return any(name in _budget_names(other) for other in figures if other != name)
