"""A clock for breakers: it passes when it is told to, and by a nanosecond whenever it is read."""

from __future__ import annotations

from pytest_arbredis.state.clock import NS_PER_S


class TickingClock:
    """Implements the state layer's `Clock`. `wall_step_s` is how far somebody set the wall clock."""

    def __init__(self, start_ns=1_000_000_000, tick_ns=1):
        self.at_ns, self.tick_ns, self.wall_step_s = start_ns, tick_ns, 0.0

    def monotonic_ns(self):
        self.at_ns += self.tick_ns
        return self.at_ns

    def wall_ns(self):
        return self.monotonic_ns() + int(self.wall_step_s * NS_PER_S)

    def advance(self, seconds):
        self.at_ns += round(seconds * NS_PER_S)
