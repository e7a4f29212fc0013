"""Lines to real servers: a connection of redis-py's pool, without its retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
import redis.sentinel

from pytest_arbredis.errors import UsageError
from pytest_arbredis.subjects.redis_py_client import COMMAND_NAME
from pytest_arbredis.subjects.redis_py_operations import node_name

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Address, Endpoints


class RedisPyLine:
    """Implements `Line`."""

    def __init__(self, endpoints: Endpoints, address: Address, timeout_s: float) -> None:
        who: dict[str, Any] = {**endpoints.login.options()}
        if who.pop("ssl", False):
            who["connection_class"] = redis.SSLConnection
        self._pool: Any = redis.ConnectionPool(
            host=address[0], port=address[1], socket_timeout=timeout_s, decode_responses=True, **who
        )
        self._node = node_name(endpoints, address)
        self._connection: Any = None

    @property
    def node(self) -> str:
        """The node it leads to."""
        return self._node

    def connect(self) -> None:
        """Take a connection of the pool, which connects it."""
        if self._connection is None:
            self._connection = self._pool.get_connection(*COMMAND_NAME)

    def send(self, *words: str) -> None:
        """Send one command, once."""
        self.connect()
        self._connection.send_command(*words, check_health=False)

    def receive(self) -> object:
        """The next reply; a time-out leaves the connection open."""
        reply: object = self._connection.read_response(disconnect_on_error=False)
        return reply

    def close(self) -> None:
        """Disconnect."""
        self._connection = None
        self._pool.disconnect()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPyDialer:
    """Implements `Dialer`: the primary as Sentinels name it, or the one of the start where there are none."""

    endpoints: Endpoints
    timeout_s: float

    def primary(self) -> RedisPyLine:
        """A new line to the primary. Raises redis-py's `MasterNotFoundError` if no Sentinel names one."""
        address = self.endpoints.primary
        if self.endpoints.sentinels:
            asking: dict[str, Any] = {"socket_timeout": self.timeout_s}
            known = redis.sentinel.Sentinel(self.endpoints.sentinels, sentinel_kwargs=asking)
            address = known.discover_master(self.endpoints.master_name)
        return RedisPyLine(self.endpoints, address, self.timeout_s)

    def replica(self) -> RedisPyLine:
        """A new line to n1, the first replica of the start."""
        return self.to("n1")

    def to(self, node: str) -> RedisPyLine:
        """A new line to the node of this name, whatever its role is now."""
        for address, name in self.endpoints.nodes.items():
            if name == node:  # the proxied address comes first
                return RedisPyLine(self.endpoints, address, self.timeout_s)
        raise UsageError(f"the topology has no node {node}", remedy="use one with more replicas")
