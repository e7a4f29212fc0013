"""Refusals: a write that Redis refused is not there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.final import final_values, why_unread
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History

REFUSALS = {
    "OOM": re.compile(r"\bOOM\b|OutOfMemory|command not allowed when used memory"),
    "READONLY": re.compile(r"\bREADONLY\b|ReadOnlyError|read only replica"),
    "LOADING": re.compile(r"\bLOADING\b|BusyLoadingError|Redis is loading"),
    "NOREPLICAS": re.compile(r"\bNOREPLICAS\b"),
    "MISCONF": re.compile(r"\bMISCONF\b"),
    "BUSY": re.compile(r"\bBUSY\b"),
}
"""What a refusal looks like in a recorded error: redis-py strips the first word of a reply for which it has a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWritesAreRefused:
    """No write that was refused is found by the final reads.

    Unknown unless a write was refused with `refusal` while a fault called `during` was in force, and every refused key
    has a successful final read.
    """

    during: str = "out_of_memory"
    refusal: str = "OOM"

    def __post_init__(self) -> None:
        """Refuse a refusal that nobody knows."""
        if self.refusal not in REFUSALS:
            raise UsageError.unknown("refusal", self.refusal, REFUSALS)

    @property
    def claim(self) -> str:
        """`refused_writes_are_refused`."""
        return "refused_writes_are_refused"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        finals = final_values(history)
        refused = [op for op in history.named("write") if op.outcome == "fail" and op.sent]
        present = [op for op in refused if op.key in finals and finals[op.key] == op.input]
        unread = [op for op in refused if op.key not in finals]
        faults = [fault for fault in history.faults if fault.name == self.during]
        as_told = [
            op
            for op in refused
            if REFUSALS[self.refusal].search(op.error or "")
            and any(
                op.invoked_ns <= (fault.ended_ns or op.invoked_ns) and (op.completed_ns or 0) >= fault.began_ns
                for fault in faults
            )
        ]
        verdict, proof = Verdict.VALID, as_told
        summary = f"{len(present)} of {len(refused)} refused writes are there"
        if present:
            verdict, proof = Verdict.INVALID, present
        elif not as_told:
            verdict, summary = Verdict.UNKNOWN, f"no write was refused with {self.refusal} during {self.during}"
        elif unread:
            verdict, proof = Verdict.UNKNOWN, unread
            summary = f"{len(unread)} of {len(refused)} refused writes could not be judged: {why_unread(history)}"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for op in proof[:10]),
            figures={
                "refused": len(refused),
                f"refused_with_{self.refusal.lower()}": len(as_told),
                "present": len(present),
                "present_ids": ids_of(present),
                "unread": len(unread),
            },
        )


def refused_writes_are_refused(*, during: str = "out_of_memory", refusal: str = "OOM") -> RefusedWritesAreRefused:
    """No write that was refused is found by the final reads."""
    return RefusedWritesAreRefused(during=during, refusal=refusal)
