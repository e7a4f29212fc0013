"""What is wrong with single values of a queue: given though never enqueued, given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import completed_by_ns
from pytest_arbredis.checkers.violations import Violation, apart, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.checkers.queue_lives import Life, Queue


def value_violations(queue: Queue) -> Iterator[Violation]:
    """Values from nowhere, values given twice, and values given after their ack."""
    for life in queue.lives.values():
        if life.dequeues:
            yield from _from_nowhere(queue, life)
            if life.enqueues:
                yield from _after_ack(queue, life) if queue.acked else _twice(queue, life)


def _from_nowhere(queue: Queue, life: Life) -> Iterator[Violation]:
    if life.out_by_ns >= life.from_ns:
        return
    first = min(life.dequeues, key=completed_by_ns)
    cause = next(iter(life.enqueues or life.refused), None)
    acks = sorted(life.acks, key=completed_by_ns) if life.enqueues and completed_by_ns(first) >= life.from_ns else []
    if cause is None:
        why = "though it was never enqueued"
    elif acks:
        why = "though its ack had completed before it was enqueued"
    else:
        why = "before it was enqueued" if life.enqueues else f"though enqueue {cause.id} failed"
    yield Violation(
        kind="given but not enqueued",
        what=f"dequeue {first.id} of {shown(queue.key)} gave {shown(life.value)} {why}",
        ops=(first,) if cause is None else (cause, first, *acks[:1]),
    )


def _twice(queue: Queue, life: Life) -> Iterator[Violation]:
    if len(life.dequeues) > len(life.enqueues):
        told = ", ".join(str(op.id) for op in life.dequeues[:10])
        yield Violation(
            kind="given twice",
            what=f"{shown(life.value)} was given {len(life.dequeues)} times by {shown(queue.key)}, to dequeues {told}",
            ops=life.dequeues[: len(life.enqueues) + 1],
        )


def _after_ack(queue: Queue, life: Life) -> Iterator[Violation]:
    if not life.acks or len(life.enqueues) > 1:
        return
    ack = min(life.acks, key=completed_by_ns)
    late = [op for op in life.dequeues if op.invoked_ns > completed_by_ns(ack)]
    if late:
        yield Violation(
            kind="given after its ack",
            what=f"dequeue {late[0].id} of {shown(queue.key)} gave {shown(life.value)} again, "
            f"{apart(completed_by_ns(ack), late[0].invoked_ns)} after its ack",
            ops=(ack, late[0]),
        )
