"""The noise floor: PING on a raw socket, by the harness and not by the subject."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Address, Invocation
    from pytest_arbredis.servers.login import Login


class FloorSession:
    """A session that answers `PING` over a socket of its own, to the address that the subject uses.

    It logs in and over TLS where `login` says so, and calls itself `name` (CLIENT SETNAME), if given.
    """

    def __init__(self, address: Address, *, timeout_s: float = 1.0, name: str = "", login: Login | None = None) -> None:
        self._socket = socket.create_connection(address, timeout=timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if login is not None and login.ca is not None:
                trusted = ssl.create_default_context(cafile=login.ca)
                self._socket = trusted.wrap_socket(self._socket, server_hostname=address[0])
            if login is not None and login.password is not None:
                self._ask(f"AUTH {login.user or 'default'} {login.password}")
            if name:
                self._ask(f"CLIENT SETNAME {name}")
        except BaseException:
            self._socket.close()
            raise

    def apply(self, op: Invocation) -> str:  # noqa: ARG002 - every operation is a PING
        """One round trip. Raises builtin `TimeoutError`, `ConnectionError` or `EOFError`."""
        return self.ping()

    def ping(self) -> str:
        """The same, without an operation."""
        return self._ask("PING")

    def _ask(self, command: str) -> str:
        """What is answered to an inline command, without its `+`."""
        self._socket.sendall(f"{command}\r\n".encode())
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
