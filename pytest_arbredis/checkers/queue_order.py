"""Values of a queue that should have been given by now: because it was found empty, or because a later one was given.

The rules are those of aspect-oriented proofs for queues (Henzinger, Sezgin, Vafeiadis, CONCUR 2013): a complete history
of unique values is that of a FIFO queue if no value comes from nowhere or twice, none is given before another that was
enqueued before it, and no dequeue finds the queue empty while at every instant of it some value was certainly inside.

An unknown dequeue may have given one value, at any time after its invocation. So each value that is overdue without one
has a deadline, and needs one invoked by then: taking them by deadline serves as many as can be served.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import completed_by_ns
from pytest_arbredis.checkers.violations import MOST, Violation, apart, shown
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.checkers.queue_lives import Life, Queue
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A value that had to be given by `by_ns`, and what shows it: a dequeue of nothing, or a later value.

    Its ack may set an earlier time than these: it is not given after that.
    """

    life: Life
    by_ns: int
    empty: Op | None
    overtaker: Life | None


def order_violations(queue: Queue) -> tuple[list[Violation], int]:
    """Lost and overtaken values, and how many more only an unknown dequeue explains."""
    overdue = _overdue(queue)
    violations = [_fixed(queue, one) for one in overdue if queue.fixed(one.life)]
    explained: list[Overdue] = []
    for one in sorted((one for one in overdue if not queue.fixed(one.life)), key=lambda one: one.by_ns):
        served = len(explained)
        if served < len(queue.unknown) and queue.unknown[served].invoked_ns <= one.by_ns:
            explained.append(one)
        else:
            violations.append(_unexplained(queue, one, explained))
    return violations, len(explained)


@dataclass(frozen=True, slots=True)
class _Ends:
    """The earliest end among all that begin after a given time."""

    begins: Sequence[int]
    earliest: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, spans: list[tuple[int, int]]) -> _Ends:
        """Of spans (begin, end), sorted by their begin."""
        earliest = [(NEVER, len(spans))]
        for place in range(len(spans) - 1, -1, -1):
            earliest.append(min(earliest[-1], (spans[place][1], place)))
        earliest.reverse()
        return cls([begin for begin, _ in spans], earliest)

    def after(self, at_ns: int) -> tuple[int, int]:
        """The end, and the place of its span; `NEVER` if nothing begins after `at_ns`."""
        return self.earliest[bisect_right(self.begins, at_ns)]


def _overdue(queue: Queue) -> list[Overdue]:
    given = sorted((life for life in queue.lives.values() if _sound(life)), key=lambda life: life.from_ns)
    of_given = _Ends.of([(life.from_ns, life.out_by_ns) for life in given])
    of_empty = _Ends.of([(op.invoked_ns, completed_by_ns(op)) for op in queue.empties])
    found: list[Overdue] = []
    for life in queue.lives.values():
        in_by_ns, out_from_ns = life.in_by_ns, life.out_from_ns
        if in_by_ns == NEVER:
            continue
        empty_ns, empty = of_empty.after(in_by_ns)
        given_ns, overtaker = of_given.after(in_by_ns)
        if min(empty_ns, given_ns) < out_from_ns:
            found.append(
                Overdue(
                    life=life,
                    by_ns=_latest(life, min(empty_ns, given_ns)),
                    empty=queue.empties[empty] if empty_ns < out_from_ns else None,
                    overtaker=given[overtaker] if given_ns < out_from_ns else None,
                )
            )
    return found


def _latest(life: Life, due_ns: int) -> int:
    """Until when it can have been given; never, which is before all times, if its ack precedes its enqueue."""
    acked_ns = min(map(completed_by_ns, life.acks), default=NEVER)
    return min(due_ns, acked_ns) if acked_ns >= life.from_ns else -1


def _sound(life: Life) -> bool:
    """Given, and not before it was enqueued, which is a violation of its own."""
    return bool(life.dequeues) and life.out_by_ns >= life.from_ns


def _fixed(queue: Queue, one: Overdue) -> Violation:
    """A value that was given, but too late."""
    life, value, key = one.life, shown(one.life.value), shown(queue.key)
    if one.empty is not None:
        kind = "missed by a dequeue that found nothing"
        what = f"dequeue {one.empty.id} found {key} empty while {value} was in it: {_since(life, one.empty)}, "
        what += f"and was given later by dequeue {life.dequeues[0].id}"
    else:
        kind = "out of order"
        what = f"{value} was enqueued to {key} before {_later(one)}, and given after it"
    return Violation(kind=kind, what=what, ops=(life.enqueues[0], *_evidence(one), life.dequeues[0]))


def _unexplained(queue: Queue, one: Overdue, explained: list[Overdue]) -> Violation:
    """A value that no unknown dequeue is left for; those of the others are part of the proof."""
    life, value, key = one.life, shown(one.life.value), shown(queue.key)
    spare_ns = queue.unknown[len(explained)].invoked_ns if len(explained) < len(queue.unknown) else NEVER
    if (
        one.empty is not None
        and one.overtaker is not None
        and one.overtaker.out_by_ns < spare_ns <= completed_by_ns(one.empty)
    ):
        one = replace(one, empty=None)  # an unknown dequeue might explain that, but not the overtaking
    if one.empty is not None:
        kind = "given too late" if life.dequeues else "lost"
        what = f"{value} had not been given when dequeue {one.empty.id} found {key} empty: {_since(life, one.empty)}"
    else:
        kind = "given too late" if life.dequeues else "overtaken"
        what = f"{value} was enqueued to {key} before {_later(one)}, and not given before it"
    if explained:
        what += f"; unknown dequeues may have taken {len(explained)} others, not this one too"
    competing = [
        op
        for other, taker in zip(explained[:MOST], queue.unknown, strict=False)  # a proof shows no more
        for op in (other.life.enqueues[0], taker, *_evidence(other))
    ]
    return Violation(kind=kind, what=what, ops=(life.enqueues[0], *_evidence(one), *life.dequeues[:1], *competing))


def _evidence(one: Overdue) -> tuple[Op, ...]:
    """What shows that the value should have left: the dequeue of nothing or the later value that was given, its ack."""
    acks = tuple(op for op in one.life.acks if completed_by_ns(op) == one.by_ns or one.by_ns < 0)
    if one.empty is not None:
        return one.empty, *acks
    if one.overtaker is None:
        return acks
    return one.overtaker.enqueues[0], min(one.overtaker.dequeues, key=completed_by_ns), *acks


def _later(one: Overdue) -> str:
    return shown(one.overtaker.value) if one.overtaker is not None else "another"


def _since(life: Life, empty: Op) -> str:
    return f"it had been enqueued {apart(life.in_by_ns, empty.invoked_ns)} before"
