"""What the queue asks of Redis: `put`, `take`, `finish`, `recover`, and what lies where."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import ConflictError, CorruptedError, MisuseError, QueueFullError
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import CONSUMERS, DELIVERIES, PROCESSING, TASKS, TOKENS
from pytest_arbredis.state.queue.scripts import BEGIN, DONE, EVERYTHING, PRESENT, PUT, RECOVER
from pytest_arbredis.state.queue.task import US_PER_S, Inventory, Task, encoded, parsed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_arbredis.state.asks import Plan

HARDENINGS: Final = frozenset({"processing-list", "recovery", "expiry"})
"""`processing-list`: a task stays in Redis until it is acknowledged, not only until it is taken.

`recovery`: tasks of consumers that ended, and of takes whose reply was lost, go back. `expiry`: a task that has become
stale is put aside instead of being given.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """How a queue is kept; all who use one should use the same.

    A consumer that says nothing for `lease_s` has ended: its tasks go to others. At most `max_length` tasks wait; one
    that was given `max_deliveries` times and not finished is put aside. An id is remembered for `once_s`.
    """

    lease_s: float = 30.0
    max_length: int = 100_000
    max_deliveries: int = 5
    once_s: int = 86_400
    _without: Without = field(default=NONE, repr=False)

    def __post_init__(self) -> None:
        if not 0.05 <= self.lease_s <= 86_400:
            raise MisuseError(f"lease_s={self.lease_s!r}", remedy="give seconds from 0.05 to a day")
        for name in ("max_length", "max_deliveries", "once_s"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise MisuseError(f"{name}={getattr(self, name)!r}", remedy="give a whole number, 1 or more")
        require_known(self._without, HARDENINGS)

    @property
    def has(self) -> frozenset[str]:
        """The hardenings that are there."""
        return HARDENINGS - self._without

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds."""
        return int(self.lease_s * 1000)


def held_key(consumer: str) -> str:
    """The list of tasks that a consumer has and has not finished."""
    return PROCESSING.key(queue_part=f"held.{consumer}")


def put(rules: QueueRules, task_id: str, payload: object, *, valid_for_s: float | None, once: bool) -> Plan[bool]:
    """Whether it was put now: False if a task of this id was put before. Raises `QueueFullError`."""
    if valid_for_s is not None and not (math.isfinite(valid_for_s) and valid_for_s > 0):
        raise MisuseError(f"valid_for_s={valid_for_s!r}", remedy="give seconds above 0, or None")
    token = TOKENS.key(owner="queue.tasks", token=require_part("task_id", task_id))
    valid_us = 0 if valid_for_s is None else max(1, int(valid_for_s * US_PER_S))
    put = yield Call(
        PUT,
        (TASKS.key(), token),
        (rules.max_length, orjson.dumps(task_id), encoded(payload), valid_us, rules.once_s if once else 0),
    )
    if put < 0:
        raise QueueFullError(
            f"{rules.max_length} tasks wait already", remedy="let consumers catch up, then put it again"
        )
    return bool(put)


def take(
    rules: QueueRules, consumer: str, *, wait_s: float, knows: Collection[bytes], expired: list[Task]
) -> Plan[Task | None]:
    """The next task, or None if none came within `wait_s`; stale ones that were met are added to `expired`.

    `knows` are the elements that the consumer knows it has: whatever else is held for it was moved by a take whose
    reply was lost, and goes back first. Each take looks: such a move may be done long after its take was given up.
    """
    if not (math.isfinite(wait_s) and wait_s >= 0):
        raise MisuseError(f"wait_s={wait_s!r}", remedy="give seconds, 0 or more")
    held, recovers = held_key(consumer), "recovery" in rules.has
    once_s = rules.lease_s / 3
    rounds = max(1, math.ceil(wait_s / once_s))
    for number in range(rounds):
        block_s = max(0.001, min(once_s, wait_s - number * once_s))
        if "processing-list" not in rules.has:
            reply = yield Command("BRPOP", TASKS.key(), block_s, blocks_s=block_s)
            raw = None if reply is None else reply[1]
        else:
            known: tuple[str | bytes, ...] = ("1", *knows) if recovers else ("0",)
            yield Call(PRESENT, (TASKS.key(), CONSUMERS.key(), held), (consumer, rules.lease_ms, *known))
            raw = yield Command("LMOVE", TASKS.key(), held, "RIGHT", "LEFT")
            if raw is None and wait_s > 0:
                raw = yield Command("BLMOVE", TASKS.key(), held, "RIGHT", "LEFT", block_s, blocks_s=block_s)
        while raw is not None:
            task = yield from _begin(rules, consumer, raw, expired)
            if task is not None:
                return task
            raw = yield Command("LMOVE", TASKS.key(), held, "RIGHT", "LEFT")
    return None


def _begin(rules: QueueRules, consumer: str, raw: bytes, expired: list[Task]) -> Plan[Task | None]:
    """The task, if it may be given; otherwise it was put aside."""
    if "processing-list" not in rules.has:
        return parsed(raw, deliveries=1)
    try:
        task = parsed(raw)
    except CorruptedError:
        task = None
    until_us = task.until_us if task and "expiry" in rules.has else 0
    keys = (CONSUMERS.key(), held_key(consumer), DELIVERIES.key(), dead_key(), expired_key())
    count = yield Call(
        BEGIN, keys, (raw, task.id if task else "", until_us, rules.max_deliveries, consumer, rules.lease_ms)
    )
    if task is not None and count == -2:
        expired.append(task)
    return parsed(raw, deliveries=count) if count > 0 else None


def dead_key() -> str:
    """The list of tasks that were given too often, and of elements that are no tasks; the newest 10 000."""
    return PROCESSING.key(queue_part="dead")


def expired_key() -> str:
    """The list of tasks that had become stale before they were given; the newest 10 000."""
    return PROCESSING.key(queue_part="expired")


def finish(rules: QueueRules, consumer: str, task: Task, *, again: bool) -> Plan[None]:
    """Done, or `again`: back to where it is the next to be given.

    Raises `ConflictError` if the lease had ended and the task is somebody else's, or in the queue, again.
    """
    if "processing-list" not in rules.has:
        if again:
            yield Command("RPUSH", TASKS.key(), task.raw)
        return
    done = yield Call(
        DONE,
        (held_key(consumer), DELIVERIES.key(), TASKS.key()),
        (task.raw, task.id, "again" if again else "done"),
    )
    if done == 0 or (done == 2 and again):
        raise ConflictError(
            f"the task {task.id} is not this consumer's any more",
            remedy="its lease had ended: it will be, or was, done by another; give a longer lease, or extend it",
        )


def extend(rules: QueueRules, consumer: str) -> Plan[None]:
    """This consumer is there for another lease."""
    yield Call(PRESENT, (TASKS.key(), CONSUMERS.key(), held_key(consumer)), (consumer, rules.lease_ms, "0"))


def recover(rules: QueueRules) -> Plan[int]:
    """Tasks of consumers whose lease has ended go back, once, oldest first; gives how many."""
    if not {"recovery", "processing-list"} <= rules.has:
        return 0
    return int((yield Call(RECOVER, (TASKS.key(), CONSUMERS.key()), (held_key(""),))))


def length() -> Plan[int]:
    """How many tasks wait."""
    return int((yield Command("LLEN", TASKS.key())))


def lying_in(key: str) -> Plan[list[Task]]:
    """The tasks of a list, newest first; what is no task is left out."""
    return [*_tasks((yield Command("LRANGE", key, 0, -1)))]


def _tasks(raws: Iterable[bytes]) -> tuple[Task, ...]:
    found: list[Task] = []
    for raw in raws:
        try:
            found.append(parsed(raw))
        except CorruptedError:
            continue
    return tuple(found)


def everywhere() -> Plan[Inventory]:
    """Every task there is. For inventories, not for each second: it reads all of them."""
    keys = (CONSUMERS.key(), TASKS.key(), dead_key(), expired_key())
    waiting, dead, expired, *held = yield Call(EVERYTHING, keys, (held_key(""),))
    return Inventory(
        waiting=_tasks(waiting),
        held=tuple(task for raws in held for task in _tasks(raws)),
        dead=_tasks(dead),
        expired=_tasks(expired),
    )
