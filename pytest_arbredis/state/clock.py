"""Time as an argument: monotonic for deadlines, breakers and ages; wall time only to be shown to people."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """What the layer asks of time; a manual one replaces it in tests."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as this machine believes: it may step. Never compared with another machine's."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC and CLOCK_REALTIME."""

    __slots__ = ()

    monotonic_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)


SYSTEM_CLOCK = SystemClock()
