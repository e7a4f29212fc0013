"""The values that a key had, in what order is certain: what sessions and staleness are judged by.

A version begins when its write is invoked at the earliest. It is over, so that anything later replaces it, when its
write has completed, or before that when a read that gave it has completed (Gibbons & Korach 1997 call this the smallest
end of a cluster). An unknown write that nobody read is never over: it may take effect at any time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

NEVER: Final = 2**63 - 1
"""A time that does not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A value of a key: the operations that may have written it, and its bounds in time.

    `single`: one write gave it, and took effect once at most (it was not sent again); `seen_by` is the read that shows
    it to be over, where its reply does not show that as early. Null before the first write has no writes, begins and is
    over at -1.
    """

    writes: tuple[Op, ...] = ()
    began_ns: int = -1
    over_ns: int = -1
    single: bool = True
    seen_by: Op | None = None

    def shown_before(self, at_ns: int) -> tuple[Op, ...]:
        """The operations that show that it was over before this moment: its write, and a read if the reply is late."""
        by_reply = all(end_ns(op) < at_ns for op in self.writes)
        return self.writes if by_reply or self.seen_by is None else (*self.writes, self.seen_by)


INITIAL: Final = Version()
"""Null, before the first write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersions:
    """All versions of one key."""

    by_value: Mapping[Hashable, Version]
    _invoked_ns: list[int] = field(default_factory=list)
    _first_over: list[tuple[int, tuple[Op, ...]]] = field(default_factory=list)

    def of(self, value: Json) -> Version | None:
        """The version with this value; None if nobody wrote it."""
        return INITIAL if value is None else self.by_value.get(identity_of(value))

    def successor(self, version: Version) -> tuple[int, tuple[Op, ...]] | None:
        """When a later version had certainly replaced this one, and what shows it; None if that is never certain."""
        if version.over_ns == NEVER:
            return None
        index = bisect_right(self._invoked_ns, version.over_ns)
        if index == len(self._first_over) or self._first_over[index][0] == NEVER:
            return None
        return self._first_over[index]


def end_ns(op: Op) -> int:
    """When an operation had certainly taken effect, told by its reply; `NEVER` if that is not known."""
    return op.completed_ns if op.applied and op.completed_ns is not None else NEVER


def versions_of(history: History, reads: Iterable[Op], *, wanted: int = 0) -> dict[str | None, KeyVersions]:
    """The versions of every key that was written (operations called `write`); `reads` show what had taken effect.

    With `wanted` only a write that so many replicas confirmed takes the place of another, once it was acknowledged.
    """
    writes: dict[str | None, dict[Hashable, list[Op]]] = defaultdict(lambda: defaultdict(list))
    for op in history.named("write"):
        if op.outcome != "fail" or op.applied:
            writes[op.key][identity_of(op.input)].append(op)
    seen: dict[tuple[str | None, Hashable], Op] = {}
    for read in reads:
        given = identity_of(read.output)
        written = writes[read.key].get(given) if read.key in writes and read.outcome == "ok" else None
        if written and read.completed_ns is not None and read.completed_ns >= written[0].invoked_ns:
            seen[read.key, given] = min(seen.get((read.key, given), read), read, key=_completed_ns)
    return {
        key: _of_key({value: _version(ops, seen.get((key, value))) for value, ops in by_value.items()}, wanted)
        for key, by_value in writes.items()
    }


def _completed_ns(read: Op) -> int:
    return NEVER if read.completed_ns is None else read.completed_ns


def _version(writes: list[Op], seen: Op | None) -> Version:
    single = len(writes) == 1 and writes[0].attempts in {None, 0, 1}
    over_ns = max(map(end_ns, writes))
    seen_by = seen if single and seen is not None and _completed_ns(seen) < over_ns else None
    return Version(
        writes=tuple(writes),
        began_ns=min(op.invoked_ns for op in writes),
        over_ns=over_ns if seen_by is None else _completed_ns(seen_by),
        single=single,
        seen_by=seen_by,
    )


def _of_key(by_value: Mapping[Hashable, Version], wanted: int) -> KeyVersions:
    """Writes by invocation, each with the earliest moment at which it or one invoked after it had taken effect."""
    ends = [
        (op.invoked_ns, *(_end(version, op) if not wanted else (end_ns(op), None)), op)
        for version in by_value.values()
        for op in version.writes
        if (op.confirmed or 0) >= wanted
    ]
    ends.sort(key=lambda end: (end[0], end[3].id))
    first_over: list[tuple[int, tuple[Op, ...]]] = []
    for _, over_ns, seen_by, op in reversed(ends):
        shown = (op,) if seen_by is None else (op, seen_by)
        first_over.append(min([(over_ns, shown), *first_over[-1:]], key=lambda one: one[0]))
    first_over.reverse()
    return KeyVersions(
        by_value=by_value, _invoked_ns=[invoked_ns for invoked_ns, _, _, _ in ends], _first_over=first_over
    )


def _end(version: Version, op: Op) -> tuple[int, Op | None]:
    """When a write had certainly taken effect, and the read that shows it, where its reply does not."""
    return (version.over_ns, version.seen_by) if version.single else (end_ns(op), None)
