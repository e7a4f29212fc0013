"""The operations that prove a conflict of zones, as few as there can be.

A proof is closed: it holds the write of every value that it reads. So its operations alone, without the rest of the
history, are not linearizable either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from pytest_arbredis.checkers.zones import Accesses, Conflict, Zones


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneProof:
    """Entries of the writes and of the reads that conflict; `late` is the read that should have given something else.

    `instead` is the entry of a write whose value had taken its place, -1 where there is none.
    """

    conflict: Conflict
    writes: tuple[int, ...]
    reads: tuple[int, ...]
    late: int
    instead: int = -1

    @property
    def size(self) -> int:
        """How many operations it has."""
        return len(self.writes) + len(self.reads)


def prove(conflict: Conflict, zones: Zones, writes: Accesses, reads: Accesses) -> ZoneProof:
    """The smallest proof of one conflict."""
    if conflict.kind == "unwritten":
        return ZoneProof(conflict=conflict, writes=(), reads=(conflict.read,), late=conflict.read)
    if conflict.kind == "future":
        return ZoneProof(conflict=conflict, writes=(conflict.write,), reads=(conflict.read,), late=conflict.read)
    one = _Cluster.of(conflict.write, zones.writer, writes, reads)
    if conflict.kind == "erased":
        null = conflict.read
        earlier = () if writes.end[conflict.write] < reads.start[null] else (one.ends_first.read,)
        return ZoneProof(
            conflict=conflict, writes=(conflict.write,), reads=(*earlier, null), late=null, instead=conflict.write
        )
    return _crossing(conflict, one, _Cluster.of(conflict.other, zones.writer, writes, reads))


class _Use(NamedTuple):
    """An access of a cluster; `read` is -1 for the write itself."""

    read: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cluster:
    """A write and its reads."""

    write: int
    by_write: _Use
    reads: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, write: int, writer: NDArray[np.int64], writes: Accesses, reads: Accesses) -> _Cluster:
        import numpy as np

        own = np.flatnonzero(writer == write)
        itself = _Use(-1, int(writes.start[write]), int(writes.end[write]))
        return cls(write=write, by_write=itself, reads=own, starts=reads.start[own], ends=reads.end[own])

    def _use(self, place: int) -> _Use:
        return _Use(int(self.reads[place]), int(self.starts[place]), int(self.ends[place]))

    @property
    def ends_first(self) -> _Use:
        return self._use(int(self.ends.argmin()))

    @property
    def starts_last(self) -> _Use:
        return self._use(int(self.starts.argmax()))

    def first_after(self, instant: int) -> _Use:
        """The read that begins first after an instant; there is one."""
        places = (self.starts > instant).nonzero()[0]
        return self._use(int(places[self.starts[places].argmin()]))

    def pairs(self) -> Iterator[tuple[_Use, _Use]]:
        """An access that shows the value early, and one that shows it late: all that can be best by themselves."""
        early, late = [self.by_write], [self.by_write]
        if len(self.reads):
            early.append(self.ends_first)
            late.append(self.starts_last)
        for first in early:
            for last in late:
                yield first, last

    def within(self, *, start_after: int, end_before: int) -> _Use | None:
        """One read that shows the value both early and late."""
        found = ((self.starts > start_after) & (self.ends < end_before)).nonzero()[0]
        return self._use(int(found[0])) if len(found) else None


def _crossing(conflict: Conflict, one: _Cluster, other: _Cluster) -> ZoneProof:
    """An access of each cluster that ends before one of the other starts: of all four the fewest operations."""
    best: ZoneProof | None = None
    for first, second in _soonest(one, other):
        used = {use.read for use in (*first, *second)} - {-1}
        late = max((*first, *second), key=lambda use: use.start)
        instead = other.write if late in first else one.write
        proof = ZoneProof(
            conflict=conflict,
            writes=(one.write, other.write),
            reads=tuple(sorted(used)),
            late=late.read,
            instead=instead,
        )
        if best is None or proof.size < best.size:
            best = proof
    assert best is not None, conflict  # noqa: S101 - two clusters that are in conflict have such accesses
    return best


def _soonest(one: _Cluster, other: _Cluster) -> Iterator[tuple[tuple[_Use, _Use], tuple[_Use, _Use]]]:
    """The same with the first reads that show a value late enough, instead of the last ones."""
    for (early, late), (its_early, its_late) in _crossings(one, other):
        yield (
            (early, late if late in {early, one.by_write} else one.first_after(its_early.end)),
            (its_early, its_late if its_late in {its_early, other.by_write} else other.first_after(early.end)),
        )


def _crossings(one: _Cluster, other: _Cluster) -> Iterator[tuple[tuple[_Use, _Use], tuple[_Use, _Use]]]:
    for early, late in one.pairs():
        for its_early, its_late in other.pairs():
            if early.end < its_late.start and its_early.end < late.start:
                yield (early, late), (its_early, its_late)
        both = other.within(start_after=early.end, end_before=late.start)
        if both is not None:
            yield (early, late), (both, both)
    for its_early, its_late in other.pairs():
        both = one.within(start_after=its_early.end, end_before=its_late.start)
        if both is not None:
            yield (both, both), (its_early, its_late)
