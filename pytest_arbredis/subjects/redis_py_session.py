"""A session of redis-py: one client, one thread, every send counted."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Address, Answer, Endpoints, Invocation
from pytest_arbredis.subjects.counting import METER, CountingConnection, CountingSentinelConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.subjects.redis_py import RedisPy

_COMMAND_NAME = (
    ()
    if inspect.signature(redis.ConnectionPool.get_connection).parameters["command_name"].default is None
    else ("WAIT",)
)
"""What `get_connection` must be given: redis-py 5 wants a name, later versions warn of it."""

_WRITES = frozenset({"write", "increment", "SET"})


class RedisPySession:
    """One client. Implements `Session` and `CountsAttempts`."""

    def __init__(self, subject: RedisPy, endpoints: Endpoints) -> None:
        """Build the client and connect it, so that the first operation does not pay for that."""
        self._subject = subject
        self._nodes = endpoints.nodes
        self._sentinel: Any = None
        self._client = self._built(endpoints)
        self._attempts = 0
        self._tried: tuple[str, ...] = ()
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
        command = _COMMANDS.get(op.name)
        if command is None:
            raise UsageError.unknown("operation", op.name, _COMMANDS)
        METER.start()
        try:
            if self._subject.wait_replicas and op.name in _WRITES:
                return self._confirmed(op, command)
            return Answer(output=_json(command(self._client, op)), node=self._answering())
        finally:
            if not self._subject.wait_replicas or op.name not in _WRITES:
                self._note()

    def close(self) -> None:
        """Close the client, its pool, and the clients of Sentinels."""
        self._client.close()
        self._client.connection_pool.disconnect()
        if self._sentinel is not None:
            for client in self._sentinel.sentinels:
                client.close()
                client.connection_pool.disconnect()

    def _confirmed(self, op: Invocation, command: Callable[[redis.Redis, Invocation], Any]) -> Answer:
        """Write and WAIT on one connection, and on one socket: on a new one WAIT would confirm nothing, with success.

        The write goes through the client with a connection of the pool pinned to it, so that retries, discovery and
        reconnecting stay the library's. WAIT goes to the connection itself, so that nothing sends it again.
        """
        pool = self._client.connection_pool
        try:
            connection = pool.get_connection(*_COMMAND_NAME)
            try:
                self._client.connection = connection
                output = _json(command(self._client, op))
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
        self._tried = tuple(self._name(address) for address in METER.tried)

    def _answering(self) -> str | None:
        return self._name(METER.tried[-1]) if METER.tried else None

    def _name(self, address: Address) -> str:
        return self._nodes.get(address) or f"{address[0]}:{address[1]}"

    def _built(self, endpoints: Endpoints) -> redis.Redis:
        """The client as a user would construct it, with a connection class that counts."""
        host, port = endpoints.primary
        client: redis.Redis
        construction = self._subject.construction
        options: dict[str, Any] = {"socket_timeout": self._subject.socket_timeout_s}
        if endpoints.login.ca is not None:
            raise UsageError("the redis-py subjects do not speak TLS", remedy="use a subject of your own, or no TLS")
        who: dict[str, Any] = {**endpoints.login.options()}
        if self._subject.retries is not None:
            options["retry"] = Retry(ExponentialBackoff(), self._subject.retries)
            options["retry_on_error"] = [redis.ConnectionError, redis.TimeoutError]  # redis-py 5 heeds only this
        if construction == "Sentinel.master_for":
            if not endpoints.sentinels:
                raise UsageError("the topology has no Sentinels", remedy="use a sentinel topology, or another subject")
            asking: dict[str, Any] = {"socket_timeout": self._subject.socket_timeout_s}
            if self._subject.sentinel_retries is not None:
                asking["retry"] = Retry(ExponentialBackoff(), self._subject.sentinel_retries)
            self._sentinel = Sentinel(endpoints.sentinels, sentinel_kwargs=asking, **options)
            client = self._sentinel.master_for(endpoints.master_name, **who, **options)
            client.connection_pool.connection_class = CountingSentinelConnection
        else:
            if construction == "from_url":
                client = redis.from_url(endpoints.url, **options)
            elif construction == "ConnectionPool":
                client = redis.Redis(connection_pool=redis.ConnectionPool(host=host, port=port, **who, **options))
            else:
                client = redis.Redis(host=host, port=port, **who, **options)
            client.connection_pool.connection_class = CountingConnection
        return client


def _increment(client: redis.Redis, op: Invocation) -> Any:
    return client.incr(op.key, 1 if op.input is None else int(str(op.input)))


_COMMANDS: dict[str, Callable[[redis.Redis, Invocation], Any]] = {
    "write": lambda client, op: client.set(op.key, _value(op)),
    "read": lambda client, op: client.get(op.key),
    "increment": _increment,
    "SET": lambda client, op: client.set(op.key, _value(op)),
    "GET": lambda client, op: client.get(op.key),
    "PUBLISH": lambda client, op: client.publish(op.key, _value(op)),
    "PING": lambda client, _: "PONG" if client.ping() else None,
}


def _value(op: Invocation) -> str | bytes | int | float:
    if isinstance(op.input, (str, bytes, int, float)) and not isinstance(op.input, bool):
        return op.input
    raise UsageError(f"{op.name} of {op.input!r}", remedy="write a string, bytes or a number")


def _json(reply: Any) -> Json:
    """A reply as it is recorded: text where it is UTF-8, `OK` as the server said it."""
    if reply is True:
        return "OK"
    if isinstance(reply, bytes):
        try:
            return reply.decode()
        except UnicodeDecodeError:
            return reply
    if reply is None or isinstance(reply, (int, str)):
        return reply
    raise UsageError(f"redis-py answered {reply!r}", remedy="report it: the session does not know this reply")
