"""`AsyncStateStore`: sessions, saved and loaded as one, in asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.sessions import plans
from pytest_arbredis.state.sessions.plans import Others, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import RunsAsync
    from pytest_arbredis.state.sessions.snapshot import Saved, Snapshot
    from pytest_arbredis.state.sessions.values import Json


class AsyncStateStore:
    """As `StateStore`, for asyncio."""

    def __init__(
        self, redis: RunsAsync, *, wait_replicas: int = 0, wait_ms: int = 500, _without: Without = NONE
    ) -> None:
        self._redis = redis
        self._rules = Rules(wait_replicas=wait_replicas, wait_ms=wait_ms, without=_without)

    async def save_state_to_redis(
        self,
        env: str,
        session_id: str,
        state: Mapping[str, Mapping[str, object]],
        *,
        ttl_s: float | None = None,
        if_version: int | None = None,
        others: Others = "remove",
        within_s: float | None = None,
    ) -> Saved:
        """As `StateStore.save_state_to_redis`."""
        plan = plans.save(env, session_id, state, ttl_s=ttl_s, if_version=if_version, others=others, rules=self._rules)
        return await self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    async def load_state_from_redis(
        self, env: str, session_id: str, *, within_s: float | None = None
    ) -> dict[str, dict[str, Json]]:
        """As `StateStore.load_state_from_redis`."""
        found = await self.read_session(env, session_id, within_s=within_s)
        return {} if found is None else found.categories

    async def read_session(self, env: str, session_id: str, *, within_s: float | None = None) -> Snapshot | None:
        """As `StateStore.read_session`."""
        return await self._redis.run(
            plans.load(env, session_id, rules=self._rules), kind=Kind.NORMAL, within_s=within_s
        )

    async def delete_state_from_redis(
        self, env: str, session_id: str, *, if_version: int | None = None, within_s: float | None = None
    ) -> bool:
        """As `StateStore.delete_state_from_redis`."""
        plan = plans.delete(env, session_id, if_version=if_version, rules=self._rules)
        return await self._redis.run(plan, within_s=within_s)
