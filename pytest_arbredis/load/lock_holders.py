"""A workload of lock holders: acquire, write what the lock protects, release; some come too late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.load.workloads import Planned, key_prefix, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolders:
    """Each client tries every `cycle_ms` to acquire one lock, then does an `accept` at the resource and a `release`.

    Every `late_every`-th time (0: never) it pauses for `late_ms` with the lock: longer than its time to live.
    """

    clients: int
    cycle_ms: int = 60
    late_every: int = 0
    late_ms: int = 0
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)

    @property
    def rate_hz(self) -> float:
        """Three operations a cycle."""
        return 3 * self.clients * 1000 / self.cycle_ms

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Cycles of one client, staggered between those of the others."""
        key = f"{key_prefix(run)}lock"
        at_ns = self.cycle_ms * NS_PER_MS * client // self.clients
        number = client
        while at_ns < seconds * NS_PER_S:
            late = bool(self.late_every) and number % self.late_every == self.late_every - 1
            work_ns = (self.late_ms if late else 4) * NS_PER_MS
            yield Planned(offset_ns=at_ns, name="acquire", key=key)
            yield Planned(offset_ns=at_ns + work_ns, name="accept", key=key)
            yield Planned(offset_ns=at_ns + work_ns + 4 * NS_PER_MS, name="release", key=key)
            at_ns += max(self.cycle_ms * NS_PER_MS, work_ns + 10 * NS_PER_MS)
            number += 1
