"""Time as an argument: a monotonic clock in nanoseconds, and waiting on conditions instead of sleeping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from pytest_arbredis.errors import WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Monotonic time that can be replaced by a manual one in tests."""

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; returns at once for zero or less."""
        ...


class MonotonicClock:
    """The machine's CLOCK_MONOTONIC, shared by all processes of one boot."""

    def now_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`; overshoots by some 50 µs."""
        if seconds > 0:
            time.sleep(seconds)


CLOCK = MonotonicClock()


def wait_until(
    predicate: Callable[[], T],
    *,
    within_s: float,
    what: str,
    every_s: float = 0.01,
    clock: Clock = CLOCK,
    remedy: str = "",
) -> T:
    """The first truthy value of `predicate`, polled every `every_s` seconds.

    The predicate may raise `OSError` or `redis.RedisError` only if it catches them itself: an exception ends the wait.
    Raises `WaitTimeoutError` with `what`, the time waited and the last value seen.
    """
    began = clock.now_ns()
    deadline = began + int(within_s * NS_PER_S)
    while True:
        value = predicate()
        if value:
            return value
        if clock.now_ns() >= deadline:
            waited = (clock.now_ns() - began) / NS_PER_S
            message = f"waited {waited:.1f} s for {what}; last seen: {value!r}"
            raise WaitTimeoutError(message, remedy=remedy)
        clock.sleep(every_s)
