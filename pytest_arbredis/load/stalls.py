"""Stalls of the machine, as the waiting thread of the load sees them.

Between two operations the thread waits: it sleeps, then spins on the clock. Nothing of the subject runs in it then, so
when it comes back too late, the machine took the time: a hypervisor, or somebody else's process. Unless another thread
of this process used the CPU meanwhile: that may be the subject's own, and is no stall.

Stalls during an operation are not asked for, though the kernel would tell some (`schedstat`): the longer an operation
takes, the more of them it meets, so a slow subject would be excused by its slowness. They stay in what is judged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json

KIND = "stalls"
"""Kind of the note in a history."""
BOUND_NS = 250_000
"""A shorter gap is no stall: a sleep ends 50 to 150 µs late on any machine."""
MOST = 20_000
"""Stalls that are kept; a load that sees more has no quiet rounds anyway."""


@dataclass(slots=True, eq=False)
class StallWitness:
    """What one waiting thread saw. `waited_ns` is how long it looked."""

    waited_ns: int = 0
    stalls: list[list[int]] = field(default_factory=list)
    _since_ns: int = 0
    _others_ns: int = 0

    def waiting(self, now_ns: int) -> None:
        """The thread begins to wait."""
        self._since_ns = now_ns
        self._others_ns = _others_ns()

    def gap(self, from_ns: int, until_ns: int) -> None:
        """The thread was not run, though it wanted to be: a stall, unless it is short or our own doing."""
        length_ns = until_ns - from_ns
        if length_ns < BOUND_NS or len(self.stalls) >= MOST:
            return
        others_ns = _others_ns()
        if (others_ns - self._others_ns) * 2 < length_ns:
            self.stalls.append([from_ns, length_ns])
        self._others_ns = others_ns

    def waited(self, now_ns: int) -> None:
        """The wait is over."""
        self.waited_ns += now_ns - self._since_ns

    @property
    def noted(self) -> dict[str, Json]:
        """The data of its note in a history: every stall's begin and length in nanoseconds."""
        seen: list[Json] = [[*stall] for stall in self.stalls]
        return {"kind": KIND, "bound_ms": BOUND_NS / NS_PER_MS, "waited_ns": self.waited_ns, "stalls": seen}


def _others_ns() -> int:
    """CPU time of the other threads of this process."""
    return time.process_time_ns() - time.thread_time_ns()
