"""`SymbolMetrics` and its asyncio twin: what callers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.symbols import plans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import Runs, RunsAsync
    from pytest_arbredis.state.json_value import Json


class SymbolMetrics:
    """Metrics of symbols, by environment. Every method takes `within_s`, its total time in seconds."""

    __slots__ = ("_redis",)

    def __init__(self, redis: Runs) -> None:
        self._redis = redis

    def save(
        self,
        env: str,
        symbol: str,
        metric_type: str,
        fields: Mapping[str, Json],
        *,
        ttl_s: float = plans.TTL_S,
        within_s: float | None = None,
    ) -> None:
        """As `plans.save`."""
        plan = plans.save(env, symbol, metric_type, fields, ttl_s=ttl_s)
        self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    def load(self, env: str, symbol: str, metric_type: str, *, within_s: float | None = None) -> dict[str, Json] | None:
        """As `plans.load`."""
        return self._redis.run(plans.load(env, symbol, metric_type), kind=Kind.NORMAL, within_s=within_s)

    def delete(self, env: str, symbol: str, metric_type: str, *, within_s: float | None = None) -> bool:
        """As `plans.delete`."""
        return self._redis.run(plans.delete(env, symbol, metric_type), kind=Kind.FAST, within_s=within_s)


class AsyncSymbolMetrics:
    """As `SymbolMetrics`, for asyncio."""

    __slots__ = ("_redis",)

    def __init__(self, redis: RunsAsync) -> None:
        self._redis = redis

    async def save(
        self,
        env: str,
        symbol: str,
        metric_type: str,
        fields: Mapping[str, Json],
        *,
        ttl_s: float = plans.TTL_S,
        within_s: float | None = None,
    ) -> None:
        """As `SymbolMetrics.save`."""
        plan = plans.save(env, symbol, metric_type, fields, ttl_s=ttl_s)
        await self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    async def load(
        self, env: str, symbol: str, metric_type: str, *, within_s: float | None = None
    ) -> dict[str, Json] | None:
        """As `SymbolMetrics.load`."""
        return await self._redis.run(plans.load(env, symbol, metric_type), kind=Kind.NORMAL, within_s=within_s)

    async def delete(self, env: str, symbol: str, metric_type: str, *, within_s: float | None = None) -> bool:
        """As `SymbolMetrics.delete`."""
        return await self._redis.run(plans.delete(env, symbol, metric_type), kind=Kind.FAST, within_s=within_s)
