"""A task queue as a subject: tasks are put, taken, acknowledged; consumers die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import AsyncTaskQueue, TaskQueue
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.loops import twin
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation
    from pytest_arbredis.state.queue.task import Task

OPERATIONS = frozenset({"enqueue", "dequeue", "ack", "die", "recover", "left"})

LEASE_S = 0.4
WITHIN_S = 1.0
WAIT_S = 0.01
"""How long a take waits for a task: drills take often."""


class Queue(Protocol):
    """What the drill needs of a queue: the hardened one, and the naive twin."""

    def put(self, value: str, valid_ms: int | None) -> None:
        """Put a task."""
        ...

    def take(self) -> tuple[str, object] | None:
        """A task's value, and what it is acknowledged by."""
        ...

    def ack(self, taken: Any) -> None:
        """It is done."""
        ...

    def die(self) -> None:
        """The consumer is no more; a new one goes on."""
        ...

    def recover(self) -> int:
        """Give back what dead consumers had; how many."""
        ...

    def left(self) -> tuple[list[str], list[str]]:
        """The values of all tasks that are to be done, given or not; and of those that were put aside."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Queue]
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> TasksSession:
        """A consumer of its own."""
        return TasksSession(self.make(endpoints))


class TasksSession:
    """One client, with the task that it has."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._has: tuple[str, object] | None = None

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation; an ack says of what it is also where its reply is lost."""
        has = self._has
        try:
            return self._apply(op)
        except StateError as error:
            answer = answer_to(error)
            of = has[0] if op.name == "ack" and has is not None else None
            return Answer(outcome=answer.outcome, error=answer.error, output=of)

    def _apply(self, op: Invocation) -> Json:
        queue = self._queue
        match op.name:
            case "enqueue":
                wanted = op.input if isinstance(op.input, dict) else {"value": op.input}
                valid_ms = wanted.get("valid_ms")
                queue.put(str(wanted["value"]), valid_ms if isinstance(valid_ms, int) else None)
                return None
            case "dequeue":
                self._has = queue.take()
                return None if self._has is None else self._has[0]
            case "ack":
                has, self._has = self._has, None
                if has is None:
                    return None
                queue.ack(has[1])
                return has[0]
            case "die":
                self._has = None
                queue.die()
                return None
            case "recover":
                return queue.recover()
            case "left":
                todo, aside = queue.left()
                return {"todo": [*todo], "aside": [*aside]}
        raise UsageError.unknown("operation on tasks", op.name, OPERATIONS)

    def close(self) -> None:
        """Close the queue."""
        self._queue.close()


class HardenedQueue:
    """Implements `Queue` by the state layer."""

    def __init__(self, endpoints: Endpoints, without: Without, *, asyncio: bool) -> None:
        self._redis = hardened(endpoints, asyncio=asyncio)
        self._rules = QueueRules(lease_s=LEASE_S, _without=without)
        self._tasks = self._consumer()

    def put(self, value: str, valid_ms: int | None) -> None:
        """As `Queue.put`."""
        self._tasks.put(value, valid_for_s=None if valid_ms is None else valid_ms / 1000, within_s=WITHIN_S)

    def take(self) -> tuple[str, object] | None:
        """As `Queue.take`."""
        task = self._tasks.take(wait_s=WAIT_S, within_s=WITHIN_S)
        return None if task is None else (str(task.payload), task)

    def ack(self, taken: Task) -> None:
        """As `Queue.ack`."""
        self._tasks.ack(taken, within_s=WITHIN_S)

    def die(self) -> None:
        """As `Queue.die`: what it had is left where it is."""
        self._tasks = self._consumer()

    def recover(self) -> int:
        """As `Queue.recover`."""
        return self._tasks.recover(within_s=WITHIN_S)

    def left(self) -> tuple[list[str], list[str]]:
        """As `Queue.left`."""
        found = self._tasks.everywhere(within_s=WITHIN_S)
        todo, aside = (*found.waiting, *found.held), (*found.dead, *found.expired)
        return [str(task.payload) for task in todo], [str(task.payload) for task in aside]

    def close(self) -> None:
        """As `Queue.close`."""
        self._redis.close()

    def _consumer(self) -> TaskQueue:
        return twin(self._redis, TaskQueue, AsyncTaskQueue, rules=self._rules)


def tasks(*, asyncio: bool = False, _without: Without = NONE) -> Tasks:
    """The task queue of the state layer."""
    return Tasks(
        name=f"state layer, task queue{lacking(_without, asyncio=asyncio)}",
        make=lambda endpoints: HardenedQueue(endpoints, _without, asyncio=asyncio),
    )
