"""Seats: at most so many connections, the last used first; waiting for one ends with the call's deadline."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from pytest_arbredis.state.connections.seat import Seat
from pytest_arbredis.state.errors import MisuseError, PoolExhaustedError

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.backend import WaitingRoom


class Pool:
    """`places` seats. Those with a connection lie on the right of those without, and are taken from the right.

    Taking and giving back are one step of a deque each, without a lock. Somebody who waits is counted before he looks
    again; somebody who gives back looks at that count after: one of the two sees the other.
    """

    def __init__(self, places: int, room: WaitingRoom) -> None:
        self.places = places
        self._room = room
        self._free: deque[Seat] = deque(Seat() for _ in range(places))
        self._closed = False

    @property
    def free(self) -> int:
        """How many seats nobody holds."""
        return len(self._free)

    def take(self) -> Seat | None:
        """A seat, if one is free; raises `MisuseError` once the pool is closed."""
        if self._closed:
            raise MisuseError("this connection to Redis was closed", remedy="open another one")
        try:
            return self._free.pop()
        except IndexError:
            return None

    async def wait(self, expires_ns: int) -> Seat:
        """A seat; raises `PoolExhaustedError` if none came free in time."""
        seat = await self._room.wait(self.take, expires_ns)
        if seat is None:
            raise PoolExhaustedError(
                f"all {self.places} connections were busy until the deadline",
                remedy="raise max_connections (at most 500), or do less at once",
                applied="no",
            )
        return seat

    def give(self, seat: Seat) -> None:
        """Give a seat back; its connection is kept unless it is in a state of its own."""
        if seat.watching or seat.changed or self._closed:
            seat.drop()
        if seat.wire is None:
            self._free.appendleft(seat)
        else:
            seat.idle_since_ns = time.monotonic_ns()
            self._free.append(seat)
        if self._room.anybody:
            self._room.call()

    def close(self) -> None:
        """End all idle connections now, and those in use when they are given back."""
        self._closed = True
        for seat in tuple(self._free):
            seat.drop()

    def forget(self, room: WaitingRoom) -> None:
        """In a forked child: the parent's connections are not ours. All places are free again, and nobody waits."""
        self._room = room
        for seat in tuple(self._free):
            if seat.wire is not None:
                seat.wire.leave()
        self._free = deque(Seat() for _ in range(self.places))
