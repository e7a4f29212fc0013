"""`TaskQueue` and its asyncio twin: what callers use."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from pytest_arbredis.state.kinds import DEADLINES_S, Kind
from pytest_arbredis.state.queue import plans
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.taking import Consumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.connections.running import Runs, RunsAsync
    from pytest_arbredis.state.queue.task import Inventory, Task

RULES = QueueRules()


class TaskQueue:
    """The tasks of `queue:tasks`, for one consumer: its takes come one after another; `put` is for any thread.

    The name of a consumer is one object's alone: a take gives back what is held under its name and is unknown to it.
    First in, first out. At least once: a task is given again if its consumer ends, or loses its lease, before `ack`;
    never after an `ack` that returned, but for a failover that loses it. `on_expired` is called with each stale task.
    """

    def __init__(
        self,
        redis: Runs,
        *,
        consumer: str | None = None,
        rules: QueueRules = RULES,
        on_expired: Callable[[Task], object] | None = None,
    ) -> None:
        self.rules = rules
        self._redis = redis
        self._me = Consumer(consumer, on_expired)

    @property
    def consumer(self) -> str:
        """The consumer's name."""
        return self._me.name

    def put(
        self,
        payload: object,
        *,
        task_id: str | None = None,
        valid_for_s: float | None = None,
        within_s: float | None = None,
    ) -> str:
        """Put a task at the end; gives its id. With a `task_id` of the caller's it is put once, however often asked.

        Not given any more after `valid_for_s` seconds of the server's time. Raises `QueueFullError`.
        """
        name = uuid4().hex if task_id is None else task_id
        plan = plans.put(self.rules, name, payload, valid_for_s=valid_for_s, once=task_id is not None)
        self._redis.run(plan, within_s=within_s)
        return name

    def take(self, *, wait_s: float = 1.0, within_s: float | None = None) -> Task | None:
        """The oldest task, or None if none came within `wait_s` seconds. It must be acknowledged within the lease."""
        with self._me.taking() as expired:
            plan = plans.take(self.rules, self.consumer, wait_s=wait_s, knows=self._me.knows, expired=expired)
            total_s = wait_s + DEADLINES_S[Kind.FAST] if within_s is None else within_s
            return self._me.took(self._redis.run(plan, within_s=total_s))

    def ack(self, task: Task, *, within_s: float | None = None) -> None:
        """The task is done; to say it again is no error.

        Raises `ConflictError` if the lease had ended, and it waits again or is another's. If the reply is lost it
        may be said again, before the next take.
        """
        with self._me.finishing(task):
            self._redis.run(plans.finish(self.rules, self.consumer, task, again=False), within_s=within_s)

    def nack(self, task: Task, *, within_s: float | None = None) -> None:
        """The task is not done: it is the next to be given. Raises `ConflictError` as `ack`."""
        with self._me.finishing(task):
            self._redis.run(plans.finish(self.rules, self.consumer, task, again=True), within_s=within_s)

    def extend(self, *, within_s: float | None = None) -> None:
        """Begin the lease of all that this consumer has anew."""
        self._redis.run(plans.extend(self.rules, self.consumer), within_s=within_s)

    def recover(self, *, within_s: float | None = None) -> int:
        """Give back the tasks of all consumers whose lease has ended; how many. Anybody may call it, at any time."""
        return self._redis.run(plans.recover(self.rules), kind=Kind.NORMAL, within_s=within_s)

    def waiting(self, *, within_s: float | None = None) -> int:
        """How many tasks wait."""
        return self._redis.run(plans.length(), within_s=within_s)

    def dead(self, *, within_s: float | None = None) -> list[Task]:
        """Tasks that were given `max_deliveries` times and never finished."""
        return self._redis.run(plans.lying_in(plans.dead_key()), kind=Kind.NORMAL, within_s=within_s)

    def expired(self, *, within_s: float | None = None) -> list[Task]:
        """Tasks that had become stale before they were given."""
        return self._redis.run(plans.lying_in(plans.expired_key()), kind=Kind.NORMAL, within_s=within_s)

    def everywhere(self, *, within_s: float | None = None) -> Inventory:
        """Every task that waits, is held, is dead or has expired, at one instant."""
        return self._redis.run(plans.everywhere(), kind=Kind.NORMAL, within_s=within_s)


class AsyncTaskQueue:
    """As `TaskQueue`, for asyncio: one for each task that takes."""

    def __init__(
        self,
        redis: RunsAsync,
        *,
        consumer: str | None = None,
        rules: QueueRules = RULES,
        on_expired: Callable[[Task], object] | None = None,
    ) -> None:
        self.rules = rules
        self._redis = redis
        self._me = Consumer(consumer, on_expired)

    @property
    def consumer(self) -> str:
        """The consumer's name."""
        return self._me.name

    async def put(
        self,
        payload: object,
        *,
        task_id: str | None = None,
        valid_for_s: float | None = None,
        within_s: float | None = None,
    ) -> str:
        """As `TaskQueue.put`."""
        name = uuid4().hex if task_id is None else task_id
        plan = plans.put(self.rules, name, payload, valid_for_s=valid_for_s, once=task_id is not None)
        await self._redis.run(plan, within_s=within_s)
        return name

    async def take(self, *, wait_s: float = 1.0, within_s: float | None = None) -> Task | None:
        """As `TaskQueue.take`."""
        with self._me.taking() as expired:
            plan = plans.take(self.rules, self.consumer, wait_s=wait_s, knows=self._me.knows, expired=expired)
            total_s = wait_s + DEADLINES_S[Kind.FAST] if within_s is None else within_s
            return self._me.took(await self._redis.run(plan, within_s=total_s))

    async def ack(self, task: Task, *, within_s: float | None = None) -> None:
        """As `TaskQueue.ack`."""
        with self._me.finishing(task):
            await self._redis.run(plans.finish(self.rules, self.consumer, task, again=False), within_s=within_s)

    async def nack(self, task: Task, *, within_s: float | None = None) -> None:
        """As `TaskQueue.nack`."""
        with self._me.finishing(task):
            await self._redis.run(plans.finish(self.rules, self.consumer, task, again=True), within_s=within_s)

    async def extend(self, *, within_s: float | None = None) -> None:
        """As `TaskQueue.extend`."""
        await self._redis.run(plans.extend(self.rules, self.consumer), within_s=within_s)

    async def recover(self, *, within_s: float | None = None) -> int:
        """As `TaskQueue.recover`."""
        return await self._redis.run(plans.recover(self.rules), kind=Kind.NORMAL, within_s=within_s)

    async def waiting(self, *, within_s: float | None = None) -> int:
        """As `TaskQueue.waiting`."""
        return await self._redis.run(plans.length(), within_s=within_s)

    async def dead(self, *, within_s: float | None = None) -> list[Task]:
        """As `TaskQueue.dead`."""
        return await self._redis.run(plans.lying_in(plans.dead_key()), kind=Kind.NORMAL, within_s=within_s)

    async def expired(self, *, within_s: float | None = None) -> list[Task]:
        """As `TaskQueue.expired`."""
        return await self._redis.run(plans.lying_in(plans.expired_key()), kind=Kind.NORMAL, within_s=within_s)

    async def everywhere(self, *, within_s: float | None = None) -> Inventory:
        """As `TaskQueue.everywhere`."""
        return await self._redis.run(plans.everywhere(), kind=Kind.NORMAL, within_s=within_s)
