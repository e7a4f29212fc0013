"""Take-over: whether a replica was promoted while a fault was in force, as a guarantee and as a hazard."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.roles import promoted_between, reigns
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord

SILENT_NS = 250 * NS_PER_MS
"""Samples come every 50 ms from each node that answers; longer without any, nothing is concluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFailover:
    """Nobody is promoted from the begin of the last fault called `during` to the end of the run.

    Unknown if that fault is absent, was not observed, or no node was sampled for a while behind it.
    """

    during: str

    @property
    def claim(self) -> str:
        """`no_failover_during_loading`."""
        return f"no_failover_during_{self.during}"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        fault = _last(history, self.during)
        why = "there is no such fault" if fault is None else _why_blind(history, fault)
        if fault is None or why:
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=f"{self.during}: {why}")
        last_ns = max(event.at_ns for event in history.events_named("replication"))
        promoted = promoted_between(history, fault.began_ns, last_ns)
        summary = f"{' and '.join(promoted)} promoted" if promoted else "nobody was promoted"
        return Finding(
            claim=self.claim,
            verdict=Verdict.INVALID if promoted else Verdict.VALID,
            summary=f"{summary} during {self.during}",
            figures={"promoted": list(promoted)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyTakesOver:
    """From `after` on nobody is promoted for `seconds`, and in that time nothing of `names` is applied.

    A hazard: valid when shown, else unknown. Shown only of a fault that lasted so long and was observed.
    """

    seconds: float
    after: str = "crash"
    names: tuple[str, ...] = ("write",)

    def __post_init__(self) -> None:
        """Refuse a time that shows nothing."""
        if self.seconds <= 0 or not self.names:
            raise UsageError(f"{self}", remedy="use positive seconds and at least one name")

    @property
    def claim(self) -> str:
        """`nobody_takes_over`."""
        return "nobody_takes_over"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        fault = _last(history, self.after)
        why = "there is no such fault" if fault is None else _why_blind(history, fault)
        if fault is None or fault.evidence is None or why:
            return self._unknown(f"{self.after}: {why}")
        seen_ns = fault.evidence.at_ns  # what was sent just before it was in force may still be applied
        until_ns = seen_ns + int(self.seconds * NS_PER_S)
        if fault.ended_ns is None or fault.ended_ns < until_ns:
            return self._unknown(f"{self.after} did not last {self.seconds:g} s")
        promoted = promoted_between(history, fault.began_ns, until_ns)
        if promoted:
            return self._unknown(f"{' and '.join(promoted)} promoted within {self.seconds:g} s of {self.after}")
        during = [op for op in history.named(*self.names) if seen_ns <= op.invoked_ns <= until_ns]
        applied = [op for op in during if op.applied and op.completed_ns is not None and op.completed_ns <= until_ns]
        tried = [op for op in during if op.sent]
        if applied or not tried:
            return self._unknown(f"{len(applied)} of {len(tried)} were applied within {self.seconds:g} s")
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID,
            summary=f"nobody promoted, and none of {len(tried)} applied, within {self.seconds:g} s of {self.after}",
            proof=tuple(op.id for op in tried[:10]),
            figures={"tried": len(tried), "applied": 0},
        )

    def _unknown(self, summary: str) -> Finding:
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary)


def no_failover(*, during: str) -> NoFailover:
    """Nobody is promoted from the begin of the last fault of this name on."""
    return NoFailover(during=during)


def nobody_takes_over(*, seconds: float, after: str = "crash", names: tuple[str, ...] = ("write",)) -> NobodyTakesOver:
    """From a fault on nobody is promoted for `seconds`, and nothing is applied."""
    return NobodyTakesOver(seconds=seconds, after=after, names=names)


def _last(history: History, name: str) -> FaultRecord | None:
    return next((fault for fault in reversed(history.faults) if fault.name == name), None)


def _why_blind(history: History, fault: FaultRecord) -> str:
    """Why the samples could not have shown a promotion; empty if they could."""
    if fault.evidence is None:
        return "it was not observed"
    if not reigns(history):
        return "no node was sampled as master"
    ended_ns = fault.ended_ns if fault.ended_ns is not None else fault.began_ns
    seen = [fault.began_ns]
    seen += [e.at_ns for e in history.events_named("replication") if fault.began_ns <= e.at_ns <= ended_ns]
    seen.append(ended_ns)
    if max(later - earlier for earlier, later in itertools.pairwise(seen)) > SILENT_NS:
        return "no node was sampled for a while"
    return ""
