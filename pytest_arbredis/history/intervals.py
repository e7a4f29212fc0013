"""A process has one operation at a time; one that was never sent has no interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two operations of one process at a time; `later` was invoked before `earlier` had completed."""

    earlier: Op
    later: Op

    def text(self, where: str = "") -> str:
        """What is wrong; `where` tells the place of the earlier one."""
        earlier, later = self.earlier, self.later
        ended = earlier.completed_ns
        until = "never completed" if ended is None else f"completed at {ended}"
        return (
            f"operation {later.id} of process {later.process} was invoked at {later.invoked_ns}, but operation "
            f"{earlier.id} of that process{where} {until}: a process has one operation at a time"
        )


def first_overlap(ops: Iterable[Op]) -> Overlap | None:
    """The first two operations of a process that overlap, or None."""
    sent = [op for op in ops if op.sent]
    sent.sort(key=_interval)
    previous: Op | None = None
    for op in sent:
        if previous is not None and previous.process == op.process:
            ended = previous.completed_ns
            if ended is None or op.invoked_ns < ended:
                return Overlap(earlier=previous, later=op)
        previous = op
    return None


def _interval(op: Op) -> tuple[int, int, float]:
    return op.process, op.invoked_ns, float("inf") if op.completed_ns is None else op.completed_ns
