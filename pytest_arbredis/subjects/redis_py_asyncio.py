"""A session of redis.asyncio: one client in an event loop of its own, every send counted.

The loop runs in its own thread all the time, as a bot's does, and not only while there is an operation.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import redis

from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
from pytest_arbredis.subjects.counting_asyncio import counted
from pytest_arbredis.subjects.redis_py_client import COMMAND_NAME, built
from pytest_arbredis.subjects.redis_py_operations import WRITES, command_of, node_name, output_of

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TypeVar

    from pytest_arbredis.subjects.counting import Count
    from pytest_arbredis.subjects.redis_py import RedisPy

    T = TypeVar("T")


class RedisAsyncioSession:
    """One client. Implements `Session` and `CountsAttempts`.

    An operation that is not done after `deadline_s` is cancelled, which raises the builtin `TimeoutError`.
    """

    def __init__(self, subject: RedisPy, endpoints: Endpoints) -> None:
        """Build the client in its loop and connect it, so that the first operation does not pay for that."""
        self._subject = subject
        self._endpoints = endpoints
        self._attempts = 0
        self._tried: tuple[str, ...] = ()
        self._client: Any = None
        self._sentinel: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="arbredis-asyncio", daemon=True)
        self._thread.start()
        try:
            self._ask(self._open())
        except BaseException:
            self.close()
            raise

    @property
    def attempts(self) -> int:
        """How many times the last operation was handed to a socket; its WAIT is not counted."""
        return self._attempts

    @property
    def tried(self) -> tuple[str, ...]:
        """Nodes that the last operation dialled or was sent to; an address that is no node's is given as it is."""
        return self._tried

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation; the answer names the node."""
        return self._ask(self._apply(op))

    def close(self) -> None:
        """Close the client, its pool, the clients of Sentinels, and the loop. A second time does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._ask(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self) -> None:
        self._client, self._sentinel = built(self._subject, self._endpoints)
        await self._client.ping()

    async def _close(self) -> None:
        for client in (self._client, *(self._sentinel.sentinels if self._sentinel is not None else ())):
            if client is not None:
                await (client.aclose() if hasattr(client, "aclose") else client.close())  # redis-py 5.0.0 has no aclose
                await client.connection_pool.disconnect()
        await self._loop.shutdown_asyncgens()

    async def _apply(self, op: Invocation) -> Answer:
        command = command_of(op)
        seconds = self._subject.deadline_s
        deadline = None if seconds is None else self._loop.time() + seconds
        self._attempts, self._tried = 0, ()
        with counted() as count:
            if self._subject.wait_replicas and op.name in WRITES:
                return await self._confirmed(op, command, count, deadline)
            try:
                async with asyncio.timeout_at(deadline):
                    reply = await command(self._client, op)
            finally:
                self._note(count)
            return Answer(output=output_of(op, reply), node=self._answering())

    async def _confirmed(self, op: Invocation, command: Any, count: Count, deadline: float | None) -> Answer:
        """Write and WAIT on one connection, and on one socket; see the session of threads.

        What the deadline meets while WAIT runs is written, and confirmed by nobody.
        """
        pool = self._client.connection_pool
        try:
            async with asyncio.timeout_at(deadline):
                connection = await pool.get_connection(*COMMAND_NAME)
                try:
                    self._client.connection = connection
                    reply = await command(self._client, op)
                except BaseException:
                    self._client.connection = None
                    await pool.release(connection)
                    raise
        finally:
            self._note(count)
        try:
            self._client.connection = None
            node = self._answering()
            confirmed = await self._wait(connection, deadline)
        finally:
            await pool.release(connection)
        return Answer(output=output_of(op, reply), confirmed=confirmed, wanted=self._subject.wait_replicas, node=node)

    async def _wait(self, connection: Any, deadline: float | None) -> int:
        """How many replicas confirmed what this socket wrote; 0 if that cannot be known."""
        if not connection.is_connected:
            return 0
        incarnation = connection.incarnation
        try:
            async with asyncio.timeout_at(deadline):
                await connection.send_command(
                    "WAIT", self._subject.wait_replicas, self._subject.wait_ms, check_health=False
                )
                confirmed = int(await connection.read_response())
        except redis.ResponseError:
            return 0
        except (redis.RedisError, TimeoutError):
            await connection.disconnect()
            return 0
        return confirmed if connection.incarnation == incarnation else 0

    def _note(self, count: Count) -> None:
        self._attempts = count.attempts
        self._tried = tuple(node_name(self._endpoints, address) for address in count.tried)

    def _answering(self) -> str | None:
        return self._tried[-1] if self._tried else None
