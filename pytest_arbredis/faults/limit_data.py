"""Limit data: the reply of the next command is lost. The command was applied; its caller never learns it."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic, close_connections
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import contrast
from pytest_arbredis.proxy.toxics import LimitBytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.topology.node import Address

MARGIN_BYTES = 2
"""Bytes that may pass beyond the handshake: its length varies with the digits of the connection's id, and the shortest
reply that a client can use, `:1\\r\\n` or `+OK\\r\\n`, is longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData:
    """Connections to the target are cut after `bytes` bytes of replies.

    With the default 0 exactly the reply of the next command on each live connection is lost, and a new connection
    does not get through its handshake. With `after_handshake` all connections are closed first, then the handshake of
    a redis-py client passes (measured with one) and the reply of the command behind it is lost: every retry too.

    A client that connects for the first time never sends its command with the default: let it do one before. Replicas
    and Sentinels are cut as well: in force for longer than Sentinel waits this ends in a failover, and what the
    replicas had not received by then is gone.
    """

    name: ClassVar[str] = "limit_data"
    nature: ClassVar[Nature] = Nature(
        client_sees="the connection ends where the reply was due; the command was applied",
        seen_by="a connection through the proxy ends after so many bytes, a direct one answers",
        example='faults.limit_data("primary")',
        needs=("proxies",),
        on_link=True,
    )

    bytes: int = 0
    after_handshake: bool = False

    def __post_init__(self) -> None:
        """Refuse a negative number of bytes."""
        if self.bytes < 0:
            raise UsageError(f"limit data of bytes={self.bytes!r}", remedy="use 0 or more bytes")

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy."""
        login = site.deployment.login
        if self.after_handshake and login.ca is not None:
            raise UsageError(
                "limit data after the handshake, on links of TLS: what passes there cannot be counted in replies",
                remedy="leave after_handshake out, or do without tls",
            )
        undos = []
        for node in site.nodes:
            limit = self.bytes
            if self.after_handshake:
                limit += handshake_bytes(node.direct, login.options()) + MARGIN_BYTES
                close_connections(site.deployment, node)
            undos.append(add_toxic(site.deployment, node, LimitBytes(bytes=limit), fault=self.name))
        return undoing_all(undos)

    def observe(self, site: Site) -> str:
        """Replies through each proxy stop and the connection is closed, while a direct one answers."""
        rounds = 1 if not (self.bytes or self.after_handshake) else 4 + self.bytes // 7 + 1024
        seen = []
        for node in site.nodes:
            found = contrast(node, rounds=rounds)
            if found.through.ending not in ("closed", "reset") or not found.direct.answered:
                return ""
            seen.append(f"{node.name}: closed after {found.through.received} bytes of replies, answers directly")
        return "; ".join(seen)


def handshake_bytes(address: Address, login: Mapping[str, Any]) -> int:
    """How many bytes a server answers while a redis-py client with its defaults connects; counted by a relay."""
    import redis

    counted = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def relay() -> None:
            nonlocal counted
            inward, _ = listener.accept()
            with inward, socket.create_connection(address, timeout=5) as outward:
                upstream = threading.Thread(target=_forward, args=(inward, outward), daemon=True)
                upstream.start()
                while chunk := outward.recv(65536):
                    counted += len(chunk)
                    inward.sendall(chunk)
                upstream.join(5)

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        # From a pool: a bare Connection leaves out the part of the handshake that a pool adds.
        port = listener.getsockname()[1]
        client = redis.Redis(host="127.0.0.1", port=port, socket_timeout=5, single_connection_client=True, **login)
        client.close()
        thread.join(5)
    return counted


def _forward(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends, then end the sink's sending side."""
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
