"""A `redis.asyncio.Redis` that leaves no connection open behind its event loop, though nobody awaits its end.

A fixture that is no coroutine cannot await `aclose()`, and its teardown may come when the loop is closed. So each
connection hangs on an asynchronous generator of its loop: `asyncio.run`, `asyncio.Runner` and what is built on them
(pytest-asyncio, anyio) end those, in the loop, before they close it.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from redis.asyncio import Redis
    from redis.asyncio.connection import Connection

    from pytest_arbredis.topology.node import Address


def async_client(address: Address, **settings: Any) -> Redis:
    """An unconnected client with the library's defaults."""
    import redis.asyncio

    return ending(redis.asyncio.Redis(host=address[0], port=address[1], **settings))


def ending(client: Redis) -> Redis:
    """The same client, whose connections end with their loop."""
    kind: Any = client.connection_pool.connection_class
    client.connection_pool.connection_class = _ending(kind)
    return client


def close_now(client: Redis) -> None:
    """Close what a loop that still lives keeps open; without a loop of our own, and without awaiting anything."""
    pool: Any = client.connection_pool
    for connection in (*pool._available_connections, *pool._in_use_connections):  # noqa: SLF001 - there is no other word
        loop = connection.used_in
        if loop is None or loop.is_closed():
            continue
        if loop.is_running():
            loop.call_soon_threadsafe(connection.drop)
        else:
            loop.run_until_complete(connection.disconnect())


@functools.cache
def _ending(kind: type[Connection]) -> type[Connection]:
    """That class of connection, which ends with its loop."""

    class EndingConnection(kind):  # type: ignore[valid-type, misc]
        used_in: asyncio.AbstractEventLoop | None = None
        guard: AsyncGenerator[None, None] | None = None

        async def _connect(self) -> None:
            await super()._connect()
            self.used_in = asyncio.get_running_loop()
            self.guard = _until_the_loop_ends(self)
            await anext(self.guard)

        async def disconnect(self, *args: Any, **settings: Any) -> None:
            guard, self.guard = self.guard, None
            await super().disconnect(*args, **settings)
            if guard is not None and not guard.ag_running:  # type: ignore[attr-defined] # of the native ones
                await guard.aclose()

        def drop(self) -> None:
            """Close without waiting."""
            self._close()

    return EndingConnection


async def _until_the_loop_ends(connection: Any) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        if connection.guard is not None:  # not disconnected yet
            connection.guard = None
            await connection.disconnect()
