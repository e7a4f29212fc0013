"""What a history tells of a breaker: its transitions in order, its spells in each state, and its calls."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.breaker_automaton import State, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Event, Op

REJECTED_BY: Final = (
    "BreakerOpen",
    "CircuitBreakerError",
    "CircuitBreakerOpen",
    "CircuitOpen",
    "CallNotPermitted",
    "OpenedState",
)
"""What the recorded error of a call that a breaker did not let in begins with (the class's name), module or not."""
FLOOR: Final = "PING"
"""The harness's own operations for the noise floor: they pass no breaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One breaker event; `seq` is None where the breaker does not count, a state where the word is not known."""

    at_ns: int
    seq: int | None
    source: State | None
    target: State | None
    cause: str
    op: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stay in one state, from a transition (None: from the start) to the next one (None: the record's end)."""

    state: State
    from_ns: int
    began: Transition | None
    ended: Transition | None

    @property
    def until_ns(self) -> float:
        """When it ended; infinite if it did not."""
        return float("inf") if self.ended is None else self.ended.at_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call through a breaker. `entered_ns` is None for one that was not let in, or of which that is not recorded."""

    op: Op
    rejected: bool

    @property
    def shown_sent(self) -> bool:
        """Whether its outcome shows that it was let in: something was, or may have been, sent."""
        op = self.op
        if self.rejected or op.meta.get("fallback") or op.attempts == 0:
            return False
        return op.applied or op.outcome == "unknown" or bool(op.attempts) or op.node is not None

    def surely_entered(self, spell: Spell) -> bool:
        """Whether it was let in during a spell: as recorded, or because it began and ended within and was sent."""
        op = self.op
        if op.entered_ns is not None:
            return spell.from_ns <= op.entered_ns < spell.until_ns
        ended = float("inf") if op.completed_ns is None else op.completed_ns
        within = op.invoked_ns >= spell.from_ns and (spell.ended is None or ended < spell.until_ns)
        return self.shown_sent and within


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRecord:
    """One breaker: its transitions by `seq` (else by time), its calls by invocation, and when the record ends."""

    id: str
    transitions: tuple[Transition, ...]
    spells: tuple[Spell, ...]
    calls: tuple[Call, ...]
    failed: tuple[Call, ...]
    """Those of the calls that were let in, or may have been, and did not succeed."""
    longest_entry_ns: int
    ends_ns: int
    incomplete: tuple[str, ...]

    def calls_in(self, spell: Spell) -> tuple[Call, ...]:
        """The calls that may have been let in during a spell, by invocation."""
        first = bisect_left(self.calls, spell.from_ns - self.longest_entry_ns, key=_invoked_ns)
        return self.calls[first : bisect_left(self.calls, spell.until_ns, key=_invoked_ns)]

    def first_call_from(self, at_ns: int) -> Call | None:
        """The first call that was invoked then or later."""
        place = bisect_left(self.calls, at_ns, key=_invoked_ns)
        return self.calls[place] if place < len(self.calls) else None

    def spells_in(self, state: State) -> tuple[Spell, ...]:
        """The spells in one state whose begin and end are both known."""
        return tuple(spell for spell in self.spells if spell.state is state)


def breakers(history: History, *, names: Iterable[str], rejected_by: Iterable[str]) -> tuple[BreakerRecord, ...]:
    """Every breaker of a history; with several, `meta.breaker` says which one a call passed."""
    wanted, rejects = frozenset(names), rejection(rejected_by)
    events: dict[str, list[Event]] = {}
    for event in history.events_named("breaker"):
        events.setdefault(str(event.data.get("id", event.source)), []).append(event)
    load = [op for op in history.ops if not op.is_final and op.sent]
    load = [op for op in load if (op.name in wanted if wanted else op.name != FLOOR)]
    calls = [Call(op=op, rejected=is_rejected(op, rejects)) for op in load]
    ends_ns = max(
        [event.at_ns for event in history.events]
        + [op.invoked_ns if op.completed_ns is None else op.completed_ns for op in history.ops],
        default=0,
    )
    return tuple(
        _record(name, found, [call for call in calls if len(events) == 1 or _passed(call.op, name)], ends_ns)
        for name, found in events.items()
    )


def rejection(rejected_by: Iterable[str]) -> re.Pattern[str]:
    """A pattern for the errors of rejected calls: the first word ends with, or begins with, one of these names."""
    return re.compile(rf"(?:\w+\.)*(?:{'|'.join(map(re.escape, rejected_by)) or '(?!)'})")


def is_rejected(op: Op, rejects: re.Pattern[str]) -> bool:
    """Whether a breaker did not let a call in: `meta.rejected`, else the begin of its error; its outcome is `fail`."""
    if op.outcome != "fail":
        return False
    said = op.meta.get("rejected")
    return said is True or (said is None and rejects.match(op.error or "") is not None)


def _invoked_ns(call: Call) -> int:
    return call.op.invoked_ns


def _passed(op: Op, breaker: str) -> bool:
    return "breaker" in op.meta and str(op.meta["breaker"]) == breaker


def _record(name: str, events: list[Event], calls: list[Call], ends_ns: int) -> BreakerRecord:
    found = [_transition(event) for event in events]
    counted = all(one.seq is not None for one in found)
    if counted:
        found.sort(key=lambda one: (one.seq or 0, one.at_ns))
    return BreakerRecord(
        id=name,
        transitions=tuple(found),
        spells=_spells(found, counted=counted),
        calls=tuple(calls),
        failed=tuple(call for call in calls if call.op.outcome != "ok" and not call.rejected),
        longest_entry_ns=max((0, *((call.op.entered_ns or 0) - call.op.invoked_ns for call in calls))),
        ends_ns=ends_ns,
        incomplete=tuple(_missing(found, counted=counted)),
    )


def _transition(event: Event) -> Transition:
    data = event.data
    seq, op, cause = data.get("seq"), data.get("op"), data.get("cause")
    shown = f"{data.get('from')!s} to {data.get('to')!s}" + (f" ({cause!s})" if cause else "")
    return Transition(
        at_ns=event.at_ns,
        seq=seq if isinstance(seq, int) else None,
        source=state_of(data.get("from")),
        target=state_of(data.get("to")),
        cause="" if cause is None else str(cause),
        op=op if isinstance(op, int) else None,
        text=shown if seq is None else f"{shown}, seq {seq!s}",
    )


def _spells(found: list[Transition], *, counted: bool) -> tuple[Spell, ...]:
    """Stays whose both ends are on record; where transitions are missing, nothing is said of the time between."""
    spells: list[Spell] = []
    if found and found[0].source is State.CLOSED and (found[0].seq or 0) <= 1:
        spells.append(Spell(state=State.CLOSED, from_ns=0, began=None, ended=found[0]))
    for one, following in [*pairwise(found), *((last, None) for last in found[-1:])]:
        if one.target is None or (following is not None and not _follows(one, following, counted=counted)):
            continue
        spells.append(Spell(state=one.target, from_ns=one.at_ns, began=one, ended=following))
    return tuple(spells)


def _follows(one: Transition, following: Transition, *, counted: bool) -> bool:
    next_in_order = not counted or (following.seq or 0) - (one.seq or 0) == 1
    return next_in_order and one.target is following.source and one.at_ns <= following.at_ns


def _missing(found: list[Transition], *, counted: bool) -> list[str]:
    """Why the record of the transitions is not whole."""
    why = [f"{one.text}: a state that no breaker has" for one in found if one.source is None or one.target is None]
    if counted:
        if found and (first := found[0].seq or 0) > 1:
            why.append(f"the first transition on record has seq {first}")
        for one, following in pairwise(found):
            if (following.seq or 0) - (one.seq or 0) > 1:
                why.append(f"no transition between seq {one.seq} and seq {following.seq} is on record")
    else:
        broken = [b for a, b in pairwise(found) if a.target is not b.source]
        why += [f"{one.text} does not follow, and not every event has a seq: some may be missing" for one in broken]
    return why
