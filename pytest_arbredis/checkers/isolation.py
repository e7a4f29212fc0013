"""Isolation: how long a primary goes on acknowledging writes after a fault by which it should refuse them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.refusals import REFUSALS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusesWithin:
    """No write that begins `ms` or more after the injection of a fault `during` is acknowledged while it lasts alone.

    It lasts alone until it ends, or another fault begins: then another node may be primary. A write that began earlier
    and is acknowledged later accuses nobody: Redis may have taken it in time.

    Unknown unless the fault was observed, and a write that began that late was refused with `refusal`. The proof is the
    first write that was acknowledged.
    """

    ms: float
    during: str
    refusal: str

    def __post_init__(self) -> None:
        """Refuse a time that is none, and a refusal that nobody knows."""
        if isinstance(self.ms, bool) or not isinstance(self.ms, int | float) or not self.ms >= 0:
            raise UsageError(f"ms={self.ms!r}", remedy="use milliseconds, 0 or more")
        if self.refusal not in REFUSALS:
            raise UsageError.unknown("refusal", self.refusal, REFUSALS)

    @property
    def claim(self) -> str:
        """`refuses_within`."""
        return "refuses_within"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        faults = [fault for fault in history.faults if fault.name == self.during]
        seen = [fault for fault in faults if fault.evidence is not None]  # whom nothing has cut off may acknowledge
        spans = [(fault.began_ns + int(self.ms * NS_PER_MS), _alone_until_ns(history, fault)) for fault in seen]
        writes = [
            op
            for op in history.named("write")
            if op.completed_ns is not None
            and any(late <= op.invoked_ns and (until is None or op.completed_ns <= until) for late, until in spans)
        ]
        taken = [op for op in writes if op.applied]
        refused = [op for op in writes if op.outcome == "fail" and REFUSALS[self.refusal].search(op.error or "")]
        told = f"{len(refused)} writes were refused with {self.refusal} from {self.ms:g} ms after {self.during} on"
        verdict, summary = Verdict.VALID, f"{told}, and none was acknowledged"
        if taken:
            verdict, summary = Verdict.INVALID, f"{told}, and {len(taken)} were acknowledged"
        elif not faults:
            verdict, summary = Verdict.UNKNOWN, f"no {self.during} is on record"
        elif len(seen) < len(faults):
            verdict, summary = Verdict.UNKNOWN, f"the {self.during} was not observed"
        elif not refused:
            verdict, summary = Verdict.UNKNOWN, told.replace("0 writes were", "no write was")
        proof = taken[:1] if taken else refused[:10] if verdict is Verdict.VALID else []
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for op in proof),
            figures={"late": len(writes), "refused": len(refused), "acknowledged": len(taken)},
        )


def refuses_within(*, ms: float, during: str, refusal: str) -> RefusesWithin:
    """No write is acknowledged that begins `ms` or more after a fault by which the primary should refuse."""
    return RefusesWithin(ms=ms, during=during, refusal=refusal)


def _alone_until_ns(history: History, fault: FaultRecord) -> int | None:
    ends = [other.began_ns for other in history.faults if other.began_ns > fault.began_ns]
    return min([*ends, *([fault.ended_ns] if fault.ended_ns is not None else [])], default=None)
