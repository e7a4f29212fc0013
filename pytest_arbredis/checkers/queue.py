"""Queue: first in, first out; nothing lost, nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.queue_empty import empty_violations
from pytest_arbredis.checkers.queue_lives import Queue
from pytest_arbredis.checkers.queue_order import order_violations
from pytest_arbredis.checkers.queue_values import value_violations
from pytest_arbredis.checkers.violations import Judged, Violation, shown

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueIsFifo:
    """`dequeue` of a key gives the value that was enqueued first, by `enqueue` v, or null if nothing is in the queue.

    An acknowledged value is lost if a dequeue that began later found the queue empty, or gave a value enqueued after
    it, and none gave it; an unknown dequeue may have taken one value, unless it was answered (`confirmed`). None is
    given twice, and none that was not enqueued. Where each value is enqueued once, this is linearizability of the
    queue.

    With `ack` v (default: on keys that have such operations) a value may be given again until its ack, and never after
    it; order and emptiness are then judged of the first time that it is given, and a value that is given and waits for
    its ack is not in the queue.

    Unknown without a successful dequeue, and where a value was enqueued more than once and nothing else is wrong. The
    proof is the operations on the values concerned, the dequeue that found nothing, and unknown dequeues that would
    have had to take one value more.
    """

    ack: bool | None = None

    @property
    def claim(self) -> str:
        """`queue_is_fifo`."""
        return "queue_is_fifo"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an enqueue or ack of nothing."""
        keys = by_key(history, ("enqueue", "dequeue", "ack"))
        violations: list[Violation] = []
        undecided: list[str] = []
        count = acknowledged = explained = left = judged_keys = 0
        for key, ops in keys.items():
            acked = any(op.name == "ack" for op in ops) if self.ack is None else self.ack
            queue = Queue.of(key, ops, acked=acked)
            found = list(value_violations(queue))
            late, taken = order_violations(queue)
            found += late
            violations += found or empty_violations(queue)
            count += queue.judged
            judged_keys += queue.judged > 0
            acknowledged += queue.acknowledged
            explained += taken
            for life in queue.lives.values():
                left += not life.dequeues and any(op.applied for op in life.enqueues)
                if len(life.enqueues) > 1:
                    value = shown(life.value)
                    undecided.append(f"{value} was enqueued to {shown(key)} more than once: make each value unique")
        return Judged(
            claim=self.claim,
            noun="dequeues",
            count=count,
            keys=judged_keys,
            acknowledged=acknowledged,
            ignored=len(history.ops) - sum(map(len, keys.values())),
            violations=violations,
            undecided=undecided,
            figures={"never_given": left, "explained_by_unknown_dequeues": explained},
        ).finding()


def queue_is_fifo(*, ack: bool | None = None) -> QueueIsFifo:
    """Values leave a queue in the order in which they came, each once (with `ack`: until it is acknowledged)."""
    return QueueIsFifo(ack=ack)
