"""`SlidingWindow` and its asyncio twin: what callers use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.errors import (
    CircuitOpenError,
    NotConfirmedError,
    PoolExhaustedError,
    StateError,
    UnavailableError,
)
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.limits import plans
from pytest_arbredis.state.limits.evictions import Evictions
from pytest_arbredis.state.limits.limit import Decision, Limit

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.running import Runs, RunsAsync

AWAY: Final[tuple[type[StateError], ...]] = (UnavailableError, CircuitOpenError, PoolExhaustedError, NotConfirmedError)
"""What Redis being away looks like to a limit."""


def by_policy(limit: Limit) -> Decision:
    """What the limit says when Redis cannot be asked."""
    return Decision(allowed=limit.when_redis_is_away == "open", decided_by="policy")


class SlidingWindow:
    """Requests within a limit. Any number of threads and processes may share a key; their clocks do not matter.

    At most `limit.most` requests pass in any window of the server's time. A failover to a replica that lags forgets the
    requests that it had not received: then up to twice as many may pass in a window, unless replicas confirm them.
    """

    def __init__(self, redis: Runs, limit: Limit, *, clock: Clock = SYSTEM_CLOCK, _without: Without = NONE) -> None:
        self.limit = limit
        self._redis = redis
        self._clock = clock
        self._without = require_known(_without, plans.HARDENINGS)
        self._evictions = Evictions()

    def take(self, who: str, *, within_s: float | None = None) -> Decision:
        """Ask for one request of `who`. Raises `KeyRefusedError` for a bad name; never because Redis is away.

        Raises `UnsafePolicyError`, with nothing counted, where the server may have evicted what was counted before.
        """
        caller_us = self._clock.wall_ns() // 1000
        plan = plans.take(
            self.limit,
            who,
            member=uuid4().hex,
            caller_us=caller_us,
            evictions=self._evictions,
            without=self._without,
        )
        try:
            return self._redis.run(plan, within_s=within_s)
        except AWAY:
            if "policy-when-away" in self._without:
                raise
            return by_policy(self.limit)

    def get_remaining(self, who: str, *, within_s: float | None = None) -> Decision:
        """What may pass now: nothing is counted. Raises `StateError` if Redis is away: nobody knows then.

        Raises `UnsafePolicyError` as `take` does.
        """
        return self._redis.run(
            plans.look(self.limit, who, evictions=self._evictions, without=self._without), within_s=within_s
        )


class AsyncSlidingWindow:
    """As `SlidingWindow`, for asyncio."""

    def __init__(
        self, redis: RunsAsync, limit: Limit, *, clock: Clock = SYSTEM_CLOCK, _without: Without = NONE
    ) -> None:
        self.limit = limit
        self._redis = redis
        self._clock = clock
        self._without = require_known(_without, plans.HARDENINGS)
        self._evictions = Evictions()

    async def take(self, who: str, *, within_s: float | None = None) -> Decision:
        """As `SlidingWindow.take`."""
        caller_us = self._clock.wall_ns() // 1000
        plan = plans.take(
            self.limit,
            who,
            member=uuid4().hex,
            caller_us=caller_us,
            evictions=self._evictions,
            without=self._without,
        )
        try:
            return await self._redis.run(plan, within_s=within_s)
        except AWAY:
            if "policy-when-away" in self._without:
                raise
            return by_policy(self.limit)

    async def get_remaining(self, who: str, *, within_s: float | None = None) -> Decision:
        """As `SlidingWindow.get_remaining`."""
        return await self._redis.run(
            plans.look(self.limit, who, evictions=self._evictions, without=self._without), within_s=within_s
        )
