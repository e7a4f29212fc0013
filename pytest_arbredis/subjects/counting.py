"""Connections of redis-py that count how often, and to whom, an operation was sent.

What the library sends for itself is not counted: the handshake, and the PING of a health check. A connection that was
not made is no send, but its address was tried. Works with redis-py 5 to 8.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.load.protocol import Address


class Count:
    """What one operation did so far."""

    def __init__(self) -> None:
        self.attempts = 0
        self.tried: list[Address] = []

    def start(self) -> None:
        """Begin to count a new operation."""
        self.attempts = 0
        self.tried = []

    def sent_to(self, address: Address) -> None:
        """Note one send."""
        self.attempts += 1
        self.dialled(address)

    def dialled(self, address: Address) -> None:
        """Note an address; the last one is last, and none is there twice."""
        if not self.tried or self.tried[-1] != address:
            self.tried = [other for other in self.tried if other != address]
            self.tried.append(address)


class Meter(threading.local, Count):
    """What this thread's present operation did so far."""


METER = Meter()


class _Counting(Connection):
    """Counts what is sent outside connecting and health checks; `incarnation` counts its sockets."""

    _own_business = 0
    incarnation = 0

    @contextmanager
    def _uncounted(self) -> Iterator[None]:
        self._own_business += 1
        try:
            yield
        finally:
            self._own_business -= 1

    def connect(self) -> None:
        """Connect and shake hands, uncounted."""
        if self._sock is None:
            with self._uncounted():
                super().connect()  # type: ignore[no-untyped-call]

    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connect and shake hands, uncounted (redis-py ≥ 6)."""
        with self._uncounted():
            super().connect_check_health(*args, **kwargs)

    def check_health(self) -> None:
        """PING if it is due, uncounted."""
        if self.health_check_interval:
            with self._uncounted():
                super().check_health()  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        METER.dialled((self.host, int(self.port)))
        self.incarnation += 1
        return super()._connect()  # type: ignore[no-untyped-call]

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Send, and count it unless it is the library's own business.

        Connecting and the health check come first, as in the library, so that an error of theirs is no send.
        """
        if self._own_business:
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]
            return
        if not self._sock:
            if hasattr(super(), "connect_check_health"):
                self.connect_check_health(check_health=False)
            else:
                self.connect()
        if check_health:
            self.check_health()
        METER.sent_to((self.host, int(self.port)))
        super().send_packed_command(command, check_health=False)  # type: ignore[no-untyped-call]


class CountingConnection(_Counting):
    """A `redis.connection.Connection` that counts."""


@functools.cache
def counting(kind: type[Any]) -> type[Any]:
    """That class of connection (plain, over TLS, of a Sentinel's client), counting what it sends."""
    return type(f"Counting{kind.__name__}", (_Counting, kind), {})
