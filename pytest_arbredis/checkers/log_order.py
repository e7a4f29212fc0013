"""Order in an append-only log: reads among each other, and appends among each other.

Where every read is a prefix of the longest, the log fixes an order of all operations: each append before the reads
that have its element, each read before the elements that it lacks. An order is that of a linearization unless an
operation completed before one that it puts earlier was invoked (take as the point of each the latest invocation up to
it), so pairs are all that has to be looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import applied_by_ns
from pytest_arbredis.checkers.violations import Violation, shown
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pytest_arbredis.checkers.additions import Additions
    from pytest_arbredis.checkers.log_reads import Reading
    from pytest_arbredis.history.records import Op


def order_violations(appends: Additions, readings: list[Reading]) -> Iterator[Violation]:
    """Reads that are no prefixes of one another or become shorter, and appends whose elements changed places."""
    if not readings:
        return
    by_length = sorted(readings, key=lambda reading: len(reading.log))
    yield from _diverging(by_length)
    yield from _shrinking(by_length)
    yield from _overtaken(appends, by_length)


def _diverging(by_length: list[Reading]) -> Iterator[Violation]:
    for shorter, longer in pairwise(by_length):
        if longer.log[: len(shorter.log)] != shorter.log:
            at = next(place for place, (a, b) in enumerate(zip(shorter.log, longer.log, strict=False)) if a != b)
            yield Violation(
                kind="not a prefix",
                what=f"reads {shorter.op.id} and {longer.op.id} of {shown(shorter.op.key)} differ from element {at} on",
                ops=(shorter.op, longer.op),
            )


def _shrinking(by_length: list[Reading]) -> Iterator[Violation]:
    """A longer log that was read, completely, before a shorter one was asked for."""
    latest: Reading | None = None
    for _, group in groupby(by_length, key=lambda reading: len(reading.log)):
        readings = list(group)
        for longer in readings:
            if latest is not None and longer.ended_ns < latest.op.invoked_ns:
                yield Violation(
                    kind="shorter than before",
                    what=f"read {latest.op.id} of {shown(longer.op.key)} gave {len(latest.log)} elements, "
                    f"read {longer.op.id} before it {len(longer.log)}",
                    ops=(longer.op, latest.op),
                )
        last = max(readings, key=lambda reading: reading.op.invoked_ns)
        if latest is None or last.op.invoked_ns > latest.op.invoked_ns:
            latest = last


def _overtaken(appends: Additions, by_length: list[Reading]) -> Iterator[Violation]:
    """Elements behind those of appends that began only after theirs had completed, or not there at all."""
    longest = by_length[-1]
    lengths = [len(reading.log) for reading in by_length]
    latest: Op | None = None
    at = 0
    present: set[Hashable] = set()
    for place, element in enumerate(longest.log):
        op = appends.first.get(element)
        if op is None or element in present:
            continue
        present.add(element)
        by_ns = _applied_by_ns(appends, element, op)
        if latest is not None and by_ns < latest.invoked_ns:
            yield _out_of_order(op, latest, "behind", by_length[bisect_left(lengths, place + 1)])
        if latest is None or op.invoked_ns > latest.invoked_ns:
            latest, at = op, place
    if latest is None:
        return
    for element, op in appends.certain.items():
        missing = element not in present and applied_by_ns(op) >= longest.op.invoked_ns
        if missing and _applied_by_ns(appends, element, op) < latest.invoked_ns:
            yield _out_of_order(op, latest, "not there before", by_length[bisect_left(lengths, at + 1)])


def _applied_by_ns(appends: Additions, element: Hashable, op: Op) -> int:
    """Nothing is known of which is which where a value was appended more than once: then it is not judged."""
    return NEVER if appends.more[element] else applied_by_ns(op)


def _out_of_order(earlier: Op, later: Op, how: str, reading: Reading) -> Violation:
    return Violation(
        kind="out of order",
        what=f"{shown(earlier.input)} had been appended to {shown(earlier.key)} before {shown(later.input)} was, "
        f"but is {how} it in read {reading.op.id}",
        ops=(earlier, later, reading.op),
    )
