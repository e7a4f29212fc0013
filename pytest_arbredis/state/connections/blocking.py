"""The backend of threads: sockets that block, until their deadline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.deadline_socket import DeadlineSocket, dial
from pytest_arbredis.state.connections.packing import pack
from pytest_arbredis.state.connections.parsers import BlockingParser
from pytest_arbredis.state.connections.translation import WIRE_TROUBLE, wire_error
from pytest_arbredis.state.errors import DeadlineExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.addresses import Address
    from pytest_arbredis.state.connections.seat import Seat
    from pytest_arbredis.state.connections.tls import Contexts


class _Connection(redis.Connection):
    """redis-py's connection on a socket that is connected already, without its handshake and its retries."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self._made = sock
        opened: Any = super().__init__
        opened(
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            parser_class=BlockingParser,
            protocol=2,
            redis_connect_func=_begin,
        )

    def _connect(self) -> Any:
        return self._made


def _begin(connection: Any) -> None:
    """Only the parser is told: who we are is said by `handshake.py`, in one round trip."""
    connection._parser.on_connect(connection)  # noqa: SLF001 - redis-py's own hook for this takes the whole handshake


class BlockingWire:
    """A connection of one thread at a time."""

    __slots__ = ("_connection", "_read", "_sock", "address")

    def __init__(self, sock: DeadlineSocket, address: Address) -> None:
        self.address = address
        self._sock = sock
        connection: Any = _Connection(sock)
        connection.connect()
        self._connection = connection
        self._read = connection.read_response

    def clean(self) -> bool:
        """As `Wire.clean`."""
        return self._sock.clean()

    async def round(self, commands: Iterable[tuple[Arg, ...]], count: int, expires_ns: int) -> list[Reply]:
        """As `Wire.round`."""
        packed = pack(commands)
        sock, read = self._sock, self._read
        sock.expires_ns = expires_ns
        if expires_ns <= time.monotonic_ns():
            raise DeadlineExceededError(
                "the deadline passed before anything was sent",
                remedy="give the call longer (within_s)",
                applied="no",
            )
        replies: list[Reply] = []
        try:
            sock.sendall(packed)
            while len(replies) < count:
                try:
                    replies.append(read(disable_decoding=True, disconnect_on_error=False))
                except redis.ResponseError as error:
                    replies.append(error)
        except WIRE_TROUBLE as error:
            raise wire_error(error, self.address) from error
        return replies

    async def next(self, expires_ns: int) -> Reply:
        """As `Wire.next`."""
        self._sock.expires_ns = expires_ns
        try:
            return self._read(disable_decoding=True, disconnect_on_error=False)
        except redis.ResponseError as error:
            return error
        except redis.TimeoutError as error:
            raise TimeoutError from error
        except WIRE_TROUBLE as error:
            raise wire_error(error, self.address) from error

    def send(self, args: tuple[Arg, ...], expires_ns: int) -> None:
        """Send a command whose replies come by `next`."""
        packed = pack((args,))
        self._sock.expires_ns = expires_ns
        try:
            self._sock.sendall(packed)
        except OSError as error:
            raise wire_error(error, self.address) from error

    def end(self) -> None:
        """As `Wire.end`."""
        self._sock.close()
        self._connection.disconnect()

    def leave(self) -> None:
        """As `Wire.leave`: closing says nothing to the server while the parent has it open."""
        self.end()


class _Turn:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def begin(self, expires_ns: int) -> bool:
        """As `Turn.begin`."""
        return self._lock.acquire(timeout=max(0.0, (expires_ns - time.monotonic_ns()) / NS_PER_S))

    def finish(self) -> None:
        """As `Turn.finish`."""
        self._lock.release()


class _WaitingRoom:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0

    @property
    def anybody(self) -> bool:
        """As `WaitingRoom.anybody`."""
        return self._waiting > 0

    async def wait(self, take: Callable[[], Seat | None], expires_ns: int) -> Seat | None:
        """As `WaitingRoom.wait`."""
        with self._changed:
            self._waiting += 1
            try:
                while True:
                    seat = take()
                    left = (expires_ns - time.monotonic_ns()) / NS_PER_S
                    if seat is not None or left <= 0:
                        return seat
                    self._changed.wait(left)
            finally:
                self._waiting -= 1

    def call(self) -> None:
        """As `WaitingRoom.call`."""
        with self._changed:
            self._changed.notify()


class BlockingBackend:
    """Implements `Backend` for threads."""

    def __init__(self, contexts: Contexts, *, each_anew: bool = False) -> None:
        self._contexts = contexts
        self._each_anew = each_anew

    async def dial(self, address: Address, *, tls: bool, expires_ns: int) -> BlockingWire:
        """As `Backend.dial`."""
        sock = dial(address, self._contexts.get() if tls else None, expires_ns)
        sock.each_anew = self._each_anew
        return BlockingWire(sock, address)

    async def pause(self, seconds: float) -> None:
        """As `Backend.pause`."""
        time.sleep(seconds)  # noqa: ASYNC251 - this backend has no loop, and its coroutines never suspend

    def turn(self) -> _Turn:
        """As `Backend.turn`."""
        return _Turn()

    def waiting_room(self) -> _WaitingRoom:
        """As `Backend.waiting_room`."""
        return _WaitingRoom()
