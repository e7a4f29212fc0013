"""The sliding window as design 5 has it: its Lua script as written, with the three bugs that its hazards name."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from pytest_arbredis.scenarios.naive.reaching import client_of
from pytest_arbredis.subjects.state.limits import MOST, WINDOW_S, Limits

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.clock import Clock

SCRIPT = """
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
if redis.call('ZCARD', KEYS[1]) >= limit then return 0 end
redis.call('ZADD', KEYS[1], now, now)
redis.call('EXPIRE', KEYS[1], window)
return 1
"""
"""The time is the member, the caller's clock is the time, and EXPIRE is given milliseconds."""


class NaiveLimiter:
    """Plain redis-py."""

    def __init__(self, endpoints: Endpoints, clock: Clock, *, most: int, window_s: float) -> None:
        self._held = ExitStack()
        self._redis = client_of(endpoints, self._held)
        self._clock = clock
        self._most = most
        self._window_ms = int(window_s * 1000)

    def take(self, who: str) -> Json:
        """state-layer.md §5: `ratelimit:orders:{account}`, 10 per 1 s."""
        return self._passes(f"ratelimit:orders:{who}")

    def call(self, who: str) -> Json:
        """state-layer.md §5: `ratelimit:api:{user}`, 100 per 60 s."""
        return self._passes(f"ratelimit:api:{who}")

    def _passes(self, key: str) -> bool:
        """state-layer.md §5: sliding window by a Lua script (ZREMRANGEBYSCORE, ZCARD, ZADD, EXPIRE)."""
        now_ms = self._clock.wall_ns() // 1_000_000
        return bool(self._redis.eval(SCRIPT, 1, key, now_ms, self._window_ms, self._most))

    def ttl_ms(self, who: str) -> int:
        """What PTTL says."""
        return int(self._redis.pttl(f"ratelimit:orders:{who}"))

    def close(self) -> None:
        """Close the client."""
        self._held.close()


def limits(*, most: int = MOST, window_s: float = WINDOW_S) -> Limits:
    """The limiter as written."""
    return Limits(name="naive limiter, the script as written", make=partial(NaiveLimiter, most=most, window_s=window_s))
