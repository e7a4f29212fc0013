"""What happened when: operations per time bin, fault bands, role changes, Sentinel events. Pure.

Times are seconds since the start of the load, latencies milliseconds from the instant at which an operation was due.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Literal

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.report.wording import parameters, printable, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Event, FaultRecord, Op

MarkKind = Literal["role", "sentinel", "phase"]

MOST_BINS = 120
_WIDTHS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 3600)
ROLES = {"master": "primary", "slave": "replica"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The operations that were due in one bin; latencies of the acknowledged ones, None where there is none."""

    began_s: float
    ok: int
    fail: int
    unknown: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @property
    def total(self) -> int:
        """All operations that were due."""
        return self.ok + self.fail + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A fault in force; `ended_s` is None if it was never healed, and `evidence` empty if nobody observed it."""

    name: str
    target: str
    nodes: str
    params: str
    began_s: float
    ended_s: float | None
    evidence: str
    evidence_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at one instant."""

    at_s: float
    kind: MarkKind
    label: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpan:
    """A node seen in one role without a break; between the spans of a node it did not answer."""

    node: str
    role: str
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything on one axis, which ends at `span_s`."""

    origin_ns: int
    span_s: float
    width_s: float
    bins: tuple[Bin, ...]
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    roles: tuple[RoleSpan, ...]


def due_ns(op: Op) -> int:
    """When the load wanted the operation; without a schedule, when it was invoked."""
    return op.invoked_ns if op.intended_ns is None else op.intended_ns


def origin_of(history: History) -> int:
    """The start of the load: its phase, else the first operation, fault or event."""
    phase = history.phase_ns("load")
    if phase is not None:
        return phase
    ops = [due_ns(op) for op in history.ops if not op.is_final]
    others = [fault.began_ns for fault in history.faults] + [event.at_ns for event in history.events]
    return min(ops, default=min(others, default=0))


def timeline_of(history: History) -> Timeline:
    """The timeline of a history; final reads of the harness are not part of it."""
    origin = origin_of(history)
    ops = [op for op in history.ops if not op.is_final]
    ends = [op.completed_ns or due_ns(op) for op in ops]
    ends += [fault.ended_ns or fault.began_ns for fault in history.faults]
    ends += [event.at_ns for event in history.events if event.name == "phase"]
    span_s = max(0.0, (max(ends, default=origin) - origin) / NS_PER_S)
    width_s = next((width for width in _WIDTHS_S if span_s / width <= MOST_BINS), span_s / MOST_BINS)
    marks = (*role_changes(history, origin), *_sentinel_marks(history, origin), *_phases(history, origin))
    return Timeline(
        origin_ns=origin,
        span_s=span_s,
        width_s=width_s,
        bins=_bins(ops, origin, width_s),
        bands=tuple(_band(fault, origin) for fault in history.faults),
        marks=tuple(sorted(marks, key=lambda mark: mark.at_s)),
        roles=role_spans(history, origin),
    )


def _bins(ops: Sequence[Op], origin: int, width_s: float) -> tuple[Bin, ...]:
    if not ops:
        return ()
    width_ns = round(width_s * NS_PER_S)
    index = [max(0, (due_ns(op) - origin) // width_ns) for op in ops]
    counts = {outcome: [0] * (max(index) + 1) for outcome in ("ok", "fail", "unknown")}
    latencies: list[list[float]] = [[] for _ in range(max(index) + 1)]
    for at, op in zip(index, ops, strict=True):
        counts[op.outcome][at] += 1
        if op.outcome == "ok" and op.completed_ns is not None:
            latencies[at].append((op.completed_ns - due_ns(op)) / NS_PER_MS)
    bins: list[Bin] = []
    for at, values in enumerate(latencies):
        values.sort()
        bins.append(
            Bin(
                began_s=round(at * width_s, 6),
                ok=counts["ok"][at],
                fail=counts["fail"][at],
                unknown=counts["unknown"][at],
                p50_ms=_quantile(values, 0.5),
                p99_ms=_quantile(values, 0.99),
                max_ms=_quantile(values, 1.0),
            )
        )
    return tuple(bins)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Interpolated linearly between neighbours, as numpy does it, whose import would cost more than all bins do."""
    if not ordered:
        return None
    below, part = divmod((len(ordered) - 1) * share, 1)
    left, right = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
    return left + (right - left) * part


def _band(fault: FaultRecord, origin: int) -> Band:
    seen = fault.evidence
    return Band(
        name=printable(fault.name),
        target=printable(fault.target),
        nodes=printable(", ".join(fault.nodes)),
        params=parameters(fault.params),
        began_s=(fault.began_ns - origin) / NS_PER_S,
        ended_s=None if fault.ended_ns is None else (fault.ended_ns - origin) / NS_PER_S,
        evidence=printable(f"{seen.source}: {seen.detail}") if seen else "",
        evidence_s=(seen.at_ns - origin) / NS_PER_S if seen else None,
    )


def _role(event: Event) -> str:
    role = shown(event.data.get("role"))
    return ROLES.get(role, role)


def role_changes(history: History, origin: int) -> tuple[Mark, ...]:
    """A mark wherever a node's samples show another role than its sample before."""
    marks: list[Mark] = []
    known: dict[str, str] = {}
    for event in history.events_named("replication"):
        role, before = _role(event), known.get(event.source)
        if role == "-":
            continue
        if before is not None and before != role:
            at_s = (event.at_ns - origin) / NS_PER_S
            source = printable(event.source)
            marks.append(Mark(at_s=at_s, kind="role", label=f"{source}: {before} → {role}", source=source))
        known[event.source] = role
    return tuple(marks)


def role_spans(history: History, origin: int) -> tuple[RoleSpan, ...]:
    """Each node's roles over time. A pause of five usual sampling intervals (at least 250 ms) is no answer."""
    samples: dict[str, list[tuple[float, str]]] = {}
    for event in history.events_named("replication"):
        if _role(event) != "-":
            samples.setdefault(printable(event.source), []).append(((event.at_ns - origin) / NS_PER_S, _role(event)))
    spans: list[RoleSpan] = []
    for node, seen in sorted(samples.items()):
        gaps = [after[0] - before[0] for before, after in pairwise(seen)]
        longest = max(0.25, 5 * median(gaps)) if gaps else 0.25
        began, last, role = seen[0][0], seen[0][0], seen[0][1]
        for at, now in [*seen[1:], (float("inf"), "")]:
            if now != role or at - last > longest:
                ended = at if at - last <= longest else last
                spans.append(RoleSpan(node=node, role=role, began_s=began, ended_s=ended))
                began, role = at, now
            last = at
    return tuple(spans)


def _sentinel_marks(history: History, origin: int) -> list[Mark]:
    return [
        Mark(
            at_s=(event.at_ns - origin) / NS_PER_S,
            kind="sentinel",
            label=shown(event.data.get("event"), limit=60),
            source=printable(event.source),
        )
        for event in history.events_named("sentinel")
    ]


def _phases(history: History, origin: int) -> list[Mark]:
    return [
        Mark(
            at_s=(event.at_ns - origin) / NS_PER_S,
            kind="phase",
            label=shown(event.data.get("phase")),
            source=printable(event.source),
        )
        for event in history.events_named("phase")
    ]
