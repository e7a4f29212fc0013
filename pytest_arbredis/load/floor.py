"""The noise floor: PING on a raw socket, by the harness and not by the subject."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Address, Invocation


class FloorSession:
    """A session that answers `PING` over a socket of its own, to the address that the subject uses."""

    def __init__(self, address: Address, *, timeout_s: float = 1.0) -> None:
        self._socket = socket.create_connection(address, timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def apply(self, op: Invocation) -> str:  # noqa: ARG002 - every operation is a PING
        """One round trip. Raises builtin `TimeoutError`, `ConnectionError` or `EOFError`."""
        self._socket.sendall(b"PING\r\n")
        reply = b""
        while not reply.endswith(b"\r\n"):
            piece = self._socket.recv(64)
            if not piece:
                raise EOFError("the server closed the connection")
            reply += piece
        return reply.decode().strip().lstrip("+")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
