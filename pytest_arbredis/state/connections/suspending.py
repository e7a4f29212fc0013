"""The backend of asyncio: streams, and one timer a round trip instead of a cancelled task."""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.addresses import told
from pytest_arbredis.state.connections.packing import pack
from pytest_arbredis.state.connections.parsers import AsyncioParser
from pytest_arbredis.state.connections.translation import WIRE_TROUBLE, wire_error
from pytest_arbredis.state.errors import DeadlineExceededError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.addresses import Address
    from pytest_arbredis.state.connections.seat import Seat
    from pytest_arbredis.state.connections.tls import Contexts


class _Connection(redis.asyncio.Connection):
    """redis-py's connection on streams that are connected already, without its handshake and its retries."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._made = (reader, writer)
        super().__init__(
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            parser_class=AsyncioParser,
            protocol=2,
            redis_connect_func=_begin,
        )

    async def _connect(self) -> None:
        self._reader, self._writer = self._made

    async def open(self) -> None:
        """Take the streams."""
        opening: Any = super().connect
        await opening()

    def end(self) -> None:
        """Forget the streams; who made them ends them."""
        self._reader = self._writer = None
        self._parser.on_disconnect()


def _begin(connection: Any) -> None:
    """Only the parser is told: who we are is said by `handshake.py`, in one round trip."""
    connection._parser.on_connect(connection)  # noqa: SLF001 - redis-py's own hook for this takes the whole handshake


_LEFT_TO_THE_PARENT: list[AsyncioWire] = []
"""In a forked child: kept, because nothing may be done with them."""


class AsyncioWire:
    """A connection of one task at a time, on one event loop."""

    __slots__ = ("_connection", "_expired", "_loop", "_poll", "_read", "_reader", "_tls", "_transport", "address")

    def __init__(self, connection: _Connection, reader: asyncio.StreamReader, transport: Any, address: Address) -> None:
        self.address = address
        self._connection = connection
        self._reader = reader
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._expired = False
        self._read: Callable[..., Any] = connection.read_response
        self._tls = transport.get_extra_info("ssl_object") is not None
        poll = select.poll()
        # Over TLS, what is readable need not be anything that was said.
        gone = getattr(select, "POLLRDHUP", 0)
        poll.register(transport.get_extra_info("socket").fileno(), gone if self._tls else gone | select.POLLIN)
        self._poll = poll.poll

    def clean(self) -> bool:
        """As `Wire.clean`: asks the kernel too, which knows before the loop does."""
        if self._transport.is_closing() or self._reader.at_eof() or self._reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to see what lies there
            return False
        return not self._poll(0)

    async def round(self, commands: Iterable[tuple[Arg, ...]], count: int, expires_ns: int) -> list[Reply]:
        """As `Wire.round`."""
        packed = pack(commands)
        left = expires_ns - time.monotonic_ns()
        if left <= 0:
            raise DeadlineExceededError(
                "the deadline passed before anything was sent",
                remedy="give the call longer (within_s)",
                applied="no",
            )
        timer = self._loop.call_later(left / NS_PER_S, self._expire)
        replies: list[Reply] = []
        try:
            await self._write(packed)
            while len(replies) < count:
                try:
                    replies.append(await self._read(disable_decoding=True, disconnect_on_error=False))
                except redis.ResponseError as error:
                    replies.append(error)
        except WIRE_TROUBLE as error:
            if self._expired:
                raise DeadlineExceededError(
                    f"no reply of {told(self.address)} in time", remedy="read back what was asked"
                ) from error
            raise wire_error(error, self.address) from error
        finally:
            timer.cancel()
        return replies

    async def next(self, expires_ns: int) -> Reply:
        """As `Wire.next`."""
        try:
            async with asyncio.timeout(max(0.0, (expires_ns - time.monotonic_ns()) / NS_PER_S)):
                return await self._read(disable_decoding=True, disconnect_on_error=False)
        except redis.ResponseError as error:
            return error
        except TimeoutError:
            raise
        except WIRE_TROUBLE as error:
            raise wire_error(error, self.address) from error

    async def send(self, args: tuple[Arg, ...], expires_ns: int) -> None:
        """Send a command whose replies come by `next`."""
        packed = pack((args,))
        timer = self._loop.call_later(max(0.0, (expires_ns - time.monotonic_ns()) / NS_PER_S), self._expire)
        try:
            await self._write(packed)
        except OSError as error:
            raise wire_error(TimeoutError() if self._expired else error, self.address) from error
        finally:
            timer.cancel()

    async def _write(self, packed: bytes) -> None:
        self._transport.write(packed)
        if self._transport.get_write_buffer_size():
            await self._connection._writer.drain()  # type: ignore[union-attr]  # noqa: SLF001 - our own streams

    def _expire(self) -> None:
        """The reader then sees the end of its stream: no task need be cancelled for a time-out."""
        self._expired = True
        self._transport.abort()

    def end(self) -> None:
        """As `Wire.end`."""
        self._connection.end()
        try:
            self._transport.abort()
        except RuntimeError:  # its loop is closed, and everything with it
            return

    def leave(self) -> None:
        """As `Wire.leave`: to close it would take it out of the parent's loop, whose epoll is the same."""
        self._connection.end()
        _LEFT_TO_THE_PARENT.append(self)


class _Turn:
    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def begin(self, expires_ns: int) -> bool:
        """As `Turn.begin`."""
        try:
            async with asyncio.timeout(max(0.0, (expires_ns - time.monotonic_ns()) / NS_PER_S)):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    def finish(self) -> None:
        """As `Turn.finish`."""
        self._lock.release()


class _WaitingRoom:
    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def anybody(self) -> bool:
        """As `WaitingRoom.anybody`."""
        return bool(self._waiting)

    async def wait(self, take: Callable[[], Seat | None], expires_ns: int) -> Seat | None:
        """As `WaitingRoom.wait`."""
        loop = asyncio.get_running_loop()
        while True:
            seat = take()
            left = (expires_ns - time.monotonic_ns()) / NS_PER_S
            if seat is not None or left <= 0:
                return seat
            called: asyncio.Future[bool] = loop.create_future()
            timer = loop.call_later(left, _tell, called)
            self._waiting.append(called)
            try:
                await called
            except asyncio.CancelledError:
                if called.done() and not called.cancelled():
                    self.call()  # the call was for somebody who is gone: pass it on
                raise
            finally:
                timer.cancel()
                if called in self._waiting:
                    self._waiting.remove(called)

    def call(self) -> None:
        """As `WaitingRoom.call`."""
        while self._waiting:
            called = self._waiting.popleft()
            if not called.done():
                called.set_result(True)
                return


def _tell(called: asyncio.Future[bool]) -> None:
    if not called.done():
        called.set_result(False)


class AsyncioBackend:
    """Implements `Backend` for the tasks of one event loop."""

    def __init__(self, contexts: Contexts, *, wire: Callable[..., AsyncioWire] = AsyncioWire) -> None:
        self._contexts = contexts
        self._wire = wire

    async def dial(self, address: Address, *, tls: bool, expires_ns: int) -> AsyncioWire:
        """As `Backend.dial`."""
        left = (expires_ns - time.monotonic_ns()) / NS_PER_S
        context = self._contexts.get() if tls else None
        try:
            async with asyncio.timeout(max(0.0, left)):
                reader, writer = await asyncio.open_connection(*address, ssl=context)
        except TimeoutError as error:
            raise DeadlineExceededError(
                f"no connection to {told(address)} in time",
                remedy="is it up, and does it speak TLS if asked to?",
                applied="no",
            ) from error
        except OSError as error:
            raise UnreachableError(
                f"no connection to {told(address)}: {error.strerror or error}", remedy="is it up?"
            ) from error
        try:
            connection = _Connection(reader, writer)
            await connection.open()
            return self._wire(connection, reader, writer.transport, address)
        except BaseException:
            writer.transport.abort()
            raise

    async def pause(self, seconds: float) -> None:
        """As `Backend.pause`."""
        await asyncio.sleep(seconds)

    def turn(self) -> _Turn:
        """As `Backend.turn`."""
        return _Turn()

    def waiting_room(self) -> _WaitingRoom:
        """As `Backend.waiting_room`."""
        return _WaitingRoom()
