"""The session store as design 1 has it: four HSETs are a save, four HGETALLs a load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import redis
import redis.sentinel

from pytest_arbredis.subjects.state.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_arbredis.load.protocol import Endpoints

CATEGORIES = ("session", "positions", "metrics", "risk_guard")
DAY_S = 86400


class NaiveStateStore:
    """Plain redis-py."""

    def __init__(self, client: redis.Redis, *, sentinel: redis.sentinel.Sentinel | None = None) -> None:
        self._redis: Any = client
        self._sentinel = sentinel

    @classmethod
    def of(cls, endpoints: Endpoints) -> NaiveStateStore:
        """On the servers of a drill, by Sentinel where there are some."""
        options: dict[str, Any] = {"socket_timeout": 1.0, **endpoints.login.options()}
        if endpoints.sentinels:
            known = redis.sentinel.Sentinel(endpoints.sentinels, sentinel_kwargs={"socket_timeout": 1.0}, **options)
            return cls(known.master_for(endpoints.master_name), sentinel=known)
        return cls(redis.from_url(endpoints.url, **options))

    def save_state_to_redis(
        self, env: str, session_id: str, state: Mapping[str, Mapping[str, Any]], ttl_s: float | None = None
    ) -> None:
        """state-layer.md §1: a Hash for each category, nested fields as JSON; EXPIRE where a TTL is recommended."""
        for category, fields in state.items():
            key = self._key(env, session_id, category)
            self._redis.hset(key, mapping={name: orjson.dumps(value) for name, value in fields.items()})
            if ttl_s is not None:
                self._redis.expire(key, int(ttl_s))

    def load_state_from_redis(self, env: str, session_id: str) -> dict[str, dict[str, Any]]:
        """state-layer.md §1: load returns {category: mapping}."""
        found = {category: self._redis.hgetall(self._key(env, session_id, category)) for category in CATEGORIES}
        return {
            category: {name.decode(): orjson.loads(value) for name, value in fields.items()}
            for category, fields in found.items()
            if fields
        }

    def delete_state_from_redis(self, env: str, session_id: str) -> bool:
        """state-layer.md §1: deleted at the end of a session."""
        gone = [self._redis.delete(self._key(env, session_id, category)) for category in CATEGORIES]
        return any(gone)

    def cleanup(self, env: str, older_than_s: int = DAY_S) -> Iterator[str]:
        """state-layer.md §1: SCAN, and delete what has been idle for longer; gives the keys."""
        for key in self._redis.scan_iter(match=f"arbitrage:state:{env}:*"):
            if self._redis.object("idletime", key) >= older_than_s:
                self._redis.delete(key)
                yield key.decode()

    def save(self, env: str, session_id: str, state: Mapping[str, Mapping[str, Any]], ttl_s: float | None) -> int:
        """For the drill: nobody confirms anything."""
        self.save_state_to_redis(env, session_id, state, ttl_s)
        return 0

    load = load_state_from_redis

    def lives_ms(self, env: str, session_id: str) -> dict[str, int]:
        """For the drill: PTTL of each category."""
        return {category: self._redis.pttl(self._key(env, session_id, category)) for category in CATEGORIES}

    def close(self) -> None:
        """Close the client, and those of the Sentinels."""
        for client in (self._redis, *(self._sentinel.sentinels if self._sentinel else ())):
            client.close()
            client.connection_pool.disconnect()

    @staticmethod
    def _key(env: str, session_id: str, category: str) -> str:
        return f"arbitrage:state:{env}:{session_id}:{category}"


def sessions(*, ttl_s: float | None = None) -> Sessions:
    """The naive twin as a subject."""
    return Sessions(name="naive session store", make=NaiveStateStore.of, ttl_s=ttl_s)
