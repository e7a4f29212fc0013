"""A socket whose operations end at one instant, however many of them there are: bytes that trickle in buy no time."""

from __future__ import annotations

import select
import socket
import ssl
import time
from typing import Final

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.addresses import Address, told
from pytest_arbredis.state.errors import DeadlineExceededError, UnreachableError

_UNUSUAL: Final = select.POLLIN | getattr(select, "POLLRDHUP", 0)
_KEEP_ALIVE: Final = tuple(
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
)


class DeadlineSocket:
    """What redis-py's parsers and this layer need of a socket. `expires_ns` is of CLOCK_MONOTONIC.

    `settimeout` is not heeded: nobody may prolong what the call was given.
    """

    __slots__ = ("_poll", "_sock", "_tls", "each_anew", "expires_ns")

    def __init__(self, sock: socket.socket, expires_ns: int, *, each_anew: bool = False) -> None:
        self._sock = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self.expires_ns = expires_ns
        self.each_anew = each_anew
        poll = select.poll()
        poll.register(sock.fileno(), _UNUSUAL)
        self._poll = poll.poll

    def _limit(self) -> None:
        left = self.expires_ns - time.monotonic_ns()
        if left <= 0:
            message = "the deadline passed"
            raise TimeoutError(message)
        self._sock.settimeout(left / NS_PER_S)

    def sendall(self, data: bytes) -> None:
        """Send it all, or raise `TimeoutError` or another `OSError`."""
        self._limit()
        if not self._tls:
            self._sock.sendall(data)  # its time-out is for the whole
            return
        view = memoryview(data)
        while view:
            view = view[self._sock.send(view) :]
            self._limit()

    def recv(self, size: int) -> bytes:
        """What has come, once something has."""
        if not self.each_anew:
            self._limit()
        return self._sock.recv(size)

    def recv_into(self, buffer: bytearray) -> int:
        """The same, into a buffer."""
        if not self.each_anew:
            self._limit()
        return self._sock.recv_into(buffer)

    def settimeout(self, seconds: float | None) -> None:
        """Not heeded."""

    def fileno(self) -> int:
        """As of a socket."""
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        """Not heeded: a forked child must not end its parent's connection."""

    def close(self) -> None:
        """Close it; never raises."""
        try:
            self._sock.close()
        except OSError:
            return

    def clean(self) -> bool:
        """Whether the other side has neither closed it nor said something that nobody asked for."""
        if not self._poll(0):
            return True
        return self._tls and self._only_tickets()

    def _only_tickets(self) -> bool:
        """TLS 1.3 sends tickets after the handshake: they are readable, and nothing that was said."""
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        return False


def dial(address: Address, context: ssl.SSLContext | None, expires_ns: int) -> DeadlineSocket:
    """A connected socket, over TLS if there is a `context`, until `expires_ns`; each address of the host is tried.

    The host's name is resolved by the system, which keeps no deadline: give addresses where that matters. Raises
    `UnreachableError` or `DeadlineExceededError`; nothing was sent either way.
    """
    last: OSError | None = None
    try:
        found = socket.getaddrinfo(address[0], address[1], type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"{told(address)}: no such host", remedy="check host and port") from error
    for family, kind, protocol, _, at in found:
        sock = socket.socket(family, kind, protocol)
        try:
            # A millisecond too many is no harm; a time-out of 0 would not wait at all.
            sock.settimeout(max(0.001, (expires_ns - time.monotonic_ns()) / NS_PER_S))
            sock.connect(at)
            _tune(sock)
            if context is not None:
                sock = _shake(
                    context.wrap_socket(sock, server_hostname=address[0], do_handshake_on_connect=False), expires_ns
                )
            return DeadlineSocket(sock, expires_ns)
        except OSError as error:
            last = error
            sock.close()
        except BaseException:
            sock.close()
            raise
    if isinstance(last, TimeoutError):
        raise DeadlineExceededError(
            f"no connection to {told(address)} in time",
            remedy="is it up, and does it speak TLS if asked to?",
            applied="no",
        ) from last
    raise UnreachableError(f"no connection to {told(address)}: {_said(last)}", remedy="is it up?") from last


def _said(error: OSError | None) -> str:
    return str((error and (error.strerror or error)) or "it has no address")


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _shake(sock: ssl.SSLSocket, expires_ns: int) -> ssl.SSLSocket:
    """The handshake of TLS, in what is left."""
    sock.settimeout(0)
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            wanted = select.POLLIN
        except ssl.SSLWantWriteError:
            wanted = select.POLLOUT
        except OSError:
            sock.close()
            raise
        else:
            return sock
        left_ms = (expires_ns - time.monotonic_ns()) / 1e6
        waiting = select.poll()
        waiting.register(sock.fileno(), wanted)
        if left_ms <= 0 or not waiting.poll(left_ms):
            sock.close()
            raise TimeoutError
