"""Connections outside of the pool, for subscriptions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import redis

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.translation import reply_error
from pytest_arbredis.state.deadline import expires_ns
from pytest_arbredis.state.errors import ConnectionLostError
from pytest_arbredis.state.kinds import DEADLINES_S, Kind

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.backend import Wire
    from pytest_arbredis.state.connections.blocking import BlockingWire
    from pytest_arbredis.state.connections.suspending import AsyncioWire

_SEND_S = DEADLINES_S[Kind.FAST]


def _gone() -> ConnectionLostError:
    return ConnectionLostError("this line was closed", applied="no")


def _told(reply: Reply) -> Reply:
    if isinstance(reply, redis.ResponseError):
        raise reply_error(reply)
    return reply


class BlockingLine:
    """Implements `Line`. After an `UnavailableError` it is closed; nothing in time is None and harms nothing."""

    def __init__(self, wire: Wire) -> None:
        self._wire: BlockingWire | None = cast("BlockingWire", wire)

    def send(self, *args: Arg) -> None:
        """As `Line.send`."""
        if self._wire is None:
            raise _gone()
        try:
            self._wire.send(args, expires_ns(_SEND_S))
        except BaseException:
            self.close()
            raise

    def receive(self, *, within_s: float) -> Reply:
        """As `Line.receive`."""
        if self._wire is None:
            raise _gone()
        try:
            return _told(finish(self._wire.next(time.monotonic_ns() + int(within_s * NS_PER_S))))
        except TimeoutError:
            return None
        except ConnectionLostError:
            self.close()
            raise

    def close(self) -> None:
        """As `Line.close`."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end()


class AsyncioLine:
    """Implements `AsyncLine`."""

    def __init__(self, wire: Wire) -> None:
        self._wire: AsyncioWire | None = cast("AsyncioWire", wire)

    async def send(self, *args: Arg) -> None:
        """As `Line.send`."""
        if self._wire is None:
            raise _gone()
        try:
            await self._wire.send(args, expires_ns(_SEND_S))
        except BaseException:
            await self.close()
            raise

    async def receive(self, *, within_s: float) -> Reply:
        """As `Line.receive`; cancelled, it loses nothing: the next call goes on."""
        if self._wire is None:
            raise _gone()
        try:
            return _told(await self._wire.next(time.monotonic_ns() + int(within_s * NS_PER_S)))
        except TimeoutError:
            return None
        except ConnectionLostError:
            await self.close()
            raise

    async def close(self) -> None:
        """As `Line.close`."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end()
