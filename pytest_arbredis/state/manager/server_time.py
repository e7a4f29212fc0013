"""The server's time, reckoned from contacts with it and from the age of each: no two machines' clocks are compared."""

from __future__ import annotations

import functools
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.manager.entries import Instant

if TYPE_CHECKING:
    from pytest_arbredis.state.clock import Clock

NS_PER_US: Final = 1_000
DRIFT_PER_S: Final = 200
"""Microseconds by which two clocks may part in a second."""


@functools.cache
def boot() -> str:
    """What tells this start of the machine from all others; where the system does not say, this process from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"process {os.getpid()} {secrets.token_hex(4)}"


class ServerTime:
    """The best contact so far: its time is wrong by at most half of its round trip, and by what clocks part since."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us: int | None = None
        self._error_us = 0.0
        self._at_ns = 0

    def contact(self, server_us: int, *, sent_ns: int) -> None:
        """The server said `server_us` between `sent_ns` and now. The better of this and the best one is kept."""
        now_ns = self._clock.monotonic_ns()
        error_us = (now_ns - sent_ns) / NS_PER_US / 2
        aged_us = self._error_us + (now_ns - self._at_ns) / 1e9 * DRIFT_PER_S
        offset_us = server_us - (sent_ns + now_ns) // 2 // NS_PER_US
        stepped = self._offset_us is not None and abs(offset_us - self._offset_us) > aged_us + error_us
        if self._offset_us is None or stepped or error_us <= aged_us:
            self._offset_us, self._error_us, self._at_ns = offset_us, error_us, now_ns

    def now(self) -> Instant:
        """This instant, in every clock there is."""
        mono_ns = self._clock.monotonic_ns()
        return Instant(mono_ns=mono_ns, wall_ns=self._clock.wall_ns(), boot=boot(), server_us=self._at(mono_ns))

    def of(self, at: Instant) -> int:
        """The server's time (µs since 1970) of an instant, by the latest contact.

        An instant of an earlier start of the machine has the time that was reckoned then; 0, older than anything, if
        there was none.
        """
        if at.boot == boot():
            now = self._at(at.mono_ns)
            if now is not None:
                return now
        return at.server_us or 0

    def age_s(self, at: Instant) -> float:
        """How long ago that is: by the monotonic clock if it is of this start of the machine, else by the wall's."""
        if at.boot == boot():
            return (self._clock.monotonic_ns() - at.mono_ns) / 1e9
        return max(0.0, (self._clock.wall_ns() - at.wall_ns) / 1e9)

    def too_late_after(self, within_s: float) -> str:
        """The server's time (µs) `within_s` from now, as an argument of a script; empty if it is not known."""
        now_us = self._at(self._clock.monotonic_ns())
        return "" if now_us is None else str(now_us + int(within_s * 1e6))

    def _at(self, mono_ns: int) -> int | None:
        return None if self._offset_us is None else mono_ns // NS_PER_US + self._offset_us
