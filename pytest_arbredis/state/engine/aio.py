"""`AsyncEngineStore`: as `EngineStore`, for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.engine import agent, leaderboard, physics, snapshot
from pytest_arbredis.state.engine.physics import EVICTION_GUARD
from pytest_arbredis.state.engine.snapshot import AGE
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import RunsAsync
    from pytest_arbredis.state.engine.physics import PhysicsState
    from pytest_arbredis.state.engine.snapshot import Quote, Snapshot
    from pytest_arbredis.state.json_value import Json

HARDENINGS: Final = frozenset({EVICTION_GUARD, AGE})


class AsyncEngineStore:
    """What an engine keeps; `snapshot_ttl_s` and `agent_ttl_s` are seconds.

    Every method takes `within_s`, its total time in seconds; what each promises is said where its plan is.
    """

    __slots__ = ("_agent_ttl_s", "_redis", "_snapshot_ttl_s", "_without")

    def __init__(
        self,
        redis: RunsAsync,
        *,
        snapshot_ttl_s: float = snapshot.TTL_S,
        agent_ttl_s: float = agent.TTL_S,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._snapshot_ttl_s = snapshot_ttl_s
        self._agent_ttl_s = agent_ttl_s
        self._without = require_known(_without, HARDENINGS)

    async def save_physics(self, symbol: str, state: PhysicsState, *, within_s: float | None = None) -> None:
        """As `physics.save`."""
        await self._redis.run(physics.save(symbol, state, without=self._without), kind=Kind.FAST, within_s=within_s)

    async def load_physics(self, symbol: str, *, within_s: float | None = None) -> PhysicsState | None:
        """As `physics.load`."""
        return await self._redis.run(physics.load(symbol, without=self._without), kind=Kind.FAST, within_s=within_s)

    async def put_snapshot(self, symbol: str, quote: Quote, *, within_s: float | None = None) -> None:
        """As `snapshot.put`."""
        await self._redis.run(
            snapshot.put(symbol, quote, ttl_s=self._snapshot_ttl_s), kind=Kind.PIPELINE, within_s=within_s
        )

    async def get_snapshot(self, symbol: str, *, within_s: float | None = None) -> Snapshot | None:
        """As `snapshot.get`."""
        plan = snapshot.get(symbol, ttl_s=self._snapshot_ttl_s, without=self._without)
        return await self._redis.run(plan, kind=Kind.NORMAL, within_s=within_s)

    async def save_agent(self, agent_id: str, state: Mapping[str, Json], *, within_s: float | None = None) -> None:
        """As `agent.save`."""
        await self._redis.run(agent.save(agent_id, state, ttl_s=self._agent_ttl_s), kind=Kind.FAST, within_s=within_s)

    async def load_agent(self, agent_id: str, *, within_s: float | None = None) -> dict[str, Json] | None:
        """As `agent.load`."""
        return await self._redis.run(agent.load(agent_id), kind=Kind.FAST, within_s=within_s)

    async def rank(self, strategy: str, score: float, *, within_s: float | None = None) -> None:
        """As `leaderboard.rank`."""
        await self._redis.run(leaderboard.rank(strategy, score), kind=Kind.FAST, within_s=within_s)

    async def top(self, most: int = leaderboard.TOP, *, within_s: float | None = None) -> tuple[tuple[str, float], ...]:
        """As `leaderboard.top`."""
        return await self._redis.run(leaderboard.top(most), kind=Kind.NORMAL, within_s=within_s)

    async def unrank(self, strategy: str, *, within_s: float | None = None) -> bool:
        """As `leaderboard.remove`."""
        return await self._redis.run(leaderboard.remove(strategy), kind=Kind.FAST, within_s=within_s)
