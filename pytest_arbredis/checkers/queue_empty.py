"""Dequeues that found a queue empty though at every instant of them some value, not always the same, was inside."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import completed_by_ns
from pytest_arbredis.checkers.violations import Violation, shown
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_arbredis.checkers.queue_lives import Life, Queue
    from pytest_arbredis.history.records import Json, Op


def empty_violations(queue: Queue) -> Iterator[Violation]:
    """One for each such dequeue; meant for queues whose values are all in order, else it repeats what is known."""
    if not queue.empties:
        return
    inside = Inside(queue)
    for op in queue.empties:
        if not inside.may_be_empty(op):
            stays = inside.chain(op)
            yield Violation(
                kind="never empty, but found so",
                what=f"dequeue {op.id} found {shown(queue.key)} empty, but at every instant of it one of "
                f"{', '.join(shown(stay.value) for stay in stays[:3])} was certainly inside",
                ops=(op, *(one for stay in stays for one in stay.ops)),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A value that was inside strictly between two times, and the operations that show it."""

    value: Json
    from_ns: int
    until_ns: int
    ops: tuple[Op, ...]


class Inside:
    """When values were certainly inside: after their enqueue had completed, before a dequeue of them was invoked.

    At most one value for each unknown dequeue invoked so far may have left all the same, of those that such a dequeue
    can have given.
    """

    def __init__(self, queue: Queue) -> None:
        lives = [life for life in queue.lives.values() if life.in_by_ns < life.out_from_ns]
        lives.sort(key=lambda life: life.in_by_ns)
        self._fixed = _spans(life for life in lives if queue.fixed(life))
        self._others = _spans(life for life in lives if not queue.fixed(life))
        self._takers = [op.invoked_ns for op in queue.unknown]
        self._stays = list(_stays(queue, lives))
        self._furthest = list(
            accumulate(((stay.until_ns, place) for place, stay in enumerate(self._stays)), max, initial=(0, -1))
        )
        better_from = {life.out_from_ns for life in lives} | {*self._takers} | {op.invoked_ns for op in queue.empties}
        self._empty_at = [at for at in sorted(better_from) if at < NEVER and self._may_be_empty(at)]

    def may_be_empty(self, op: Op) -> bool:
        """Whether there is an instant of this operation at which nothing need have been inside."""
        place = bisect_left(self._empty_at, op.invoked_ns)
        return place < len(self._empty_at) and self._empty_at[place] <= completed_by_ns(op)

    def chain(self, op: Op) -> list[Stay]:
        """The fewest values one of which was inside at every instant of an operation."""
        found: list[Stay] = []
        at_ns = op.invoked_ns
        while at_ns <= completed_by_ns(op):
            until_ns, furthest = self._furthest[bisect_left(self._stays, at_ns, key=lambda stay: stay.from_ns)]
            if until_ns <= at_ns:
                break
            found.append(self._stays[furthest])
            at_ns = until_ns
        return found

    def _may_be_empty(self, at_ns: int) -> bool:
        return not _depth(self._fixed, at_ns) and _depth(self._others, at_ns) <= bisect_right(self._takers, at_ns)


def _stays(queue: Queue, lives: list[Life]) -> Iterator[Stay]:
    """The stay of each value, if unknown dequeues took the others in the order in which they came."""
    takers = iter(queue.unknown)
    for life in lives:
        out = life.dequeues[:1] if queue.fixed(life) else tuple(islice(takers, 1)) or life.dequeues[:1]
        until_ns = min((op.invoked_ns for op in (*out, *life.dequeues[:1])), default=NEVER)
        yield Stay(value=life.value, from_ns=life.in_by_ns, until_ns=until_ns, ops=(life.enqueues[0], *out))


def _spans(lives: Iterable[Life]) -> tuple[list[int], list[int]]:
    spans = [(life.in_by_ns, life.out_from_ns) for life in lives]
    return sorted(begin for begin, _ in spans), sorted(end for _, end in spans)


def _depth(spans: tuple[list[int], list[int]], at_ns: int) -> int:
    """How many were inside: strictly after their begin, strictly before their end."""
    return bisect_left(spans[0], at_ns) - bisect_right(spans[1], at_ns)
