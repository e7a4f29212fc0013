"""A circuit breaker that tells nothing of itself, judged by its traffic: it stops, it probes, it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.arrivals import certainly_within, possibly_within, traffic
from pytest_arbredis.checkers.seen import refused_monitor
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.checkers.arrivals import Arrivals, Traffic
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

    Where MONITOR is not permitted, or could not show all, the servers' counts decide (INFO commandstats): each command
    came some time between two looks, and what depends on when is unknown.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"commands", "commandstats"})

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
        seen = traffic(history, self.names, fault.nodes)
        arrivals, stopping_ns = seen.arrivals, fault.began_ns + round(self.within_s * NS_PER_S)
        before = [one for one in arrivals if one.until_ns < fault.began_ns]
        soon = [one for one in arrivals if fault.began_ns <= one.from_ns and one.until_ns <= stopping_ns]
        later = [one for one in arrivals if one.until_ns > stopping_ns and one.from_ns < fault.ended_ns]
        open_ns = [one for one in later if one.from_ns >= stopping_ns and one.until_ns < fault.ended_ns]
        after = [one for one in arrivals if one.from_ns >= fault.ended_ns]
        named = {"before": before, "until_open": soon, "while_open": open_ns, "after": after}
        figures: dict[str, Json] = {name: sum(one.count for one in found) for name, found in named.items()}
        figures["counted_only"] = seen.by_counts
        reason = self._why_blind(history, fault, seen, before)
        if not reason and not soon:
            reason = (
                f"no command was seen in the first {self.within_s:g} s of {self.during}: none could arrive, perhaps"
            )
        if not reason and not open_ns:
            reason = f"no probe was seen in {self.during}: none could arrive, perhaps"
        if reason:
            return self._finding(Verdict.UNKNOWN, reason, figures)
        verdict, told = max(
            self._stops(open_ns, later),
            self._comes_back(history, fault.ended_ns, before, after),
            key=lambda one: one[0],
        )
        return self._finding(verdict, f"{told}; by counts alone" if seen.by_counts else told, figures)

    @property
    def _period_ns(self) -> int:
        return round(self.timeout_s * NS_PER_S - self.tolerance_ms * NS_PER_MS)

    def _why_blind(self, history: History, fault: FaultRecord, seen: Traffic, before: Sequence[Arrivals]) -> str:
        """Why the traffic shows nothing; empty if it does."""
        ended_ns = fault.began_ns if fault.ended_ns is None else fault.ended_ns
        notes = [event.data for event in history.events_named("note")]
        if any(note.get("kind") == "subject-died" for note in notes):
            return "the subject died"
        if not seen.by_counts and any(note.get("kind") == "commands-not-recorded" for note in notes):
            return "not all commands were recorded"
        if not seen.by_counts and refused_monitor(history):
            return "a server did not permit MONITOR, and commands were not counted"
        if any(one.until_ns > fault.began_ns and one.from_ns < ended_ns for one in seen.blind):
            return f"what came in {self.during} was not counted without a gap, or the harness sent some of it"
        if (ended_ns - fault.began_ns) < round((self.within_s + self.timeout_s) * NS_PER_S):
            return f"{self.during} was shorter than {self.within_s + self.timeout_s:g} s: no probe was due in it"
        if certainly_within(before, self._period_ns) <= self.probes:
            return f"before {self.during} there was no more traffic than {self.probes} probes in {self.timeout_s:g} s"
        return ""

    def _stops(self, open_ns: Sequence[Arrivals], perhaps: Sequence[Arrivals]) -> Judged:
        most, possible = certainly_within(open_ns, self._period_ns), possibly_within(perhaps, self._period_ns)
        when = f"in {self.timeout_s:g} s, {self.within_s:g} s after {self.during} began"
        told = f"{most} commands {when}"
        if most > self.probes:
            return Verdict.INVALID, f"traffic did not stop: {told} ({self.probes} allowed)"
        if possible > self.probes:
            return Verdict.UNKNOWN, f"{most} to {possible} commands {when}: {self.probes} allowed"
        return Verdict.VALID, f"traffic stopped: at most {told} ({self.probes} allowed), and it came back"

    def _comes_back(
        self, history: History, ended_ns: int, before: Sequence[Arrivals], after: Sequence[Arrivals]
    ) -> Judged:
        pause_ns = max((later.until_ns - earlier.from_ns for earlier, later in pairwise(before)), default=0)
        due_ns = ended_ns + round(self.timeout_s * NS_PER_S + self.tolerance_ms * NS_PER_MS) + pause_ns
        last_ns = max(event.at_ns for event in history.events)
        if any(one.until_ns <= due_ns for one in after):
            return Verdict.VALID, ""
        if not after and last_ns <= due_ns:
            return Verdict.UNKNOWN, f"the record ends too early after {self.during} to see traffic come back"
        if after and after[0].from_ns <= due_ns:
            return Verdict.UNKNOWN, f"it is not certain that traffic came back in time after {self.during}"
        took = f"{(after[0].from_ns - ended_ns) / NS_PER_S:.1f} s after its end" if after else "not at all"
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
