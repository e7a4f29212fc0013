"""Total deadlines: a call takes one, or inherits what is left of the one around it.

with deadline(0.25):
    store.load_state_from_redis("live", "s-1")   # these two together
    manager.get_metrics()                        # have 250 ms
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import DeadlineExceededError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_around: ContextVar[int | None] = ContextVar("deadline_ns", default=None)
"""CLOCK_MONOTONIC, in nanoseconds, at which the deadline around the present code expires."""


def expires_ns(own_s: float) -> int:
    """When a call that may take `own_s` seconds must end (ns of CLOCK_MONOTONIC): earlier if a deadline is around."""
    mine = time.monotonic_ns() + int(own_s * NS_PER_S)
    around = _around.get()
    return mine if around is None or mine < around else around


def remaining_s(expires_at_ns: int, *, doing: str) -> float:
    """Seconds that are left, above 0; raises `DeadlineExceededError` (nothing sent) when there are none."""
    left = expires_at_ns - time.monotonic_ns()
    if left <= 0:
        raise DeadlineExceededError(
            f"the deadline passed while {doing}", remedy="give the call longer (within_s)", applied="no"
        )
    return left / NS_PER_S


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """All calls inside take at most `seconds` together, in this thread or task."""
    if not 0 < seconds < math.inf:
        raise MisuseError(f"a deadline of {seconds!r} seconds", remedy="give finite seconds above 0")
    token = _around.set(expires_ns(seconds))
    try:
        yield
    finally:
        _around.reset(token)
