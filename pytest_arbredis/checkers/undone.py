"""When that was told which a failover may undo: by replication offsets, what the promoted node need not have had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.attribution import cuts_of, samples_by_node
from pytest_arbredis.checkers.effects import completed_by_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """From when on a primary may have had what the promoted node had not, until that was seen as a master."""

    from_ns: int
    until_ns: int

    def has(self, op: Op) -> bool:
        """Whether it may be undone: it was not answered before, and not asked after that."""
        return completed_by_ns(op) > self.from_ns and op.invoked_ns <= self.until_ns


def undone_by_failovers(history: History) -> tuple[Undone, ...]:
    """One for each history that a promoted node took over, if its old primary was seen while that had all of it.

    The last sample of the old primary below the cut says that all before it was asked for is on the promoted node.
    """
    return tuple(_each(history))


def _each(history: History) -> Iterator[Undone]:
    samples = samples_by_node(history)
    for cut in cuts_of(history).values():
        below = [
            sample.asked_ns
            for node, own in samples.items()
            if node != cut.node
            for sample in own
            if sample.is_master and sample.replid == cut.replid and sample.offset < cut.offset
        ]
        if below:
            yield Undone(from_ns=max(below), until_ns=cut.seen_ns)
