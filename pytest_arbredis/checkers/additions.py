"""What was put into a set or a log, and what a read of it lacks, or should not have."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import applied_by_ns, completed_by_ns, may_apply
from pytest_arbredis.checkers.elements import given, named
from pytest_arbredis.checkers.violations import Violation, apart, shown
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from pytest_arbredis.history.records import Op


@dataclass(slots=True, kw_only=True)
class Additions:
    """The additions to one object by element; `verb` is "added" or "appended".

    `first` may have taken effect before all others; `certain` is what was acknowledged first, and `by_ns` when, sorted;
    `refused` certainly failed. With `wanted` only what so many replicas confirmed is certain: a failover may take back
    the rest. `more` counts additions of an element beyond its first, `repeated` is one of those.
    """

    verb: str
    wanted: int = 0
    first: dict[Hashable, Op] = field(default_factory=dict)
    certain: dict[Hashable, Op] = field(default_factory=dict)
    refused: dict[Hashable, Op] = field(default_factory=dict)
    more: Counter[Hashable] = field(default_factory=Counter)
    by_ns: list[int] = field(default_factory=list)
    acknowledged: int = 0
    repeated: Op | None = None

    @classmethod
    def of(cls, ops: Iterable[Op], *, verb: str, wanted: int = 0) -> Additions:
        """The additions of these operations, which come by invocation."""
        self = cls(verb=verb, wanted=wanted)
        for op in ops:
            if may_apply(op):
                self._take(given(op), op)
            elif op.input is not None:
                self.refused.setdefault(given(op), op)
        self.by_ns = sorted(map(applied_by_ns, self.certain.values()))
        return self

    def against(self, read: Op, present: set[Hashable]) -> Iterator[Violation]:
        """What a read that has the elements `present` shows to be wrong: at most one violation of each kind."""
        due = bisect_left(self.by_ns, read.invoked_ns)
        there = sum(op is not None and applied_by_ns(op) < read.invoked_ns for op in map(self.certain.get, present))
        if there < due:
            yield self._lacking(read, present, due - there, due)
        ended_ns, first = completed_by_ns(read), self.first
        alien = [element for element in present if element not in first or first[element].invoked_ns > ended_ns]
        if alien:
            yield self._alien(read, alien)

    def _take(self, element: Hashable, op: Op) -> None:
        if self.first.setdefault(element, op) is not op:
            self.repeated = op
            self.more[element] += 1
        if (by_ns := applied_by_ns(op)) < NEVER and (op.confirmed or 0) >= self.wanted:
            self.acknowledged += 1
            known = self.certain.get(element)
            if known is None or by_ns < applied_by_ns(known):
                self.certain[element] = op

    def _lacking(self, read: Op, present: set[Hashable], lost: int, due: int) -> Violation:
        missing = (op for element, op in self.certain.items() if element not in present)
        first = min(missing, key=lambda op: (applied_by_ns(op), op.id))
        return Violation(
            kind="lacking elements",
            what=f"read {read.id} of {shown(read.key)} lacks {lost} of {due} elements: {shown(first.input)} was "
            f"{self.verb} {apart(applied_by_ns(first), read.invoked_ns)} before it began",
            ops=(first, read),
        )

    def _alien(self, read: Op, alien: list[Hashable]) -> Violation:
        """The clearest of them is told: one that nobody ever asked for."""

        def cause(element: Hashable) -> Op | None:
            return self.first.get(element) or self.refused.get(element)

        one = min(alien, key=lambda element: (cause(element) is not None, repr(element)))
        op = cause(one)
        if op is None:
            why = f"was never {self.verb}"
        elif may_apply(op):
            why = f"was {self.verb} only later"
        else:
            why = f"was not {self.verb}: {op.name} {op.id} failed"
        return Violation(
            kind=f"with elements never {self.verb}",
            what=f"read {read.id} of {shown(read.key)} has {len(alien)} too many: {shown(named(read, one))} {why}",
            ops=(read,) if op is None else (op, read),
        )
