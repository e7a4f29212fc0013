"""A circuit breaker against what the servers saw: while it says open, no command of its calls arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.breaker_automaton import State
from pytest_arbredis.checkers.breaker_counts import Counted, counted, met_a_fault, under_way
from pytest_arbredis.checkers.breaker_record import FLOOR, breakers
from pytest_arbredis.checkers.command_counts import rises
from pytest_arbredis.checkers.seen import Command, commands, refused_monitor
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_arbredis.checkers.breaker_record import Spell
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCommandWhileOpen:
    """From `tolerance_ms` after a breaker opened to its next transition, the servers see no command of the subject.

    Commands are those that MONITOR showed, of `names` or all but housekeeping (PING, INFO, …). One that may stem from a
    call made before the breaker opened is no violation: a call that was then under way, or whose outcome is unknown,
    on a key that the command names (a frozen server runs late what its socket holds), unless the command carries the
    value of a call made later, which proves it. Without recorded calls, a command on an older connection to a node that
    had a fault is no violation either.

    Beside it stands what the servers counted (INFO commandstats), refused commands too, which MONITOR does not show;
    where MONITOR is not permitted it decides alone. Commands counted while open are a violation as far as they are
    more than calls from before the opening may have sent, one of each name an attempt. Not counted are names that
    Sentinels and replication use, writes on replicas, and what the harness sent as well.

    Unknown without breaker events or if none opened, if no command was seen before the first opening and after the
    last, if commands of an open spell were not recorded or are undecided, or with several breakers (commands do not
    say which breaker let them in).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"commands", "commandstats"})

    names: tuple[str, ...] = ()
    tolerance_ms: float = 100

    def __post_init__(self) -> None:
        """Refuse a negative tolerance."""
        if self.tolerance_ms < 0:
            raise UsageError(f"tolerance_ms={self.tolerance_ms!r}", remedy="use 0 or more")

    @property
    def claim(self) -> str:
        """`no_command_while_open`."""
        return "no_command_while_open"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        found = breakers(history, names=(), rejected_by=())
        spells = [spell for breaker in found for spell in breaker.spells_in(State.OPEN)]
        seen = commands(history, self.names)
        tolerance_ns = round(self.tolerance_ms * NS_PER_MS)
        calls = _Calls.of(history)
        while_open = [
            (one, _judged(history, spell, one, calls, seen))
            for spell in spells
            for one in seen
            if spell.from_ns + tolerance_ns < one.at_ns < spell.until_ns
        ]
        wrong = [(one, kind.by) for one, kind in while_open if not kind.older]
        counts = counted(history, spells, rises(history, self.names), shown=seen, tolerance_ns=tolerance_ns)
        figures: dict[str, Json] = {
            "open_spells": len(spells),
            "commands": len(seen),
            "while_open": len(while_open),
            "violations": len(wrong),
            "counted_while_open": counts.beyond,
        }
        reasons = (
            *_why_unseen(len(found), spells, seen, counts),
            *_why_undecided(history, spells, len(while_open), counts),
            *(counts.unseen if not seen or refused_monitor(history) else ()),
        )
        if (wrong or counts.wrong) and len(found) == 1:
            summary = f"{len(wrong)} of {len(seen)} commands arrived while the breaker was open"
            first = f"{summary}: first {_told(wrong[0][0])}" if wrong else counts.wrong[0]
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=first,
                proof=next(((by,) for _, by in wrong if by is not None), ()),
                figures=figures,
                lines=(*(_told(one) for one, _ in wrong[:SHOWN]), *counts.wrong[:SHOWN]),
            )
        told = f"none of {len(seen)} commands arrived while the breaker was open ({len(spells)} openings)"
        if not seen:
            told = f"the servers counted no command while the breaker was open ({len(spells)} openings)"
        return Finding(
            claim=self.claim,
            verdict=Verdict.UNKNOWN if reasons else Verdict.VALID,
            summary=reasons[0] if reasons else told,
            figures=figures,
            lines=reasons,
        )


def no_command_while_open(*, names: Sequence[str] = (), tolerance_ms: float = 100) -> NoCommandWhileOpen:
    """While the subject says open, the servers see no command of it."""
    return NoCommandWhileOpen(names=tuple(name.upper() for name in names), tolerance_ms=tolerance_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """The calls of a load, by the key that they are on (None: by none)."""

    by_key: Mapping[str | None, Sequence[Op]]

    @classmethod
    def of(cls, history: History) -> _Calls:
        found: dict[str | None, list[Op]] = {}
        for op in history.ops:
            if not op.is_final and op.sent and op.name != FLOOR:
                found.setdefault(op.key, []).append(op)
        return cls(by_key=found)

    def of_command(self, command: Command) -> Iterator[Op]:
        """The calls that a command may stem from: on a key that it names, or on none; long words are shortened."""
        yield from self.by_key.get(None, ())
        words = set(command.words[1:])
        begins = tuple(word[:-1] for word in words if word.endswith("…"))
        every = len(command.words) == 1
        for key in self.by_key if begins or every else words & self.by_key.keys():
            if key is not None and (every or key in words or key.startswith(begins)):
                yield from self.by_key[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Of a command while the breaker was open: whether it may be older, and the call whose value it carries."""

    older: bool
    by: int | None = None


def _judged(history: History, spell: Spell, command: Command, calls: _Calls, seen: Sequence[Command]) -> _Kind:
    """Whether a command was certainly sent while the breaker was open, and by which call, if that is known."""
    if not calls.by_key:
        return _Kind(older=_on_old_connection(history, spell, command, seen))
    may = [op for op in calls.of_command(command) if op.invoked_ns <= command.at_ns]
    older = [op for op in may if under_way(op, spell)]
    values = {str(op.input) for op in older}
    by = [op for op in may if op.invoked_ns > spell.from_ns and _carries(command, op) and str(op.input) not in values]
    return _Kind(older=bool(older) and not by, by=by[-1].id if by else None)


def _carries(command: Command, op: Op) -> bool:
    return isinstance(op.input, str | int | float) and str(op.input) in command.words[2:]


def _on_old_connection(history: History, spell: Spell, command: Command, seen: Sequence[Command]) -> bool:
    """Without recorded calls: a connection from before the opening, to a node that had a fault since."""
    known = {one.client for one in seen if one.node == command.node and one.at_ns <= spell.from_ns}
    return command.client in known and met_a_fault(history, spell, command.node, command.at_ns)


def _why_unseen(count: int, spells: Sequence[Spell], seen: Sequence[Command], counts: Counted) -> Iterator[str]:
    if not count:
        yield "no breaker event is on record"
        return
    if count > 1:
        yield f"{count} breakers are on record: commands do not say which one let them in"
    if not spells:
        yield "no breaker ever opened"
        return
    if not (counts.before or any(one.at_ns <= spells[0].from_ns for one in seen)):
        yield "the servers saw no command before the breaker opened first"
    if not (counts.after or any(one.at_ns >= spells[-1].until_ns for one in seen)):
        yield "the servers saw no command after the breaker's last open spell: it is not sure that any would be seen"


def _why_undecided(history: History, spells: Sequence[Spell], older: int, counts: Counted) -> Iterator[str]:
    if older:
        yield f"{older} commands arrived while the breaker was open, but may have been sent before"
    yield from counts.undecided
    for event in history.events_named("note"):
        if event.data.get("kind") == "commands-not-recorded" and any(
            spell.from_ns <= event.at_ns <= spell.until_ns + NS_PER_S for spell in spells
        ):
            yield f"{event.data.get('count')!s} commands at {event.source} were not recorded while the breaker was open"


def _told(command: Command) -> str:
    words = " ".join(command.words)
    return f"{command.at_ns / NS_PER_MS:.3f} ms at {command.node} from {command.client}: {words}"
