"""Plain redis-py clients for the naive twins, by Sentinel where there are some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
import redis.sentinel

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_arbredis.load.protocol import Endpoints


def client_of(endpoints: Endpoints, held: ExitStack) -> Any:
    """A client of the primary, as `redis.from_url` or `Sentinel.master_for` make it; `held` closes what it needs."""
    options: dict[str, Any] = {"socket_timeout": 1.0, **endpoints.login.options()}
    if endpoints.sentinels:
        known = redis.sentinel.Sentinel(endpoints.sentinels, sentinel_kwargs={"socket_timeout": 1.0}, **options)
        for one in known.sentinels:
            held.callback(one.close)
        client: Any = known.master_for(endpoints.master_name)
    else:
        client = redis.from_url(endpoints.url, **options)
    held.callback(client.close)
    return client
