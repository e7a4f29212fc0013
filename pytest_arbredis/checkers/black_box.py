"""The vacuity guard of a black box: what did the bot do before, under and after the faults, as the servers saw it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, get_args

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.checkers.exposure import EXPOSED_BY, ExposedBy
from pytest_arbredis.checkers.reasons import guarded
from pytest_arbredis.checkers.seen import Command, commands, connections
from pytest_arbredis.checkers.vacuity import healed_ns
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json

IN_USE_NS: Final = 2 * NS_PER_S
"""A connection on which nothing came for this long before a fault is not in use."""
CUT_SEEN_NS: Final = NS_PER_S
"""A cut is seen this long after it at the latest."""
FLOW: Final = 5
"""Fewer commands than these tell nothing of the bot's pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackBoxGuard:
    """Unknown, with a reason for each, unless the run gave the claim a chance to fail.

    - The servers executed commands of the bot (`names`, or any but housekeeping) before the first fault, and after
      healing; without any fault, at all. It did not die.
    - Every fault of `faults` is on record and was observed, and the bot met it: a node of it executed commands of the
      bot while it was in force, or connections of the bot that were in use there were cut, or went silent.
    - All final reads succeeded, after the topology had settled, and there was at least one.
    """

    faults: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    exposed_by: Mapping[str, ExposedBy] = field(default_factory=dict)
    final_reads: bool = True

    def __post_init__(self) -> None:
        """Refuse settings that would never apply."""
        for how in self.exposed_by.values():
            if how not in get_args(ExposedBy):
                raise UsageError.unknown("exposure", how, get_args(ExposedBy))

    @property
    def claim(self) -> str:
        """`vacuity_guard`."""
        return "vacuity_guard"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        seen = commands(history, self.names)
        met = {fault.id: self._met(history, fault, seen) for fault in history.faults}
        reasons = [
            *self._why_not_working(history, seen),
            *self._why_not_injected(history),
            *(reason for fault in history.faults for reason in _why_not_met(fault, met[fault.id])),
            *self._why_not_read(history),
        ]
        figures: dict[str, Json] = {
            "commands": len(seen),
            "faults": len(history.faults),
            "observed": sum(fault.evidence is not None for fault in history.faults),
            "met": {f"{fault.name} {fault.id}": met[fault.id] for fault in history.faults},
            "final_reads": len(history.final_reads()),
        }
        told = "; ".join(f"{fault.name}: {met[fault.id]}" for fault in history.faults) or "no fault"
        summary = f"the servers saw {len(seen)} commands; {told}; {len(history.final_reads())} final reads"
        return guarded(self.claim, reasons, told=summary, figures=figures)

    def _why_not_working(self, history: History, seen: Sequence[Command]) -> Iterator[str]:
        what = f"{' or '.join(self.names)} " if self.names else ""
        for event in history.events_named("note"):
            if event.data.get("kind") == "subject-died":
                yield f"the bot died with status {event.data.get('status')!r}; it said: {event.data.get('said')!r}"
        if not seen:
            yield f"the servers saw no {what}command of the bot"
            return
        if not history.faults:
            return
        if seen[0].at_ns >= history.faults[0].began_ns:
            yield f"the servers saw no {what}command of the bot before the first fault"
        healed = healed_ns(history)
        if healed is None:
            yield "it is not on record that everything was healed"
        elif seen[-1].at_ns < healed:
            yield f"the servers saw no {what}command of the bot after healing"

    def _why_not_injected(self, history: History) -> Iterator[str]:
        recorded = Counter(fault.name for fault in history.faults)
        for name, count in Counter(self.faults).items():
            if recorded[name] < count:
                yield f"{name} is on record {recorded[name]} of {count} times"

    def _why_not_read(self, history: History) -> Iterator[str]:
        reads, settled_ns = history.final_reads(), history.phase_ns("settled")
        if not self.final_reads:
            return
        if not reads:
            yield "there was no final read: the servers hold no key, or could not be read"
            return
        failed = sum(op.outcome != "ok" for op in reads)
        if failed:
            yield f"{failed} of {len(reads)} final reads did not succeed"
        if settled_ns is None:
            yield "the topology never settled"
        for event in history.events_named("note"):
            if event.data.get("kind") == "not-read-back":
                yield f"not everything was read back: {event.data.get('why')!r}"

    def _met(self, history: History, fault: FaultRecord, seen: Sequence[Command]) -> str:
        """How the bot met a fault; empty if it did not."""
        usual = self.exposed_by.get(f"{fault.name} on {fault.target}", EXPOSED_BY.get(fault.name, "target"))
        by = self.exposed_by.get(fault.name, usual)
        until = fault.ended_ns
        during = [one for one in seen if one.at_ns >= fault.began_ns and (until is None or one.at_ns <= until)]
        if by == "after":
            later = sum(one.at_ns >= fault.began_ns for one in seen)
            return f"{later} commands since" if later else ""
        if by == "any":
            return f"{len(during)} commands meanwhile" if during else ""
        there = [one for one in during if one.node in fault.nodes]
        cut = sum(_cut_or_silent(history, fault, node, seen) for node in fault.nodes)
        told = [f"{cut} connections cut or silent"] * bool(cut) + [f"{len(there)} commands there"] * bool(there)
        return ", ".join(told)


def _cut_or_silent(history: History, fault: FaultRecord, node: str, seen: Sequence[Command]) -> int:
    """Connections of the bot that were in use at a node when the fault began, and were cut by it, or went silent."""
    states = connections(history, node)
    before = [state for state in states if state.at_ns <= fault.began_ns]
    if not before:
        return 0
    until = fault.ended_ns if fault.ended_ns is not None else max(fault.began_ns, *(one.at_ns for one in states))
    in_use = {
        one.client for one in seen if one.node == node and fault.began_ns - IN_USE_NS <= one.at_ns <= fault.began_ns
    } & before[-1].clients
    later = [state for state in states if fault.began_ns < state.at_ns <= until + CUT_SEEN_NS]
    cut = {client for client in in_use if any(client not in state.clients for state in later)}
    return len(cut | (in_use if _fell_silent([one.at_ns for one in seen if one.node == node], fault) else set()))


def _fell_silent(seen_ns: Sequence[int], fault: FaultRecord) -> bool:
    """Whether no command came for longer than twice the longest pause before the fault, beginning under it."""
    before = [at_ns for at_ns in seen_ns if at_ns <= fault.began_ns]
    if len(before) < FLOW:
        return False
    longest = max(later - earlier for earlier, later in pairwise(before))
    ends = [at_ns for at_ns in seen_ns if at_ns > fault.began_ns]
    silent_until = min([*ends, fault.ended_ns] if fault.ended_ns is not None else [*ends, fault.began_ns])
    return silent_until - max(before[-1], fault.began_ns) > 2 * longest


def _why_not_met(fault: FaultRecord, met: str) -> Iterator[str]:
    where = f"{fault.name} on {', '.join(fault.nodes) or fault.target}"
    if fault.evidence is None:
        yield f"{where} was not observed"
    if not met:
        yield f"nothing that the servers saw of the bot met {where} while it was in force"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsSeen:
    """The servers executed at least `at_least` commands of the bot, of these names or but for mere housekeeping.

    Unknown where fewer were seen: a bot that did little proves little.
    """

    names: tuple[str, ...] = ()
    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that every run would reach."""
        if self.at_least < 1:
            raise UsageError(f"at_least={self.at_least!r}", remedy="use 1 or more")

    @property
    def claim(self) -> str:
        """`commands_seen`, or `commands_seen_set_rpush`."""
        return "_".join(["commands_seen", *(name.lower() for name in self.names)])

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        count = len(commands(history, self.names))
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID if count >= self.at_least else Verdict.UNKNOWN,
            summary=f"{count} {'/'.join(self.names) or 'commands'} seen by the servers ({self.at_least} wanted)",
            figures={"seen": count, "wanted": self.at_least},
        )


def commands_seen(*names: str, at_least: int = 1) -> CommandsSeen:
    """The servers executed at least so many commands of a black box."""
    return CommandsSeen(names=tuple(names), at_least=at_least)
