"""Fallback: that a subject worked from its own memory while a fault kept it from Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History

MEMORY = ("fallback", "memory")
"""Where it works then: for as long as Redis is away, or for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksWithoutRedis:
    """While a fault `during` is in force, the subject turns to its memory, and works there from then on.

    Its turns are notes (`{"kind": "mode", "from", "to": "fallback"}`, or `"memory"`). With several faults of that name
    one of them is enough. Unknown if no such note lies within a fault, or if no operation that changes something
    (`names`) began behind it, ended within the fault, did not fail, and sent nothing (`attempts` 0). It accuses nobody:
    what was not met has not failed.
    """

    during: str
    names: tuple[str, ...] = ("add", "write")

    @property
    def claim(self) -> str:
        """`works_without_redis`."""
        return "works_without_redis"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        faults = [fault for fault in history.faults if fault.name == self.during]
        turns = [
            event.at_ns
            for event in history.events
            if event.name == "note" and event.data.get("kind") == "mode" and event.data.get("to") in MEMORY
        ]
        spans = [
            (min(within), fault.ended_ns)
            for fault in faults
            if (within := [at for at in turns if fault.began_ns <= at <= (fault.ended_ns or at)])
        ]
        served = [
            op
            for op in history.named(*self.names)
            if op.outcome != "fail"
            and op.attempts == 0
            and op.completed_ns is not None
            and any(
                turned <= op.invoked_ns and op.completed_ns <= (until or op.completed_ns) for turned, until in spans
            )
        ]
        verdict = Verdict.VALID if served else Verdict.UNKNOWN
        summary = f"{len(served)} operations worked without Redis, in {len(spans)} of {len(faults)} {self.during}"
        if not faults:
            summary = f"no {self.during} is on record"
        elif not spans:
            summary = f"nobody turned to memory in any of {len(faults)} {self.during}"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for op in served[:1]),
            figures={"faults": len(faults), "turned_in": len(spans), "turns": len(turns), "without_redis": len(served)},
        )


def works_without_redis(*, during: str, names: tuple[str, ...] = ("add", "write")) -> WorksWithoutRedis:
    """While a fault keeps it from Redis, the subject turns to its memory and works there."""
    return WorksWithoutRedis(during=during, names=names)
