"""Loads under way in this process, by key: those who want the same wait for one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Signal(Protocol):
    """An event of threads or of asyncio: what lands sets it, its driver waits for it."""

    def set(self) -> None:
        """From now on whoever waits goes on."""
        ...


class Flight:
    """One load. `landed` is set when it is over; `usable` then tells whether those who waited may take `value`.

    `leased`: it is usable only if nobody has written meanwhile. Other loads began while Redis was away.
    """

    __slots__ = ("landed", "leased", "usable", "value")

    def __init__(self, landed: Signal, *, leased: bool) -> None:
        self.landed = landed
        self.leased = leased
        self.usable = False
        self.value: object = None


class Flights:
    """At most one load of a key, of those that may be joined. No lock is held while anything is loaded."""

    def __init__(self, signal: Callable[[], Signal]) -> None:
        self._signal = signal
        self._lock = threading.Lock()
        self._by_key: dict[str, Flight] = {}

    def join(self, key: str) -> tuple[Flight, bool]:
        """The load of `key`, and whether it is the caller's own to do."""
        with self._lock:
            found = self._by_key.get(key)
            if found is not None:
                return found, False
            made = self._by_key[key] = Flight(self._signal(), leased=False)
            return made, True

    def lead(self, key: str) -> Flight:
        """A load of the caller's own, who has the lease, in the place of one that may still be under way."""
        with self._lock:
            made = self._by_key[key] = Flight(self._signal(), leased=True)
            return made

    def present(self, key: str) -> Flight | None:
        """The load of `key` with a lease, if there is one."""
        with self._lock:
            found = self._by_key.get(key)
        return found if found is not None and found.leased else None

    def forget(self, key: str) -> None:
        """From now on nobody joins the present load of `key`: what it reads may be old."""
        with self._lock:
            self._by_key.pop(key, None)

    def close(self, key: str, flight: Flight) -> None:
        """From now on nobody joins this load: its value is on its way to Redis, and a write may follow it there."""
        with self._lock:
            if self._by_key.get(key) is flight:
                del self._by_key[key]

    def land(self, key: str, flight: Flight, value: object, *, usable: bool) -> None:
        """A load is over."""
        with self._lock:
            if self._by_key.get(key) is flight:
                del self._by_key[key]
            flight.value, flight.usable = value, usable
        flight.landed.set()
