"""The session store as design 1 has it: four HSETs are a save, four HGETALLs a load."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import redis
import redis.sentinel

from pytest_arbredis.subjects.state.kept_sessions import ENV, KeptSessions
from pytest_arbredis.subjects.state.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints

CATEGORIES = ("session", "positions", "metrics", "risk_guard")
DAY_S = 86400


class NaiveStateStore:
    """Plain redis-py."""

    def __init__(
        self, client: redis.Redis, *, sentinel: redis.sentinel.Sentinel | None = None, trusting: int = 0
    ) -> None:
        self._redis: Any = client
        self._sentinel = sentinel
        self._trusting = trusting

    @classmethod
    def of(cls, endpoints: Endpoints, *, trusting: int = 0) -> NaiveStateStore:
        """On the servers of a drill, by Sentinel where there are some."""
        options: dict[str, Any] = {"socket_timeout": 1.0, **endpoints.login.options()}
        if endpoints.sentinels:
            known = redis.sentinel.Sentinel(endpoints.sentinels, sentinel_kwargs={"socket_timeout": 1.0}, **options)
            return cls(known.master_for(endpoints.master_name), sentinel=known, trusting=trusting)
        return cls(redis.from_url(endpoints.url, **options), trusting=trusting)

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
            idle_s = self._redis.object("idletime", key)
            if idle_s is not None and idle_s >= older_than_s:
                self._redis.delete(key)
                yield key.decode()

    def save(self, env: str, session_id: str, state: Mapping[str, Mapping[str, Any]], ttl_s: float | None) -> int:
        """For the drill: nobody confirms anything, and OK is taken as confirmed by those who are trusted."""
        self.save_state_to_redis(env, session_id, state, ttl_s)
        return self._trusting

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


class NaiveKeeper:
    """Implements `Keeper`: the store and its clean-up, on sessions of one environment."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._store = NaiveStateStore.of(endpoints)

    def save(self, session_id: str, state: Mapping[str, Mapping[str, Json]]) -> None:
        """As written."""
        self._store.save_state_to_redis(ENV, session_id, state)

    def load(self, session_id: str) -> Mapping[str, Mapping[str, object]]:
        """As written."""
        return self._store.load_state_from_redis(ENV, session_id)

    def end(self, session_id: str) -> None:
        """As written."""
        self._store.delete_state_from_redis(ENV, session_id)

    def clean(self, older_than_s: float) -> int:
        """As written: how many keys."""
        return len([*self._store.cleanup(ENV, int(older_than_s))])

    def close(self) -> None:
        """As `Keeper.close`."""
        self._store.close()


def kept_sessions(*, older_than_s: float) -> KeptSessions:
    """The naive twin with its clean-up."""
    return KeptSessions(name="naive session store and clean-up", make=NaiveKeeper, older_than_s=older_than_s)


def sessions(*, ttl_s: float | None = None, trusting: int = 0) -> Sessions:
    """The naive twin as a subject. No design has a WAIT: OK is taken as confirmed by `trusting` replicas."""
    believes = f", OK taken as confirmed by {trusting}" if trusting else ""
    return Sessions(
        name=f"naive session store{believes}",
        make=partial(NaiveStateStore.of, trusting=trusting),
        ttl_s=ttl_s,
        wait_replicas=trusting,
    )
