"""Which additions a failover may roll back: what Redis answered then, and what came to Redis then out of a memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.attribution import LONGEST_GAP_NS, cuts_of, samples_by_node
from pytest_arbredis.checkers.effects import completed_by_ns
from pytest_arbredis.checkers.losses import CRASHES
from pytest_arbredis.checkers.undone import Undone, undone_by_failovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

MEMORY: Final = "memory"
"""The node of an operation that its subject answered from memory, and brings to Redis later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A time in which Redis may have had what was undone. `returns_ns`: when somebody came back to Redis in it."""

    undone: Undone
    returns_ns: tuple[int, ...]

    def has(self, op: Op) -> bool:
        """Whether it may be rolled back."""
        if op.node != MEMORY:
            return self.undone.has(op)
        return any(at_ns >= completed_by_ns(op) for at_ns in self.returns_ns)


def rolled_back_by_failovers(history: History) -> tuple[RolledBack, ...]:
    """Of each failover with a beginning and an end on record, and of each old primary that took itself for it still.

    Subjects note (`{"kind": "mode", "to": "redis"}`) when Redis has all that was in their memory. Such a return was to
    the old primary until that was crashed, or else until the other one was seen as a master.
    """
    failovers = undone_by_failovers(history)
    if not failovers:
        return ()
    returns = [
        event.at_ns
        for event in history.events
        if event.name == "note" and event.data.get("kind") == "mode" and event.data.get("to") == "redis"
    ]
    crashes = [fault.began_ns for fault in history.faults if fault.name in CRASHES]
    found = []
    for one in failovers:
        until_ns = min((at_ns for at_ns in crashes if one.from_ns < at_ns <= one.until_ns), default=one.until_ns)
        found.append(RolledBack(undone=one, returns_ns=_within(returns, one.from_ns, until_ns)))
    found.extend(
        RolledBack(undone=stale, returns_ns=_within(returns, stale.from_ns, stale.until_ns))
        for stale in _stale(history)
    )
    return tuple(found)


def _stale(history: History) -> Iterator[Undone]:
    """When a primary whose history another node had taken over was still, or again, a master, until it was none."""
    cuts = cuts_of(history).values()
    for node, samples in samples_by_node(history).items():
        own = {sample.replid for sample in samples if sample.is_master}
        for cut in cuts:
            if cut.node == node or cut.replid not in own:
                continue
            later = [sample for sample in samples if sample.answered_ns > cut.seen_ns]
            spell = list(takewhile(lambda sample: sample.is_master, later))
            if spell:
                after = later[len(spell)] if len(later) > len(spell) else spell[-1]
                yield Undone(from_ns=spell[0].asked_ns - LONGEST_GAP_NS, until_ns=after.answered_ns)


def _within(at: list[int], from_ns: int, until_ns: int) -> tuple[int, ...]:
    return tuple(one for one in at if from_ns < one <= until_ns)
