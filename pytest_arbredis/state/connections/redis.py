"""`StateRedis`: runs plans on real connections, for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.blocking import BlockingBackend
from pytest_arbredis.state.connections.calls import Calls
from pytest_arbredis.state.connections.forks import watch_forks
from pytest_arbredis.state.connections.lines import BlockingLine
from pytest_arbredis.state.connections.tls import Contexts
from pytest_arbredis.state.connections.urls import settings_of_env, settings_of_url
from pytest_arbredis.state.kinds import DEADLINES_S, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.settings import Settings
    from pytest_arbredis.state.connections.witness import Witness

T = TypeVar("T")


class StateRedis:
    """A pool of connections to one primary, with a circuit breaker; any number of threads share it.

        with StateRedis.from_url("redis://localhost:6379/0") as redis:
            redis.run(plan, kind=Kind.NORMAL, within_s=0.5)

    Connections are made when they are needed. `breaker` is None if the settings say so; a given one may be shared.
    """

    def __init__(self, settings: Settings, *, breaker: Breaker | None = None, witness: Witness | None = None) -> None:
        self.settings = settings
        if breaker is None and settings.breaker is not None:
            breaker = Breaker(settings.breaker)
        self.breaker = breaker
        each_anew = "total-deadline" in settings._without  # noqa: SLF001 - the private switch of the drills
        backend = BlockingBackend(Contexts(settings.tls_ca_file), each_anew=each_anew)
        self.calls = Calls(settings, backend, breaker, witness=witness)
        watch_forks(self.calls)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Of `redis://[user:password@]host:port/db`, `rediss://…` or `redis+sentinel://h1:p1,h2:p2/name/db`."""
        return cls(settings_of_url(url))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, *, default_port: int = 6379) -> Self:
        """Of REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_DB; see `urls.settings_of_env`."""
        return cls(settings_of_env(env, default_port=default_port))

    def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """The plan's result, within `within_s` seconds in total, or what its kind may take, or what is left around it.

        Raises `StateError`. The plan is closed on any way out.
        """
        return finish(self.calls.run(plan, kind, within_s))

    def line(self, *, within_s: float | None = None) -> BlockingLine:
        """A connection of one's own to the primary, outside of the pool."""
        limit_s = DEADLINES_S[Kind.FAST] if within_s is None else within_s
        return BlockingLine(finish(self.calls.dial(limit_s)))

    def close(self) -> None:
        """End all connections: idle ones now, others when their calls end."""
        self.calls.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r})"
