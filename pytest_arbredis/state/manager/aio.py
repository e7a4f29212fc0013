"""`AsyncStateManager`: statistics, metrics, heartbeats and positions in Redis, and in memory while Redis is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.manager import calls
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.opening import CatchUp, Policy, core_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import RunsAsync
    from pytest_arbredis.state.manager.core import Operation
    from pytest_arbredis.state.manager.entries import Entry
    from pytest_arbredis.state.manager.readings import Heartbeat, Position, Reading, Written
    from pytest_arbredis.state.manager.values import Number

T = TypeVar("T")


class AsyncStateManager:
    """As `StateManager`, for asyncio. `async with` connects at once; without it the first operation does.

    Tasks of one event loop may share it. With a journal file a write made while Redis is away waits for the disk.
    A call that is cancelled may have been applied or not; the manager does not repeat it.
    """

    def __init__(  # noqa: PLR0917 - as the design has it
        self,
        redis_host: str | None = None,
        redis_port: int | None = None,
        redis_db: int = 0,
        namespace: str = "default",
        enabled: bool = True,  # noqa: FBT001, FBT002
        key_prefix: str = "arbitrage",
        *,
        redis: RunsAsync | None = None,
        policy: Policy | None = None,
        _without: Without = NONE,
    ) -> None:
        self._policy = policy or Policy()
        self._core = core_of(namespace, key_prefix, enabled=enabled, policy=self._policy, without=_without)
        self._own: AsyncStateRedis | None = None
        if redis is None and self._core.modes.mode is not Mode.MEMORY:
            self._own = AsyncStateRedis(settings_of(redis_host, redis_port, redis_db))
        self._redis = self._own if redis is None else redis

    @property
    def mode(self) -> Mode:
        """As `StateManager.mode`."""
        return self._core.modes.mode

    @property
    def waiting(self) -> tuple[Entry, ...]:
        """As `StateManager.waiting`."""
        with self._core.lock:
            return tuple(self._core.journal)

    @property
    def refused(self) -> tuple[tuple[Entry, StateError], ...]:
        """As `StateManager.refused`."""
        with self._core.lock:
            return tuple(self._core.refused)

    async def reconcile(self, *, within_s: float | None = None) -> bool:
        """As `StateManager.reconcile`."""
        with self._core.lock:
            self._core.modes.try_now()
        return await self._run(CatchUp(), within_s)

    async def increment_stat(self, name: str, by: int = 1, *, within_s: float | None = None) -> Reading[int]:
        """As `StateManager.increment_stat`."""
        return await self._run(calls.increment(self._core, name, by), within_s)

    async def get_stat(self, name: str, *, within_s: float | None = None) -> int:
        """As `StateManager.get_stat`."""
        return (await self.read_stat(name, within_s=within_s)).value

    async def read_stat(self, name: str, *, within_s: float | None = None) -> Reading[int]:
        """As `StateManager.read_stat`."""
        return await self._run(calls.read_stat(name), within_s)

    async def set_metrics(
        self, values: Mapping[str, Number], *, ttl_s: float = calls.METRICS_TTL_S, within_s: float | None = None
    ) -> Written:
        """As `StateManager.set_metrics`."""
        return await self._run(calls.set_metrics(self._core, values, ttl_s, within_s), within_s)

    async def get_metrics(self, *, within_s: float | None = None) -> dict[str, Number]:
        """As `StateManager.get_metrics`."""
        return (await self.read_metrics(within_s=within_s)).value

    async def read_metrics(self, *, within_s: float | None = None) -> Reading[dict[str, Number]]:
        """As `StateManager.read_metrics`."""
        return await self._run(calls.read_metrics(), within_s)

    async def set_heartbeat(
        self,
        component: str = calls.COMPONENT,
        *,
        status: str = "",
        ttl_s: float = calls.HEARTBEAT_TTL_S,
        within_s: float | None = None,
    ) -> Written:
        """A sign of life, stamped by the server. While Redis is away it is none: `degraded`, and not sent later."""
        return await self._run(calls.beat(self._core, component, status, ttl_s, within_s), within_s)

    async def get_heartbeat(self, component: str = calls.COMPONENT, *, within_s: float | None = None) -> float | None:
        """As `StateManager.get_heartbeat`."""
        return (await self.read_heartbeat(component, within_s=within_s)).at_s

    async def read_heartbeat(
        self,
        component: str = calls.COMPONENT,
        *,
        alive_s: float = calls.HEARTBEAT_TTL_S,
        within_s: float | None = None,
    ) -> Heartbeat:
        """As `StateManager.read_heartbeat`."""
        return await self._run(calls.read_heartbeat(component, alive_s), within_s)

    async def set_position(
        self,
        symbol: str,
        fields: Mapping[str, object],
        *,
        over: Position | None = None,
        within_s: float | None = None,
    ) -> Written:
        """As `StateManager.set_position`."""
        return await self._run(calls.set_position(self._core, symbol, fields, over), within_s)

    async def get_position(self, symbol: str, *, within_s: float | None = None) -> dict[str, object] | None:
        """As `StateManager.get_position`."""
        return calls.agreed(await self.read_position(symbol, within_s=within_s))

    async def read_position(self, symbol: str, *, within_s: float | None = None) -> Position:
        """As `StateManager.read_position`."""
        return await self._run(calls.read_position(symbol), within_s)

    async def close(self) -> None:
        """As `StateManager.close`."""
        if self.waiting:
            await self.reconcile()
        self._core.journal.close()
        if self._own is not None:
            await self._own.close()

    async def _run(self, op: Operation[T], within_s: float | None) -> T:
        core, failure = self._core, None
        plan = core.attempt(op)
        if plan is not None and self._redis is not None:
            try:
                return await self._redis.run(plan, kind=op.kind, within_s=within_s or core.within_s)
            except StateError as error:
                failure = error
        return core.otherwise(op, failure)

    async def __aenter__(self) -> Self:
        await self.reconcile()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
