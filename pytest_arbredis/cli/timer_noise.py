"""How much this machine disturbs a measurement of time."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerNoise:
    """How late a sleep of 1 ms ends, and the longest time for which a busy thread was not run."""

    sleep_p50_us: float
    sleep_p99_us: float
    longest_gap_ms: float


def measure_noise(*, sleeps: int = 200, spin_s: float = 0.2) -> TimerNoise:
    """Measure it, in about half a second; a spin that is interrupted shows the scheduler's or the hypervisor's gaps."""
    overshoots: list[int] = []
    for _ in range(sleeps):
        began = time.perf_counter_ns()
        time.sleep(0.001)
        overshoots.append(time.perf_counter_ns() - began - 1_000_000)
    overshoots.sort()
    last = time.perf_counter_ns()
    end, longest = last + int(spin_s * 1e9), 0
    while last < end:
        now = time.perf_counter_ns()
        longest = max(longest, now - last)
        last = now
    return TimerNoise(
        sleep_p50_us=overshoots[len(overshoots) // 2] / 1e3,
        sleep_p99_us=overshoots[min(len(overshoots) - 1, int(len(overshoots) * 0.99))] / 1e3,
        longest_gap_ms=longest / 1e6,
    )
