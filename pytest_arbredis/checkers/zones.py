"""Linearizability of registers whose read values were each written once, in near-linear time.

Gibbons and Korach (1997), the case where it is known which write a read took its value from. A write and its reads are
a *cluster*; `f` is the earliest end in it, `s` the latest start. Cluster b must come after cluster a if an operation of
a ends before one of b starts: f(a) < s(b). The register is linearizable if and only if no read is without its write or
ends before its write starts, and no two clusters of a key must each come after the other. Times are both-inclusive:
operations that touch are concurrent. The value at the start, null, is a cluster whose write ended before everything.

A cluster with f < s is a *forward zone*: the register held its value from f to s. Two of them may not overlap, and no
*backward* one (f ≥ s) may lie within one; two backward ones never conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["unwritten", "future", "erased", "interleaved"]

EXAMPLES: Final = 20
"""So many conflicts of a kind are given; all are counted."""

NOBODY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accesses:
    """Reads, or writes, one entry each: which operation, of which key, which value, from when to when.

    Keys and values are numbers; a key or a value of null is -1. An operation that may take effect at any time ends at
    `NEVER`.
    """

    op: NDArray[np.int64]
    key: NDArray[np.int32]
    value: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> Accesses:
        """Some of them."""
        return Accesses(
            op=self.op[chosen],
            key=self.key[chosen],
            value=self.value[chosen],
            start=self.start[chosen],
            end=self.end[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two clusters that cannot be put in order, or one that cannot be: entries of the reads and of the writes.

    `unwritten` has a read; `future` a read that ended before its write, `write`, began; `erased` a read of null and the
    write of a value that was there before; `interleaved` the writes of both clusters, `write` before `other` the one
    that came back.
    """

    kind: Kind
    read: int = NOBODY
    write: int = NOBODY
    other: int = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Zones:
    """What the zones of all keys say.

    `writer` is the entry of the write that each read took its value from (`NOBODY`: null, or none); `conflicts` are
    examples, `counts` says how many there are of a kind, and `keys` on which keys.
    """

    writer: NDArray[np.int64]
    conflicts: tuple[Conflict, ...]
    counts: dict[Kind, int]
    keys: NDArray[np.int32]


def ambiguous_keys(writes: Accesses, reads: Accesses, *, keys: int, values: int) -> NDArray[np.int32]:
    """The keys with a read whose value more than one write may have written: zones cannot judge them."""
    import numpy as np

    of_write, of_read, codes = _joined(writes, reads, keys=keys, values=values)
    counts = np.bincount(of_write, minlength=codes)
    several: NDArray[np.bool_] = (of_read >= 0) & (counts[of_read] > 1) if codes else np.zeros(len(of_read), np.bool_)
    return np.unique(reads.key[several])


def find_conflicts(writes: Accesses, reads: Accesses, *, keys: int, values: int) -> Zones:
    """Judge all keys; none may be ambiguous. `keys` and `values` are how many numbers there are of each."""
    import numpy as np

    of_write, of_read, codes = _joined(writes, reads, keys=keys, values=values)
    by_code = np.full(codes + 1, NOBODY, dtype=np.int64)
    by_code[of_write] = np.arange(len(of_write))
    writer = by_code[of_read]  # a code of -1 is the last entry, which nobody wrote
    first_end, last_start = writes.end.copy(), writes.start.copy()
    found = writer != NOBODY
    np.minimum.at(first_end, writer[found], reads.end[found])
    np.maximum.at(last_start, writer[found], reads.start[found])

    conflicts: list[Conflict] = []
    counts: dict[Kind, int] = {}
    violating: list[NDArray[np.int32]] = []

    unwritten = np.flatnonzero(~found & (reads.value != NOBODY))
    counts["unwritten"] = len(unwritten)
    violating.append(reads.key[unwritten])
    conflicts += [Conflict(kind="unwritten", read=int(read)) for read in unwritten[:EXAMPLES]]

    future = np.flatnonzero(found & (reads.end < writes.start[writer])) if len(writes.op) else unwritten[:0]
    counts["future"] = len(future)
    violating.append(reads.key[future])
    conflicts += [Conflict(kind="future", read=int(read), write=int(writer[read])) for read in future[:EXAMPLES]]

    erased, null_read = _erased(writes, reads, first_end, keys)
    counts["erased"] = len(erased)
    violating.append(writes.key[erased])
    conflicts += [
        Conflict(kind="erased", read=int(null_read[writes.key[one]]), write=int(one)) for one in erased[:EXAMPLES]
    ]

    one, other = _interleaved(writes, first_end, last_start)
    counts["interleaved"] = len(one)
    violating.append(writes.key[one])
    conflicts += [
        Conflict(kind="interleaved", write=int(a), other=int(b))
        for a, b in zip(one[:EXAMPLES], other[:EXAMPLES], strict=True)
    ]
    return Zones(writer=writer, conflicts=tuple(conflicts), counts=counts, keys=np.unique(np.concatenate(violating)))


def _joined(
    writes: Accesses, reads: Accesses, *, keys: int, values: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """A number for each pair of key and value: of the writes, of the reads (-1: null, or surely not written)."""
    import numpy as np

    width = values + 1
    of_write = (writes.key.astype(np.int64) + 1) * width + writes.value
    of_read = (reads.key.astype(np.int64) + 1) * width + reads.value
    null = reads.value == NOBODY
    pairs = (keys + 1) * width
    if pairs <= 4 * (len(of_write) + len(of_read)) + 2**16:
        of_read[null] = -1
        return of_write, of_read, pairs
    if values and np.bincount(writes.value, minlength=values).max() <= 1:  # every value is of one key
        owner = np.full(values + 1, -2, dtype=np.int32)
        owner[writes.value] = writes.key
        of_read = np.where(null | (owner[reads.value] != reads.key), -1, reads.value).astype(np.int64)
        return writes.value.astype(np.int64), of_read, values
    known, of_write = np.unique(of_write, return_inverse=True)
    if not len(known):
        return of_write, np.full(len(of_read), -1, dtype=np.int64), 0
    place = np.minimum(np.searchsorted(known, of_read), len(known) - 1)
    of_read = np.where(null | (known[place] != of_read), -1, place)
    return of_write, of_read, len(known)


def _erased(
    writes: Accesses, reads: Accesses, first_end: NDArray[np.int64], keys: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Writes whose value was there before a read of null began, and by key the read of null that began last."""
    import numpy as np

    nulls = np.flatnonzero(reads.value == NOBODY)
    nulls = nulls[np.argsort(reads.start[nulls], kind="stable")]
    last = np.full(keys + 1, NOBODY, dtype=np.int64)  # its last entry is that of the null key
    last[reads.key[nulls]] = nulls
    began = np.full(keys + 1, -1, dtype=np.int64)
    began[reads.key[nulls]] = reads.start[nulls]
    return np.flatnonzero(first_end < began[writes.key]), last


def _interleaved(
    writes: Accesses, first_end: NDArray[np.int64], last_start: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of clusters of a key that must each come after the other; the second is a forward zone.

    Of the conflicts of one cluster only one is given, and one is given wherever there are any.
    """
    import numpy as np

    kept = np.flatnonzero(first_end != NEVER)  # an unknown write that nobody read may never have happened
    if not len(kept):
        return kept, kept
    first, last = _on_one_line(writes.key[kept], first_end[kept], last_start[kept])
    forward = np.flatnonzero(first < last)
    forward = forward[np.argsort(first[forward], kind="stable")]
    if not len(forward):
        return forward, forward
    begins, ends = first[forward], last[forward]
    reach = np.maximum.accumulate(ends)  # times of an earlier key are below all of a later one
    furthest = np.maximum.accumulate(np.where(reach == ends, np.arange(len(ends)), 0))
    overlapping = np.flatnonzero(begins[1:] < reach[:-1])
    backward = np.flatnonzero(first >= last)
    before = np.searchsorted(begins, last[backward], side="left") - 1
    inside = (before >= 0) & (reach[before] > first[backward])
    one = np.concatenate((forward[overlapping + 1], backward[inside]))
    other = np.concatenate((forward[furthest[overlapping]], forward[furthest[before[inside]]]))
    return kept[one], kept[other]


def _on_one_line(
    key: NDArray[np.int32], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both times, shifted so that every key has a stretch of its own on one line."""
    import numpy as np

    begin = min(int(first.min()), int(last.min()))
    length = max(int(first.max()), int(last.max())) - begin + 1
    stretches = int(key.max()) + 2
    if stretches * length < 2**62:
        shift = (key.astype(np.int64) + 1) * length - begin
        return first + shift, last + shift
    times = np.unique(np.concatenate((first, last)))
    shift = (key.astype(np.int64) + 1) * len(times)
    return np.searchsorted(times, first) + shift, np.searchsorted(times, last) + shift
