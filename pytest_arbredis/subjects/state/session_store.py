"""The hardened session store on the servers of a drill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.asks import Batch
from pytest_arbredis.state.keyspace.parts import CATEGORIES
from pytest_arbredis.state.sessions.aio import AsyncStateStore
from pytest_arbredis.state.sessions.plans import keys_of
from pytest_arbredis.state.sessions.store import StateStore
from pytest_arbredis.subjects.state.connecting import hardened
from pytest_arbredis.subjects.state.loops import twin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.hardenings import Without

WITHIN_S = 1.0
"""Of one operation: long enough for a confirmation, short enough that a stalled node is left within a drill."""

WAIT_MS = 60
"""While a replica is away every save waits so long in vain."""


class HardenedStore:
    """Implements `Store`; without a breaker, which is another drill's."""

    def __init__(self, endpoints: Endpoints, *, wait_replicas: int, asyncio: bool, without: Without) -> None:
        self._redis = hardened(endpoints, asyncio=asyncio)
        self._confirmed = wait_replicas
        how: Any = {"wait_replicas": wait_replicas, "wait_ms": WAIT_MS, "_without": without}
        self._store = twin(self._redis, StateStore, AsyncStateStore, **how)

    def save(self, env: str, session_id: str, state: Mapping[str, Mapping[str, Json]], ttl_s: float | None) -> int:
        """As `Store.save`."""
        self._store.save_state_to_redis(env, session_id, state, ttl_s=ttl_s, within_s=WITHIN_S)
        return self._confirmed

    def load(self, env: str, session_id: str) -> Mapping[str, Mapping[str, object]]:
        """As `Store.load`."""
        return self._store.load_state_from_redis(env, session_id, within_s=WITHIN_S)

    def lives_ms(self, env: str, session_id: str) -> Mapping[str, int]:
        """As `Store.lives_ms`."""
        return self._redis.run(_lives_ms(env, session_id), within_s=WITHIN_S)

    def close(self) -> None:
        """As `Store.close`."""
        self._redis.close()


def _lives_ms(env: str, session_id: str) -> Plan[dict[str, int]]:
    replies = yield Batch(*(("PTTL", key) for key in keys_of(env, session_id)))
    return {category: int(reply) for category, reply in zip(CATEGORIES, replies, strict=True)}
