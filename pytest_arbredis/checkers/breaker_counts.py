"""A circuit breaker against what the servers counted: while it says open, the counts of no node rise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.breaker_record import FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_arbredis.checkers.breaker_record import Spell
    from pytest_arbredis.checkers.command_counts import Rise
    from pytest_arbredis.checkers.seen import Command
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(slots=True, kw_only=True)
class Counted:
    """What the counts say of the open spells of one breaker.

    `wrong` and `undecided` are sentences: of commands that certainly came from calls made while it was open, and of
    what cannot be told. `beyond` is how many the former are. `unseen` is for nodes that nobody else watched: what was
    not counted closely enough. `before` the first spell, and `after` the last one, commands were counted or were not.
    """

    wrong: list[str] = field(default_factory=list)
    beyond: int = 0
    undecided: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    before: bool = False
    after: bool = False


def counted(
    history: History,
    spells: Sequence[Spell],
    by_node: Mapping[str, Sequence[Rise]],
    *,
    shown: Sequence[Command],
    tolerance_ns: int,
) -> Counted:
    """Compare counts with spells: from `tolerance_ns` after each opening to its end.

    Commands that MONITOR showed (`shown`) are judged by what they say; counted here are those beyond them.
    """
    self = Counted()
    every = [rise for rises in by_node.values() for rise in rises if rise.count]
    self.before = bool(spells) and any(rise.by_ns <= spells[0].from_ns for rise in every)
    self.after = bool(spells) and any(rise.after_ns >= spells[-1].until_ns for rise in every)
    calls = [op for op in history.ops if not op.is_final and op.sent and op.name != FLOOR]
    share = _sent_by_each(calls, every, spells[0]) if spells else {}
    for spell in spells:
        for node, rises in by_node.items():
            origin_ns = history.phase_ns("load") or 0
            watched = _Watched(node=node, spell=spell, rises=rises, tolerance_ns=tolerance_ns, origin_ns=origin_ns)
            self.unseen += watched.gaps(_last_ns(history))
            _judge(self, history, watched, [one for one in shown if one.node == node], (calls, share))
    return self


def under_way(op: Op, spell: Spell) -> bool:
    """Invoked before the breaker opened, and then not over, or never answered."""
    if op.invoked_ns > spell.from_ns:
        return False
    return op.outcome == "unknown" or op.completed_ns is None or op.completed_ns >= spell.from_ns


def met_a_fault(history: History, spell: Spell, node: str, by_ns: int) -> bool:
    """Whether a fault of this node was in force at some time between an opening and `by_ns`."""
    return any(
        node in fault.nodes and fault.began_ns <= by_ns and (fault.ended_ns is None or fault.ended_ns >= spell.from_ns)
        for fault in history.faults
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """One node in one open spell."""

    node: str
    spell: Spell
    rises: Sequence[Rise]
    tolerance_ns: int
    origin_ns: int

    @property
    def begins_ns(self) -> int:
        """From here on nothing may arrive."""
        return self.spell.from_ns + self.tolerance_ns

    @property
    def within(self) -> list[Rise]:
        """What was counted certainly while nothing may arrive."""
        return [one for one in self.rises if one.after_ns >= self.begins_ns and one.by_ns <= self.spell.until_ns]

    def when(self, after_ns: int, by_ns: int) -> str:
        """A time of the load."""
        return f"from {(after_ns - self.origin_ns) / NS_PER_MS:.0f} to {(by_ns - self.origin_ns) / NS_PER_MS:.0f} ms"

    def gaps(self, last_ns: int) -> Iterator[str]:
        """Where the counts show too little."""
        node, within = self.node, self.within
        if not self.rises or self.rises[0].after_ns > self.begins_ns + self.tolerance_ns:
            yield f"the commands of {node} were not counted from the opening on"
            return
        if self.rises[-1].by_ns < min(self.spell.until_ns, last_ns) - self.tolerance_ns and not self.rises[-1].blind:
            yield f"the commands of {node} were not counted to the end of the open spell"
        for one in self.rises:
            meets = one.by_ns > self.begins_ns and one.after_ns < self.spell.until_ns
            if meets and (one.blind or (one.count and one not in within)) and _length(one) > self.tolerance_ns:
                yield f"{node} was not looked at often enough: {_told(one.calls)} {self.when(one.after_ns, one.by_ns)}"


def _judge(
    into: Counted,
    history: History,
    watched: _Watched,
    shown: Sequence[Command],
    sent: tuple[Sequence[Op], Mapping[str, int]],
) -> None:
    total: Counter[str] = Counter()
    doubtful: set[str] = set()
    for rise in watched.within:
        total.update(rise.calls)
        doubtful |= rise.doubtful & rise.calls.keys()
    if not total:
        return
    from_ns, until_ns = watched.within[0].after_ns, watched.within[-1].by_ns
    total -= Counter(one.words[0] for one in shown if from_ns <= one.at_ns <= until_ns + watched.tolerance_ns)
    told = f"{watched.node} counted {_told(total)} {watched.when(from_ns, until_ns)}, while the breaker was open"
    for name in doubtful & total.keys():
        into.undecided.append(f"{told}; the harness sent {name} too")
        del total[name]
    calls, share = sent
    excused = not calls and met_a_fault(history, watched.spell, watched.node, until_ns)
    attempts = sum(op.attempts or 1 for op in calls if under_way(op, watched.spell))
    beyond = {name: count - attempts * share.get(name, 1) for name, count in total.items()}
    more = 0 if excused else sum(count for count in beyond.values() if count > 0)
    if more:
        into.beyond += more
        into.wrong.append(
            f"{told}" + (f"; calls under way may have sent {sum(total.values()) - more}" if attempts else "")
        )
    elif total:
        into.undecided.append(f"{told}, but those may have been sent before it opened")


def _sent_by_each(calls: Sequence[Op], every: Sequence[Rise], first: Spell) -> dict[str, int]:
    """How many commands of each name a call may send, as far as the time before the first opening shows.

    The average, rounded up, where no look ever counted more than so many for each call that was under way then. Else
    calls differ, and any one of them may have sent all that a look counted at most.
    """
    before = [rise for rise in every if rise.by_ns <= first.from_ns]
    total: Counter[str] = Counter()
    for rise in before:
        total.update(rise.calls)
    over = sum(op.completed_ns is not None and op.completed_ns <= first.from_ns for op in calls)
    each = {name: -(-count // max(1, over)) for name, count in total.items()}
    for rise in before:
        beside = sum(_overlaps(op, rise) for op in calls)
        for name, count in rise.calls.items():
            if count > beside * each[name]:
                each[name] = max(count, each[name])
    return each


def _overlaps(op: Op, rise: Rise) -> bool:
    return op.invoked_ns <= rise.by_ns and (op.completed_ns is None or op.completed_ns >= rise.after_ns)


def _length(rise: Rise) -> int:
    return rise.by_ns - rise.after_ns


def _told(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items())) or "nothing"


def _last_ns(history: History) -> int:
    return max((event.at_ns for event in history.events), default=0)
