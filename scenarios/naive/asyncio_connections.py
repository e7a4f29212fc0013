"""Connections in asyncio as the designs have them: redis-py's, and a pool that gets everything back as it is."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.scenarios.naive.connections import RETRIES
from pytest_arbredis.subjects.redis_py import OPERATIONS, RedisPy, async_direct
from pytest_arbredis.subjects.redis_py_operations import output_of
from pytest_arbredis.subjects.state.cancelling import CancelledCall, cancelled, moment_s
from pytest_arbredis.subjects.state.loops import EventLoop

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints, Invocation


def plain(*, timeout_s: float = 5.0) -> RedisPy:
    """state-layer.md §2: socket timeout 5 s; §3: REDIS_HOST, REDIS_PORT; §5: 3 retries. redis-py, as it comes."""
    return async_direct(socket_timeout_s=timeout_s, retries=RETRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """Implements `Subject`: the clients of a load share an event loop and a pool; some of their calls are cancelled."""

    connections: int
    cancelled: float
    timeout_s: float = 5.0
    name: str = "naive pool of asyncio"
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> GivenBackSession:
        """One more client of the pool."""
        with _LOCK:
            pool = _POOLS.setdefault(id(endpoints), None) or NaivePool(self, endpoints)
            _POOLS[id(endpoints)] = pool
            pool.users += 1
        return GivenBackSession(self, pool)


class NaivePool:
    """state-layer.md §2: "borrows from the pool, always gives back (also when cancelled)"; socket timeout 5 s."""

    def __init__(self, subject: GivenBack, endpoints: Endpoints) -> None:
        self.endpoints = endpoints  # held, so that nobody else's have the same id
        self.loop = EventLoop()
        self.users = 0
        self._timeout_s = subject.timeout_s
        host, port = endpoints.primary
        options: dict[str, Any] = {"socket_timeout": subject.timeout_s, **endpoints.login.options()}
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for _ in range(subject.connections):
            self._free.put_nowait(redis.asyncio.Connection(host=host, port=port, **options))

    async def call(self, *args: Any) -> Any:
        """The reply to one command."""
        async with asyncio.timeout(self._timeout_s):
            connection = await self._free.get()
            try:
                await connection.send_command(*args, check_health=False)
                return await connection.read_response(disconnect_on_error=False)
            except (redis.ConnectionError, OSError):
                await connection.disconnect()
                raise
            finally:
                self._free.put_nowait(connection)

    def left(self) -> None:
        """A client has gone; the last one ends the loop."""
        with _LOCK:
            self.users -= 1
            if self.users:
                return
            _POOLS.pop(id(self.endpoints), None)
        self.loop.result(self._close())
        self.loop.close()

    async def _close(self) -> None:
        while not self._free.empty():
            await self._free.get_nowait().disconnect(nowait=True)


_POOLS: dict[int, NaivePool | None] = {}
_LOCK = threading.Lock()


class GivenBackSession:
    """One client."""

    def __init__(self, subject: GivenBack, pool: NaivePool) -> None:
        self._subject = subject
        self._pool = pool

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation."""
        call = self._pool.call("GET", op.key) if op.name == "read" else self._pool.call("SET", op.key, op.input)
        after_s = moment_s(op.id, self._subject.cancelled)
        try:
            reply = self._pool.loop.result(call if after_s is None else cancelled(call, after_s=after_s))
        except CancelledCall:
            return Answer(outcome="unknown", error="Cancelled: by its caller")
        except (redis.RedisError, OSError) as error:
            return Answer(outcome="unknown", error=f"{type(error).__name__}: {error}")
        return Answer(output=output_of(op, reply))

    def close(self) -> None:
        """Leave the pool."""
        self._pool.left()
