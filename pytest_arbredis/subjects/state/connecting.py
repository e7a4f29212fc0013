"""The state layer's connection to the servers of a drill; for the naive twins plain redis-py's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.subjects.state.loops import LoopRedis, SharedLoopRedis

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.load.protocol import Endpoints


def settings_of(endpoints: Endpoints, *, keeps_state: bool = True) -> Settings:
    """By the Sentinels where there are some. Without a breaker, which is another drill's."""
    login = endpoints.login
    return Settings(
        address=endpoints.primary,
        sentinels=endpoints.sentinels,
        master_name=endpoints.master_name,
        username=login.user,
        password=login.password,
        tls=login.ca is not None,
        tls_ca_file=None if login.ca is None else str(login.ca),
        breaker=None,
        keeps_state=keeps_state,
    )


def hardened(endpoints: Endpoints, *, keeps_state: bool = True, asyncio: bool = False) -> StateRedis | LoopRedis:
    """A client with these settings, of threads or of asyncio; whoever asks for it closes it."""
    settings = settings_of(endpoints, keeps_state=keeps_state)
    return SharedLoopRedis(endpoints, settings) if asyncio else StateRedis(settings)


def plain(endpoints: Endpoints, *, timeout_s: float = 1.0) -> redis.Redis:
    """A client without retries, by Sentinel where there are some."""
    import redis
    from redis.sentinel import Sentinel

    options: dict[str, Any] = {"socket_timeout": timeout_s, **endpoints.login.options()}
    if endpoints.sentinels:
        known = Sentinel(endpoints.sentinels, sentinel_kwargs={"socket_timeout": timeout_s}, **options)
        client: redis.Redis = known.master_for(endpoints.master_name)
        return client
    return redis.from_url(endpoints.url, **options)


def lacking(without: frozenset[str], *, asyncio: bool = False) -> str:
    """How a subject's name says what was left out, and that it is asyncio's."""
    told = ", asyncio" if asyncio else ""
    return f"{told} without {', '.join(sorted(without))}" if without else told
