"""Deadlines: no call lasts longer than its caller gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.breaker_record import FLOOR
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

REACHED = 0.9
"""A call that lasted for this share of its deadline has put it to the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsEndInTime:
    """Every call of `names` (all, without names) ends `within_ms` after it was made, or `slack_ms` later at the most.

    The slack is for the machine, which may hold up anybody: a deadline that is not kept is missed by more. A call that
    never ended lasts until the last record.

    Unknown if there was no call, if none lasted for nine tenths of `within_ms` (no deadline was put to the test), or
    if one that never ended was not in time to be late. The proof is the longest call.
    """

    within_ms: float
    slack_ms: float = 500
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.within_ms > 0 and self.slack_ms >= 0):
            raise UsageError(f"{self}", remedy="give milliseconds above 0, and no negative slack")

    @property
    def claim(self) -> str:
        """`calls_end_in_time`."""
        return "calls_end_in_time"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        calls = [op for op in history.ops if op.sent and not op.is_final and self._is_meant(op)]
        last_ns = max((max(op.invoked_ns, op.completed_ns or 0) for op in history.ops), default=0)
        lasted = sorted(((_ms(op, last_ns), op) for op in calls), key=lambda one: one[0], reverse=True)
        late = [op for ms, op in lasted if ms > self.within_ms + self.slack_ms]
        reached = sum(ms >= REACHED * self.within_ms for ms, _ in lasted)
        endless = sum(op.completed_ns is None for op in calls)
        figures: Mapping[str, Json] = {
            "calls": len(calls),
            "reached": reached,
            "late": len(late),
            "longest_ms": round(lasted[0][0], 1) if lasted else None,
        }
        if late:
            ms, op = lasted[0]
            summary = (
                f"{len(late)} of {len(calls)} calls lasted longer than {self.within_ms:g} ms "
                f"(+ {self.slack_ms:g} ms): the longest, {op.name} of {shown(op.key)}, {ms:.0f} ms"
            )
            return Finding(claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=(op.id,), figures=figures)
        if not calls:
            return self._unknown("there was no call", figures)
        if endless:
            return self._unknown(f"{endless} of {len(calls)} calls never ended, and were not late yet", figures)
        if not reached:
            summary = f"no deadline was put to the test: the longest of {len(calls)} calls took {lasted[0][0]:.0f} ms"
            return self._unknown(summary, figures)
        summary = (
            f"{reached} of {len(calls)} calls reached their deadline of {self.within_ms:g} ms; the longest took "
            f"{lasted[0][0]:.0f} ms"
        )
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=summary, figures=figures)

    def _is_meant(self, op: Op) -> bool:
        return op.name in self.names if self.names else op.name != FLOOR

    def _unknown(self, summary: str, figures: Mapping[str, Json]) -> Finding:
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary, figures=figures)


def calls_end_in_time(*, within_ms: float, slack_ms: float = 500, names: Iterable[str] = ()) -> CallsEndInTime:
    """Every call ends `within_ms` after it was made, or `slack_ms` later at the most."""
    return CallsEndInTime(within_ms=within_ms, slack_ms=slack_ms, names=tuple(names))


def _ms(op: Op, last_ns: int) -> float:
    until_ns = last_ns if op.completed_ns is None else op.completed_ns
    return (until_ns - op.invoked_ns) / NS_PER_MS
