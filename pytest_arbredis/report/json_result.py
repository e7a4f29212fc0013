"""`result.json`: a run's verdict for machines, with keys that stay.

    version             1; a key is never renamed or given another meaning within a version
    scenario, kind      name, and "guarantee", "hazard" or "game day"
    promise             the scenario's sentence
    verdict             "valid" | "unknown" | "invalid"
    word                as printed: the verdict, or "shown" | "not shown" | "not run" | "recorded" (a game day)
    not_run             why it could not be run, else ""
    summary             the one-line finding
    findings            [{claim, verdict, summary, proof: [operation ids], figures: {name_unit: number}, lines: [text]}]
    run, subject, seed  from the history's header (null without a history), and the seed
    deployment          {what: text}: launcher, versions, timing
    duration_s          of the whole run
    operations          {ok, fail, unknown}: counts of the load's operations
    faults              [{id, name, target, nodes, params, began_s, ended_s|null, evidence}]
                        evidence: {source, at_s, detail}, or null if nobody observed the fault
    replay, folder      the command that runs it again, and the run's folder ("" if nothing was kept)

Times end in `_s` and count from the start of the load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.report.findings import findings_json
from pytest_arbredis.report.timeline import origin_of
from pytest_arbredis.report.view import outcome_counts, verdict_row
from pytest_arbredis.report.wording import json_bytes

if TYPE_CHECKING:
    from pytest_arbredis.history.records import FaultRecord
    from pytest_arbredis.report.result import RunResult

VERSION = 1


def result_json(result: RunResult) -> bytes:
    """The run as JSON, indented, with a final newline."""
    history = result.history
    origin = origin_of(history) if history else 0
    content = {
        "version": VERSION,
        "scenario": result.scenario,
        "kind": result.kind,
        "promise": result.promise,
        "verdict": result.verdict.word,
        "word": result.word,
        "not_run": result.not_run,
        "summary": verdict_row(result).line,
        "findings": findings_json(result.findings),
        "run": history.header.run if history else None,
        "subject": history.header.subject if history else None,
        "seed": result.seed,
        "deployment": result.deployment,
        "duration_s": result.duration_s,
        "operations": outcome_counts(history),
        "faults": [_fault(fault, origin) for fault in history.faults] if history else [],
        "replay": result.replay,
        "folder": str(result.folder or ""),
    }
    return json_bytes(content, indent=True) + b"\n"


def _fault(fault: FaultRecord, origin: int) -> dict[str, object]:
    def seconds(at_ns: int) -> float:
        return (at_ns - origin) / NS_PER_S

    seen = fault.evidence
    return {
        "id": fault.id,
        "name": fault.name,
        "target": fault.target,
        "nodes": fault.nodes,
        "params": fault.params,
        "began_s": seconds(fault.began_ns),
        "ended_s": None if fault.ended_ns is None else seconds(fault.ended_ns),
        "evidence": {"source": seen.source, "at_s": seconds(seen.at_ns), "detail": seen.detail} if seen else None,
    }
