"""`AsyncStateRedis`: runs plans on real connections, for the tasks of one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.connections.calls import Calls
from pytest_arbredis.state.connections.forks import watch_forks
from pytest_arbredis.state.connections.lenient_wire import wire_without
from pytest_arbredis.state.connections.lines import AsyncioLine
from pytest_arbredis.state.connections.suspending import AsyncioBackend
from pytest_arbredis.state.connections.tls import Contexts
from pytest_arbredis.state.connections.urls import settings_of_env, settings_of_url
from pytest_arbredis.state.kinds import DEADLINES_S, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.settings import Settings
    from pytest_arbredis.state.connections.witness import Witness

T = TypeVar("T")


class AsyncStateRedis:
    """As `StateRedis`, for asyncio: made anywhere, used on one event loop, closed on it.

    async with AsyncStateRedis.from_url("redis://localhost:6379/0") as redis:
        await redis.run(plan, kind=Kind.NORMAL, within_s=0.5)
    """

    def __init__(self, settings: Settings, *, breaker: Breaker | None = None, witness: Witness | None = None) -> None:
        self.settings = settings
        if breaker is None and settings.breaker is not None:
            breaker = Breaker(settings.breaker)
        self.breaker = breaker
        wire = wire_without(settings._without)  # noqa: SLF001 - the private switch of the drills
        backend = AsyncioBackend(Contexts(settings.tls_ca_file), wire=wire)
        self.calls = Calls(settings, backend, breaker, witness=witness)
        watch_forks(self.calls)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """As `StateRedis.from_url`."""
        return cls(settings_of_url(url))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, *, default_port: int = 6379) -> Self:
        """As `StateRedis.from_env`."""
        return cls(settings_of_env(env, default_port=default_port))

    async def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """As `StateRedis.run`; a cancelled call gives its connection back, or ends it if a reply is outstanding."""
        return await self.calls.run(plan, kind, within_s)

    async def line(self, *, within_s: float | None = None) -> AsyncioLine:
        """As `StateRedis.line`."""
        return AsyncioLine(await self.calls.dial(DEADLINES_S[Kind.FAST] if within_s is None else within_s))

    async def close(self) -> None:
        """As `StateRedis.close`."""
        self.calls.pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r})"
