"""A cache as design 5 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import redis

from pytest_arbredis.subjects.state.caches import REDIS_WITHIN_S, Caches
from pytest_arbredis.subjects.state.connecting import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints


class NaiveCache:
    """Plain redis-py."""

    def __init__(self, client: redis.Redis, *, ttl_s: float) -> None:
        self._redis: Any = client
        self._ttl_ms = int(ttl_s * 1000)

    def get(self, key: str, load: Callable[[], Json]) -> Json:
        """state-layer.md §5: get_with_fallback(key): a miss or an error of Redis goes to the database."""
        try:
            found = self._redis.get(key)
        except redis.RedisError:
            return load()
        if found is not None:
            value: Json = orjson.loads(found)
            return value
        value = load()
        try:
            self._redis.set(key, orjson.dumps(value), px=self._ttl_ms)
        except redis.RedisError:
            return value
        return value

    def write(self, key: str, store: Callable[[], None]) -> None:
        """state-layer.md §5: invalidate on write: database first, then cache."""
        store()
        try:
            self._redis.delete(key)
        except redis.RedisError:
            return

    def close(self) -> None:
        """End the connections."""
        self._redis.close()


def caches(*, ttl_s: float, load_s: float, warm: int = 0) -> Caches:
    """A cache that everybody fills."""

    def make(endpoints: Endpoints) -> NaiveCache:
        return NaiveCache(plain(endpoints, timeout_s=REDIS_WITHIN_S), ttl_s=ttl_s)

    return Caches(name="cache as design 5 has it", make=make, load_s=load_s, warm=warm)
