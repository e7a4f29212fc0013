"""One read of an append-only log, and the elements that it has too often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import completed_by_ns
from pytest_arbredis.checkers.elements import elements_of, named
from pytest_arbredis.checkers.violations import Violation, shown

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pytest_arbredis.checkers.additions import Additions
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A successful read and what it gave."""

    op: Op
    log: list[Hashable]

    @classmethod
    def of(cls, op: Op) -> Reading:
        """The reading of a read."""
        return cls(op=op, log=elements_of(op))

    @property
    def ended_ns(self) -> int:
        """When it completed."""
        return completed_by_ns(self.op)


def reading_violations(appends: Additions, reading: Reading) -> Iterator[Violation]:
    """What a read shows to be wrong without looking at others: at most one violation of each kind."""
    present = set(reading.log)
    yield from appends.against(reading.op, present)
    if len(present) == len(reading.log):
        return
    for element, count in Counter(reading.log).items():
        if element in appends.first and count > 1 + appends.more[element]:
            yield Violation(
                kind="with an element twice",
                what=f"read {reading.op.id} of {shown(reading.op.key)} has {shown(named(reading.op, element))} "
                f"{count} times",
                ops=(reading.op,),
            )
            return
