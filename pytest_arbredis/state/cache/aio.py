"""`AsyncCache`: as `Cache`, for asyncio."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_arbredis.state.cache import reading
from pytest_arbredis.state.cache.cache import WITHIN_S, Written
from pytest_arbredis.state.cache.desk import Desk, cached_pattern, ttl_of
from pytest_arbredis.state.cache.flights import Flights
from pytest_arbredis.state.cache.policy import HARDENINGS, CachePolicy
from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.deadline import expires_ns, remaining_s
from pytest_arbredis.state.errors import DatabaseBusyError
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_arbredis.state.cache.reading import Steps
    from pytest_arbredis.state.connections.running import RunsAsync
    from pytest_arbredis.state.json_value import Json

T = TypeVar("T")


class AsyncCache:
    """As `Cache`, in one event loop; `load` and `store` are awaited."""

    def __init__(
        self,
        redis: RunsAsync,
        policy: CachePolicy | None = None,
        *,
        chance: random.Random | None = None,
        clock: Clock = SYSTEM_CLOCK,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._pause = pause
        self.desk = Desk(
            policy=policy or CachePolicy(),
            flights=Flights(asyncio.Event),
            chance=chance or random.Random(),
            clock=clock,
            without=require_known(_without, HARDENINGS),
        )
        self._gate = asyncio.BoundedSemaphore(self.desk.policy.database_at_once)

    async def get_with_fallback(
        self, key: str, load: Callable[[], Awaitable[Json]], *, within_s: float | None = None
    ) -> Json:
        """As `Cache.get_with_fallback`."""
        cached_pattern(key)
        return await self._drive(
            reading.read(self.desk, key), load, expires_ns(WITHIN_S if within_s is None else within_s)
        )

    async def write(self, key: str, store: Callable[[], Awaitable[T]], *, within_s: float | None = None) -> Written[T]:
        """As `Cache.write`."""
        cached_pattern(key)
        stale_s = ttl_of(key, self.desk.policy)
        done = False
        try:
            value = await store()
        finally:
            expires_at_ns = expires_ns(WITHIN_S if within_s is None else within_s)
            done = await self._drive(reading.invalidate(self.desk, key), None, expires_at_ns)
        return Written(value=value, invalidated=done, stale_s=0.0 if done else stale_s)

    async def _drive(self, steps: Steps, load: Callable[[], Awaitable[Json]] | None, expires_at_ns: int) -> Any:
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._take(step, load, expires_at_ns)
                except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again if it is not theirs
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    async def _take(self, step: reading.Step, load: Callable[[], Awaitable[Json]] | None, expires_at_ns: int) -> Any:
        left_s = remaining_s(expires_at_ns, doing="asking the cache")
        match step:
            case reading.AskRedis():
                within_s = min(left_s, self.desk.policy.redis_within_s)
                return await self._redis.run(step.plan, kind=Kind.FAST, within_s=within_s)
            case reading.Load():
                return await self._loaded(load, left_s)
            case reading.Follow():
                return await _within(step.flight.landed.wait(), min(step.within_s, left_s))  # type: ignore[attr-defined]
            case reading.Pause():
                return await self._pause(min(step.seconds, left_s))

    async def _loaded(self, load: Callable[[], Awaitable[Json]] | None, within_s: float) -> Json:
        if not await _within(self._gate.acquire(), within_s):
            raise DatabaseBusyError(
                f"{self.desk.policy.database_at_once} loads were under way for {within_s:.3g} s",
                remedy="a slow database, or database_at_once is too low",
            )
        try:
            return await load() if load is not None else None
        finally:
            self._gate.release()


async def _within(awaited: Awaitable[object], seconds: float) -> bool:
    """Whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await awaited
    except TimeoutError:
        return False
    return True
