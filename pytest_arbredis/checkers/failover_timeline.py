"""Timeline of a failover: from the fault to sdown, odown, election, promotion, first and stable success."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.roles import promoted_after
from pytest_arbredis.checkers.sentinel_record import published
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.windows import Service
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json

STAGES: Final = ("sdown", "odown", "elected", "promoted", "switched", "first_success", "stable_success")
ORDERED: Final = ("sdown", "odown", "elected", "promoted")
"""Stages that are never in another order; a client may find the new primary before any Sentinel says so."""
_EVENTS: Final = {"sdown": "+sdown", "odown": "+odown", "elected": "+elected-leader", "switched": "+switch-master"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverTimeline:
    """Every stage of the failover after the last fault called `after` is on record, in order, and within its limit.

    Stages, each counted from the fault's begin: the first Sentinel that held the primary for down (sdown), the first
    that agreed with a quorum (odown), the leader's election, the first sample of another node as master (promoted), the
    first Sentinel that announced it (switched), the first operation of `names` that was invoked once the fault was
    observed and was applied (first success), and the start of the first window of full service, as `recovers_within`
    tells it (stable success).

    Invalid if a limit is passed, or if stages of the Sentinels are in another order. Unknown if the fault is absent or
    unobserved, a stage is not on record, or something was applied before anybody was promoted: the fault did not end
    the service. A stage whose limit passed without it is a violation only if the record went on for so long.
    """

    after: str = "crash"
    names: tuple[str, ...] = ("write",)
    sdown_within_s: float | None = None
    odown_within_s: float | None = None
    elected_within_s: float | None = None
    promoted_within_s: float | None = None
    switched_within_s: float | None = None
    first_success_within_s: float | None = None
    stable_success_within_s: float | None = None
    window_ms: float = 500
    share: float = 0.99

    def __post_init__(self) -> None:
        """Refuse limits that nothing meets."""
        if any(limit <= 0 for limit in self._limits_s.values()) or not self.names:
            raise UsageError(f"{self}", remedy="use positive limits, and at least one name")

    @property
    def claim(self) -> str:
        """`failover_timeline`."""
        return "failover_timeline"

    @property
    def _limits_s(self) -> dict[str, float]:
        limits = {stage: getattr(self, f"{stage}_within_s") for stage in STAGES}
        return {stage: limit for stage, limit in limits.items() if limit is not None}

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        fault = next((one for one in reversed(history.faults) if one.name == self.after), None)
        if fault is None or fault.evidence is None:
            told = f"no fault {self.after!r} in the history" if fault is None else f"{self.after} was not observed"
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=told)
        stages, first_id = self._stages(history, fault, fault.evidence.at_ns)
        took_s = {stage: (at_ns - fault.began_ns) / NS_PER_S for stage, at_ns in stages.items()}
        recorded_s = (max(event.at_ns for event in history.events) - fault.began_ns) / NS_PER_S if history.events else 0
        late = [
            _late(stage, took_s.get(stage), limit)
            for stage, limit in self._limits_s.items()
            if took_s.get(stage, recorded_s) > limit
        ]
        missing = [stage for stage in STAGES if stage not in stages]
        verdict, summary = Verdict.VALID, _told(self.after, took_s)
        proof: tuple[int, ...] = ()
        if disorder := _disorder(stages):
            verdict, summary = Verdict.INVALID, disorder
        elif late:
            verdict, summary = Verdict.INVALID, f"{'; '.join(late)} ({summary})"
            proof = (first_id,) if first_id is not None and "first success" in late[0] else ()
        elif missing:
            verdict, summary = Verdict.UNKNOWN, f"not on record: {_named(missing)} ({summary})"
        elif stages["first_success"] < _lower_bound_ns(history, fault, stages["promoted"]):
            verdict, summary = Verdict.UNKNOWN, f"{self.names[0]} applied before anybody was promoted ({summary})"
            proof = (first_id,) if first_id is not None else ()
        figures: dict[str, Json] = {
            f"{stage}_ms": round(took_s[stage] * 1000, 3) if stage in took_s else None for stage in STAGES
        }
        return Finding(claim=self.claim, verdict=verdict, summary=summary, proof=proof, figures=figures)

    def _stages(self, history: History, fault: FaultRecord, seen_ns: int) -> tuple[dict[str, int], int | None]:
        """When each stage was first seen, and the first operation that was applied again."""
        stages: dict[str, int] = {}
        events = [one for each in published(history).values() for one in each if one.at_ns >= fault.began_ns]
        for stage, name in _EVENTS.items():
            times = [one.at_ns for one in events if one.name == name and (stage == "switched" or one.of_master)]
            if times:
                stages[stage] = min(times)
        promoted = promoted_after(history, fault.began_ns)
        if promoted is not None:
            stages["promoted"] = promoted.first_ns
        back = [
            (op.completed_ns, op.id)
            for op in history.named(*self.names)
            if op.applied and op.invoked_ns >= seen_ns and op.completed_ns is not None
        ]
        if back:
            stages["first_success"] = min(back)[0]
        service = Service.of(history, names=self.names, counting="applied", window_ms=self.window_ms, share=self.share)
        stable_ns = None if service is None else service.first_window(fault.began_ns, service.until_ns)
        if stable_ns is not None:
            stages["stable_success"] = stable_ns
        return stages, min(back)[1] if back else None


def failover_timeline(
    *,
    after: str = "crash",
    names: Sequence[str] = ("write",),
    sdown_within_s: float | None = None,
    odown_within_s: float | None = None,
    elected_within_s: float | None = None,
    promoted_within_s: float | None = None,
    switched_within_s: float | None = None,
    first_success_within_s: float | None = None,
    stable_success_within_s: float | None = None,
    window_ms: float = 500,
    share: float = 0.99,
) -> FailoverTimeline:
    """Every stage of the failover after the last fault called `after` is on record, in order, within its limit."""
    return FailoverTimeline(
        after=after,
        names=tuple(names),
        sdown_within_s=sdown_within_s,
        odown_within_s=odown_within_s,
        elected_within_s=elected_within_s,
        promoted_within_s=promoted_within_s,
        switched_within_s=switched_within_s,
        first_success_within_s=first_success_within_s,
        stable_success_within_s=stable_success_within_s,
        window_ms=window_ms,
        share=share,
    )


def _lower_bound_ns(history: History, fault: FaultRecord, promoted_ns: int) -> int:
    """The earliest that somebody may have been promoted: the new master's last sample before it said so."""
    promoted = promoted_after(history, fault.began_ns)
    samples = [
        event.at_ns
        for event in history.events_named("replication")
        if promoted is not None and event.source == promoted.node and event.at_ns < promoted_ns
    ]
    return max([fault.began_ns, *samples])


def _disorder(stages: Mapping[str, int]) -> str:
    """Two stages of the Sentinels in the wrong order; empty if there are none."""
    seen = [stage for stage in ORDERED if stage in stages]
    for one, following in pairwise(seen):
        if stages[following] < stages[one]:
            early_ms = (stages[one] - stages[following]) / NS_PER_MS
            return f"{following} {early_ms:.0f} ms before {one}"
    return ""


def _late(stage: str, took_s: float | None, limit_s: float) -> str:
    took = "not reached" if took_s is None else f"after {took_s * 1000:.0f} ms"
    return f"{_named([stage])} {took} ({limit_s * 1000:.0f} ms allowed)"


def _named(stages: Sequence[str]) -> str:
    return ", ".join(stage.replace("_", " ") for stage in stages)


def _told(after: str, took_s: Mapping[str, float]) -> str:
    parts = [f"{_named([stage])} {took_s[stage] * 1000:.0f}" for stage in STAGES if stage in took_s]
    return f"ms after {after}: {', '.join(parts) or 'nothing'}"
