"""A circuit breaker that tells nothing of itself, judged by its traffic: it stops, it probes, it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.seen import Command, commands
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json

Judged = tuple[Verdict, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOpensByTraffic:
    """During the last fault called `during` the subject's traffic stops, but for probes, and comes back after it.

    Traffic is what MONITOR showed of the subject at the fault's nodes, of `names` or all but housekeeping. From
    `within_s` after the fault began to its end, at most `probes` commands arrive in any `timeout_s` (shortened by
    `tolerance_ms`); at the latest `timeout_s` and `tolerance_ms` after its end, plus the longest pause there was before
    the fault, there is traffic again. A probe is one command of those counted: give `names` if a call sends more.

    Only a fault under which commands still arrive shows anything (slowness, refusals): unknown unless one was seen in
    its first `within_s`, and one later, a probe. Unknown too if the fault is absent, unobserved or shorter than
    `within_s` and `timeout_s` together, if before it there was no more traffic than probes would make, if the subject
    died, if commands were not recorded, or if the record ends too early.
    """

    during: str
    within_s: float
    timeout_s: float
    probes: int = 1
    names: tuple[str, ...] = ()
    tolerance_ms: float = 100

    def __post_init__(self) -> None:
        """Refuse limits that no breaker has."""
        if self.within_s <= 0 or self.timeout_s <= 0 or self.probes < 1 or self.tolerance_ms < 0:
            raise UsageError(
                f"{self}", remedy="use positive within_s and timeout_s, 1 or more probes, and no negative tolerance_ms"
            )

    @property
    def claim(self) -> str:
        """`breaker_opens_by_traffic`."""
        return "breaker_opens_by_traffic"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        fault = next((one for one in reversed(history.faults) if one.name == self.during), None)
        if fault is None or fault.evidence is None or fault.ended_ns is None:
            told = f"no fault {self.during!r}" if fault is None else f"{self.during} was not observed, or has no end"
            return self._finding(Verdict.UNKNOWN, told, {})
        seen = [one for one in commands(history, self.names) if not fault.nodes or one.node in fault.nodes]
        before = [one.at_ns for one in seen if one.at_ns < fault.began_ns]
        stopping_ns = fault.began_ns + round(self.within_s * NS_PER_S)
        open_ns = [one.at_ns for one in seen if stopping_ns < one.at_ns < fault.ended_ns]
        after = [one.at_ns for one in seen if one.at_ns >= fault.ended_ns]
        figures: dict[str, Json] = {
            "before": len(before),
            "until_open": sum(fault.began_ns <= one.at_ns <= stopping_ns for one in seen),
            "while_open": len(open_ns),
            "after": len(after),
        }
        reason = self._why_blind(history, fault, seen, before)
        if not reason and not open_ns:
            reason = f"no probe was seen in {self.during}: none could arrive, perhaps"
        if reason:
            return self._finding(Verdict.UNKNOWN, reason, figures)
        verdict, told = max(
            self._stops(open_ns), self._comes_back(history, fault.ended_ns, before, after), key=lambda judged: judged[0]
        )
        return self._finding(verdict, told, figures)

    @property
    def _period_ns(self) -> int:
        return round(self.timeout_s * NS_PER_S - self.tolerance_ms * NS_PER_MS)

    def _why_blind(self, history: History, fault: FaultRecord, seen: Sequence[Command], before: Sequence[int]) -> str:
        """Why the traffic shows nothing; empty if it does."""
        ended_ns = fault.began_ns if fault.ended_ns is None else fault.ended_ns
        notes = [event.data for event in history.events_named("note")]
        if any(note.get("kind") == "subject-died" for note in notes):
            return "the subject died"
        if any(note.get("kind") == "commands-not-recorded" for note in notes):
            return "not all commands were recorded"
        if (ended_ns - fault.began_ns) < round((self.within_s + self.timeout_s) * NS_PER_S):
            return f"{self.during} was shorter than {self.within_s + self.timeout_s:g} s: no probe was due in it"
        if _most_within(before, self._period_ns) <= self.probes:
            return f"before {self.during} there was no more traffic than {self.probes} probes in {self.timeout_s:g} s"
        stopping_ns = fault.began_ns + round(self.within_s * NS_PER_S)
        if not any(fault.began_ns <= one.at_ns <= stopping_ns for one in seen):
            return f"no command was seen in the first {self.within_s:g} s of {self.during}: none could arrive, perhaps"
        return ""

    def _stops(self, open_ns: Sequence[int]) -> Judged:
        most = _most_within(open_ns, self._period_ns)
        told = f"{most} commands in {self.timeout_s:g} s, {self.within_s:g} s after {self.during} began"
        if most > self.probes:
            return Verdict.INVALID, f"traffic did not stop: {told} ({self.probes} allowed)"
        return Verdict.VALID, f"traffic stopped: at most {told} ({self.probes} allowed), and it came back"

    def _comes_back(self, history: History, ended_ns: int, before: Sequence[int], after: Sequence[int]) -> Judged:
        pause_ns = max((later - earlier for earlier, later in pairwise(before)), default=0)
        due_ns = ended_ns + round(self.timeout_s * NS_PER_S + self.tolerance_ms * NS_PER_MS) + pause_ns
        back_ns = after[0] if after else None
        last_ns = max(event.at_ns for event in history.events)
        if back_ns is not None and back_ns <= due_ns:
            return Verdict.VALID, ""
        if back_ns is None and last_ns <= due_ns:
            return Verdict.UNKNOWN, f"the record ends too early after {self.during} to see traffic come back"
        took = "not at all" if back_ns is None else f"{(back_ns - ended_ns) / NS_PER_S:.1f} s after its end"
        limit = f"{(due_ns - ended_ns) / NS_PER_S:.1f} s allowed"
        return Verdict.INVALID, f"traffic stopped in {self.during} and came back {took} ({limit})"

    def _finding(self, verdict: Verdict, summary: str, figures: dict[str, Json]) -> Finding:
        return Finding(claim=self.claim, verdict=verdict, summary=summary, figures=figures)


def breaker_opens_by_traffic(
    *,
    during: str,
    within_s: float,
    timeout_s: float,
    probes: int = 1,
    names: Sequence[str] = (),
    tolerance_ms: float = 100,
) -> BreakerOpensByTraffic:
    """During a fault the subject's traffic stops, but for probes, and comes back after it."""
    return BreakerOpensByTraffic(
        during=during,
        within_s=within_s,
        timeout_s=timeout_s,
        probes=probes,
        names=tuple(name.upper() for name in names),
        tolerance_ms=tolerance_ms,
    )


def _most_within(at_ns: Sequence[int], period_ns: int) -> int:
    """The most of these instants, in order, that lie within one period."""
    most, first = 0, 0
    for last, now_ns in enumerate(at_ns):
        while now_ns - at_ns[first] >= period_ns:
            first += 1
        most = max(most, last - first + 1)
    return most
