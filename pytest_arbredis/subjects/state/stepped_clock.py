"""A clock whose wall time somebody sets while the load runs; its monotonic time goes on as ever."""

from __future__ import annotations

import time


class SteppedClock:
    """Implements the layer's `Clock`."""

    def __init__(self) -> None:
        self._step_ns = 0

    monotonic_ns = staticmethod(time.monotonic_ns)

    def wall_ns(self) -> int:
        """As somebody set it."""
        return time.time_ns() + self._step_ns

    def step(self, seconds: float) -> None:
        """Set the wall clock by `seconds` from what it was at first."""
        self._step_ns = int(seconds * 1_000_000_000)
