"""Circuit breaker: what it told of itself, and what it did to calls, follows its automaton."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - users' tools resolve the fields and methods of checks
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.breaker_automaton import State, why_illegal
from pytest_arbredis.checkers.breaker_calls import (
    Limits,
    Violation,
    nanoseconds,
    undecided_time_out,
    violations_of_calls,
)
from pytest_arbredis.checkers.breaker_record import REJECTED_BY, BreakerRecord, breakers
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

_TOLD = {"rejected": "calls rejected", "probes": "probes let in"}
SHOWN = 20
"""Violations that are written out; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerFollowsItsAutomaton:
    """Every breaker moves as closed, open and half-open allow, and treats calls accordingly.

    Violations: a transition that is not in the table, or for a wrong cause; transitions out of their order, or that do
    not follow each other; a call let in while open (only if it was invoked after the open event and entered before the
    next one); more than `probes` calls let in while half-open (`at_once`: under way at one time); half-open without a
    probe, rejecting; a rejection while closed; a closed breaker opened by a probe of an earlier half-open spell; open
    for longer than `timeout_s` although calls came (by more than `tolerance_ms`, from the first call after the
    time-out), or for less (by more than `tolerance_ms`).

    What is None is taken from the header's `meta.breaker` (`timeout_s`, `probes`); without any `timeout_s` the time-out
    is not judged, without any `probes` one is allowed. An event may be stamped `skew_ms` after what it tells.
    Calls are the operations of `names` (all but the harness's PING); a rejected one has the outcome `fail` and
    `meta.rejected`, or an error that begins with one of `rejected_by`. With several breakers `meta.breaker` says which.

    Unknown without breaker events, if no breaker opened or none was called then, if transitions are missing, or if the
    record ends before the time-out can be judged.
    """

    timeout_s: float | None = None
    probes: int | None = None
    at_once: bool = False
    tolerance_ms: float = 100
    skew_ms: float = 5
    names: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = REJECTED_BY

    def __post_init__(self) -> None:
        """Refuse limits that no breaker has."""
        probes = 1 if self.probes is None else self.probes
        timeout_s = 1 if self.timeout_s is None else self.timeout_s
        if probes < 1 or timeout_s <= 0 or self.tolerance_ms < 0 or self.skew_ms < 0:
            raise UsageError(
                f"{self}", remedy="use a positive timeout_s, 1 or more probes, and no negative tolerance_ms or skew_ms"
            )

    @property
    def claim(self) -> str:
        """`breaker_follows_its_automaton`."""
        return "breaker_follows_its_automaton"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        limits = self._limits(history.header.meta)
        found = breakers(history, names=self.names, rejected_by=self.rejected_by)
        violations = [
            violation
            for breaker in found
            for violation in (*_of_events(breaker, limits), *violations_of_calls(breaker, limits))
        ]
        violations.sort(key=lambda violation: violation.at_ns)
        figures = _figures(found, violations)
        if violations:
            more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
            origin_ns = history.phase_ns("load") or 0
            lines = tuple(f"{(one.at_ns - origin_ns) / NS_PER_MS:.3f} ms: {one.text}" for one in violations[:SHOWN])
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=violations[0].text + more,
                proof=violations[0].proof,
                figures=figures,
                lines=lines,
            )
        reasons = tuple(_why_unknown(found, limits))
        counts = [f"{figures[name]!s} {what}" for name, what in _TOLD.items()]
        told = f"{figures['opened']!s} openings, {', '.join(counts)}"
        if limits.timeout_ns is None:
            told += "; its time-out is not known"
        return Finding(
            claim=self.claim,
            verdict=Verdict.UNKNOWN if reasons else Verdict.VALID,
            summary=reasons[0] if reasons else told,
            figures=figures,
            lines=reasons,
        )

    def _limits(self, meta: Mapping[str, Json]) -> Limits:
        said = meta.get("breaker")
        of_run = said if isinstance(said, dict) else {}
        timeout_s = of_run.get("timeout_s") if self.timeout_s is None else self.timeout_s
        probes = of_run.get("probes") if self.probes is None else self.probes
        return Limits(
            timeout_ns=nanoseconds(timeout_s) if isinstance(timeout_s, int | float) else None,
            probes=probes if isinstance(probes, int) else 1,
            at_once=self.at_once,
            tolerance_ns=round(self.tolerance_ms * NS_PER_MS),
            skew_ns=round(self.skew_ms * NS_PER_MS),
        )


def breaker_follows_its_automaton(
    *,
    timeout_s: float | None = None,
    probes: int | None = None,
    at_once: bool = False,
    tolerance_ms: float = 100,
    skew_ms: float = 5,
    names: Sequence[str] = (),
    rejected_by: Sequence[str] = REJECTED_BY,
) -> BreakerFollowsItsAutomaton:
    """Every breaker moves as closed, open and half-open allow, and treats calls accordingly."""
    return BreakerFollowsItsAutomaton(
        timeout_s=timeout_s,
        probes=probes,
        at_once=at_once,
        tolerance_ms=tolerance_ms,
        skew_ms=skew_ms,
        names=tuple(names),
        rejected_by=tuple(rejected_by),
    )


def _of_events(breaker: BreakerRecord, limits: Limits) -> Iterator[Violation]:
    """What the transitions alone show."""
    for one in breaker.transitions:
        if one.source is not None and one.target is not None:
            why = why_illegal(one.source, one.target, one.cause)
            if why:
                yield Violation(at_ns=one.at_ns, text=f"{one.text} {why}")
    first = breaker.transitions[0]
    if first.seq in {0, 1} and first.source in {State.OPEN, State.HALF_OPEN}:
        yield Violation(at_ns=first.at_ns, text=f"{first.text}: the first transition is not from closed")
    for one, following in pairwise(breaker.transitions):
        if one.seq is None or following.seq is None:
            continue
        if one.seq == following.seq:
            yield Violation(at_ns=following.at_ns, text=f"two transitions of {breaker.id} have seq {one.seq}")
        elif one.at_ns > following.at_ns + limits.skew_ns:
            yield Violation(at_ns=following.at_ns, text=f"{following.text} happened before {one.text}")
        elif following.seq - one.seq == 1 and _broken(one.target, following.source):
            yield Violation(at_ns=following.at_ns, text=f"{following.text} does not follow {one.text}")


def _broken(target: State | None, source: State | None) -> bool:
    return target is not None and source is not None and target is not source


def _why_unknown(found: Sequence[BreakerRecord], limits: Limits) -> Iterator[str]:
    if not found:
        yield "no breaker event is on record"
        return
    for breaker in found:
        yield from (f"{breaker.id}: {why}" for why in breaker.incomplete)
    opened = [breaker for breaker in found if any(one.target is State.OPEN for one in breaker.transitions)]
    if not opened:
        yield "no breaker ever opened"
    for breaker in opened:
        first_ns = min(one.at_ns for one in breaker.transitions if one.target is State.OPEN)
        if not any(call.op.invoked_ns >= first_ns for call in breaker.calls):
            which = "" if len(found) == 1 else ", or meta.breaker does not say so"
            yield f"no call came to {breaker.id} after it had opened{which}"
        why = undecided_time_out(breaker, limits)
        if why:
            yield f"{breaker.id}: {why}"


def _figures(found: Sequence[BreakerRecord], violations: Sequence[Violation]) -> dict[str, Json]:
    transitions = [one for breaker in found for one in breaker.transitions]
    probes = sum(
        call.surely_entered(spell)
        for breaker in found
        for spell in breaker.spells_in(State.HALF_OPEN)
        for call in breaker.calls_in(spell)
    )
    return {
        "breakers": len(found),
        "transitions": len(transitions),
        "opened": sum(one.target is State.OPEN for one in transitions),
        "calls": sum(len(breaker.calls) for breaker in found),
        "rejected": sum(call.rejected for breaker in found for call in breaker.calls),
        "probes": probes,
        "violations": len(violations),
    }
