"""redis-py's clients as a user would construct them, with a login and over TLS where the topology wants it.

Only the class of the connections is another one: it counts what it sends. Works with redis-py 5 to 8.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.retry
import redis.sentinel
from redis.backoff import ExponentialBackoff

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.login import Login
from pytest_arbredis.subjects.counting import counting
from pytest_arbredis.subjects.counting_asyncio import counting_asyncio

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.subjects.redis_py import RedisPy

COMMAND_NAME = (
    ()
    if inspect.signature(redis.ConnectionPool.get_connection).parameters["command_name"].default is None
    else ("WAIT",)
)
"""What `get_connection` must be given: redis-py 5 wants a name, later versions warn of it."""


def built(subject: RedisPy, endpoints: Endpoints) -> tuple[Any, Any]:
    """The client, not yet connected, and the Sentinel client behind it or None; of asyncio if the subject is."""
    library: Any = redis.asyncio if subject.asyncio else redis
    host, port = endpoints.primary
    options = {"socket_timeout": subject.socket_timeout_s, **_retries(subject, subject.retries)}
    who: dict[str, Any] = {**endpoints.login.options()}
    known: Any = None
    if subject.construction == "Sentinel.master_for":
        known = _sentinel(subject, endpoints, options)
        client = known.master_for(endpoints.master_name, **who, **options)
    elif subject.construction == "from_url":
        client = library.from_url(endpoints.url, **options)
    elif subject.construction == "ConnectionPool":
        if who.pop("ssl", False):
            who["connection_class"] = library.SSLConnection
        pool = library.ConnectionPool(host=host, port=port, **who, **options)
        client = library.Redis(connection_pool=pool)
    else:
        client = library.Redis(host=host, port=port, **who, **options)
    counts = counting_asyncio if subject.asyncio else counting
    client.connection_pool.connection_class = counts(client.connection_pool.connection_class)
    return client, known


def _sentinel(subject: RedisPy, endpoints: Endpoints, options: dict[str, Any]) -> Any:
    """A client of the Sentinels, which are asked without a password, and over TLS where the primary is."""
    if not endpoints.sentinels:
        raise UsageError("the topology has no Sentinels", remedy="use a sentinel topology, or another subject")
    asking: dict[str, Any] = {"socket_timeout": subject.socket_timeout_s, **Login(ca=endpoints.login.ca).options()}
    if subject.sentinel_retries is not None:
        asking["retry"] = _retries(subject, subject.sentinel_retries)["retry"]
    library: Any = redis.asyncio.sentinel if subject.asyncio else redis.sentinel
    return library.Sentinel(endpoints.sentinels, sentinel_kwargs=asking, **options)


def _retries(subject: RedisPy, retries: int | None) -> dict[str, Any]:
    """Options of that many retries; none of the library's are touched for None."""
    if retries is None:
        return {}
    library: Any = redis.asyncio.retry if subject.asyncio else redis.retry
    return {
        "retry": library.Retry(ExponentialBackoff(), retries),
        "retry_on_error": [redis.ConnectionError, redis.TimeoutError],  # redis-py 5 heeds only this
    }
