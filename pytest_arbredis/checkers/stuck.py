"""A hazard of pooled connections: clients that stay with a demoted primary, which refuses all that they write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.refusals import REFUSALS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsStayReadonly:
    """While `during` is in force every write is refused with READONLY, for at least `seconds` without a break.

    A hazard: valid when shown, else unknown. That a caller could go elsewhere is shown too: another node was master.
    """

    seconds: float
    during: str = "demotion"

    def __post_init__(self) -> None:
        """Refuse a time that shows nothing."""
        if self.seconds <= 0:
            raise UsageError(f"seconds={self.seconds!r}", remedy="use positive seconds")

    @property
    def claim(self) -> str:
        """`clients_stay_readonly`."""
        return "clients_stay_readonly"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        fault = next((one for one in reversed(history.faults) if one.name == self.during), None)
        if fault is None or fault.evidence is None or fault.ended_ns is None:
            return self._unknown(f"{self.during} is not on record as observed and healed")
        until_ns = fault.ended_ns
        refusal = REFUSALS["READONLY"]
        ops = [op for op in history.named("write") if op.sent and fault.began_ns <= op.invoked_ns <= until_ns]
        refused = [op for op in ops if op.outcome == "fail" and refusal.search(op.error or "")]
        if not refused:
            return self._unknown("no write was refused with READONLY")
        stretch = _longest_stretch(ops, refused)
        lasted_ns = stretch[-1].invoked_ns - stretch[0].invoked_ns
        masters = {
            event.source
            for event in history.events_named("replication")
            if event.data.get("role") == "master" and fault.evidence.at_ns <= event.at_ns <= until_ns
        }
        elsewhere = sorted(masters - set(fault.nodes))
        if lasted_ns < self.seconds * NS_PER_S or not elsewhere:
            return self._unknown(
                f"READONLY for {lasted_ns / NS_PER_MS:.0f} ms at a stretch, "
                f"other masters: {', '.join(elsewhere) or 'none'}"
            )
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID,
            summary=f"{len(stretch)} writes refused with READONLY over {lasted_ns / NS_PER_MS:.0f} ms, none applied, "
            f"while {', '.join(elsewhere)} was primary",
            proof=tuple(op.id for op in stretch[:10]),
            figures={"refused": len(stretch), "lasted_ms": lasted_ns / NS_PER_MS, "applied": 0},
        )

    def _unknown(self, summary: str) -> Finding:
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary)


def _longest_stretch(ops: Sequence[Op], refused: Sequence[Op]) -> list[Op]:
    """The refused ones of the longest time in which no write was applied; never empty."""
    ids = {op.id for op in refused}
    stretches: list[list[Op]] = [[]]
    for op in ops:
        if op.applied:
            stretches.append([])
        elif op.id in ids:
            stretches[-1].append(op)
    return max(filter(None, stretches), key=lambda stretch: stretch[-1].invoked_ns - stretch[0].invoked_ns)


def clients_stay_readonly(*, seconds: float, during: str = "demotion") -> ClientsStayReadonly:
    """Every write is refused with READONLY for so long, while another node is primary."""
    return ClientsStayReadonly(seconds=seconds, during=during)
