"""A fencing token, and what a holder has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_arbredis.state.clock import NS_PER_MS, NS_PER_S, Clock
from pytest_arbredis.state.errors import MisuseError

DRIFT = 0.01
"""Clocks of client and server may differ by this share in their speed; and by 2 ms on top."""


class Token(NamedTuple):
    """Compared from the left: the epoch of the reign under which the lock was given, then a counter."""

    epoch: int
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lock that was acquired. `expires_ns` is when it must be taken for lost, on the holder's monotonic clock.

    It is counted from before the request was sent, and less than what Redis counts: the holder gives up first. A
    holder that is stopped may still come too late; the resource tells by the token.
    """

    name: str
    owner: str = field(repr=False)
    token: Token
    expires_ns: int
    clock: Clock = field(repr=False)

    @property
    def left_s(self) -> float:
        """Seconds for which it is certainly held, unless a failover lost it; 0 when it must be taken for lost."""
        return max(0.0, (self.expires_ns - self.clock.monotonic_ns()) / NS_PER_S)

    @property
    def lost(self) -> bool:
        """Whether its time is over."""
        return self.left_s == 0


def expires_ns(sent_ns: int, ttl_s: float) -> int:
    """When a lock asked for at `sent_ns` must be taken for lost."""
    return sent_ns + int(ttl_s * (1 - DRIFT) * NS_PER_S) - 2 * NS_PER_MS


def require_ttl(ttl_s: float) -> float:
    """A time to live that can be kept."""
    if not 0.02 <= ttl_s <= 86_400:
        raise MisuseError(f"ttl_s={ttl_s!r}", remedy="give seconds from 0.02 to a day")
    return ttl_s
