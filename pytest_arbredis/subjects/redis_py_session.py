"""A session of redis-py: one client, one thread, every send counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis

from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
from pytest_arbredis.subjects.counting import METER
from pytest_arbredis.subjects.redis_py_client import COMMAND_NAME, built
from pytest_arbredis.subjects.redis_py_operations import WRITES, command_of, node_name, output_of

if TYPE_CHECKING:
    from pytest_arbredis.subjects.redis_py import RedisPy


class RedisPySession:
    """One client. Implements `Session` and `CountsAttempts`."""

    def __init__(self, subject: RedisPy, endpoints: Endpoints) -> None:
        """Build the client and connect it, so that the first operation does not pay for that."""
        self._subject = subject
        self._endpoints = endpoints
        self._attempts = 0
        self._tried: tuple[str, ...] = ()
        self._client, self._sentinel = built(subject, endpoints)
        self._client.ping()

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
        command = command_of(op)
        METER.start()
        if self._subject.wait_replicas and op.name in WRITES:
            return self._confirmed(op, command)
        try:
            return Answer(output=output_of(op, command(self._client, op)), node=self._answering())
        finally:
            self._note()

    def close(self) -> None:
        """Close the client, its pool, and the clients of Sentinels."""
        for client in (self._client, *(self._sentinel.sentinels if self._sentinel is not None else ())):
            client.close()
            client.connection_pool.disconnect()

    def _confirmed(self, op: Invocation, command: Any) -> Answer:
        """Write and WAIT on one connection, and on one socket: on a new one WAIT would confirm nothing, with success.

        The write goes through the client with a connection of the pool pinned to it, so that retries, discovery and
        reconnecting stay the library's. WAIT goes to the connection itself, so that nothing sends it again.
        """
        pool = self._client.connection_pool
        try:
            connection = pool.get_connection(*COMMAND_NAME)
            try:
                self._client.connection = connection
                output = output_of(op, command(self._client, op))
            except BaseException:
                self._client.connection = None
                pool.release(connection)
                raise
        finally:
            self._note()
        try:
            self._client.connection = None
            node = self._answering()
            return Answer(
                output=output, confirmed=self._wait(connection), wanted=self._subject.wait_replicas, node=node
            )
        finally:
            pool.release(connection)

    def _wait(self, connection: Any) -> int:
        """How many replicas confirmed what this socket wrote; 0 if that cannot be known."""
        if not connection._sock:  # noqa: SLF001 - the library has no public word for it before 7
            return 0
        incarnation = connection.incarnation
        try:
            connection.send_command("WAIT", self._subject.wait_replicas, self._subject.wait_ms, check_health=False)
            confirmed = int(connection.read_response())
        except redis.ResponseError:
            return 0
        except redis.RedisError:
            connection.disconnect()
            return 0
        return confirmed if connection.incarnation == incarnation else 0

    def _note(self) -> None:
        self._attempts = METER.attempts
        self._tried = tuple(node_name(self._endpoints, address) for address in METER.tried)

    def _answering(self) -> str | None:
        return node_name(self._endpoints, METER.tried[-1]) if METER.tried else None
