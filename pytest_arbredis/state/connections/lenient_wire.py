"""A connection of asyncio with hardenings left out, for the drills: `settings.HARDENINGS` says what each is."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.suspending import AsyncioWire
from pytest_arbredis.state.connections.translation import wire_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.hardenings import Without

_OF_A_WIRE = frozenset({"total-deadline", "fresh-connections"})
_LONG_NS = 3600 * NS_PER_S


class LenientWire(AsyncioWire):
    """Without `total-deadline` each piece of a reply begins the time anew; else a time-out leaves it open."""

    __slots__ = ("_each_anew", "_limit")

    def __init__(self, connection: Any, reader: Any, *rest: Any, each_anew: bool) -> None:
        super().__init__(connection, reader, *rest)
        self._limit: tuple[asyncio.Timeout, float] | None = None
        self._each_anew = each_anew
        if each_anew:
            feed = reader.feed_data

            def fed(data: bytes) -> None:
                feed(data)
                self._anew()

            reader.feed_data = fed

    async def round(self, commands: Iterable[tuple[Arg, ...]], count: int, expires_ns: int) -> list[Reply]:
        """As `Wire.round`, but for what was left out."""
        left_s = (expires_ns - time.monotonic_ns()) / NS_PER_S
        if left_s <= 0:
            return await super().round(commands, count, expires_ns)
        try:
            async with asyncio.timeout(left_s) as limit:
                self._limit = (limit, left_s)
                return await super().round(commands, count, expires_ns + _LONG_NS)
        except TimeoutError as error:
            raise wire_error(error, self.address) from error
        finally:
            self._limit = None

    def _anew(self) -> None:
        if self._limit is not None:
            limit, left_s = self._limit
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time() + left_s)


def wire_without(without: Without) -> Callable[..., AsyncioWire]:
    """What makes connections: those of the layer, unless one of its hardenings is left out."""
    if not without & _OF_A_WIRE:
        return AsyncioWire
    return partial(LenientWire, each_anew="total-deadline" in without)
